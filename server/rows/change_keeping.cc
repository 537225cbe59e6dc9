// What holds keep of rows that end.
#include <utility>

#include "server/rows/change.h"
#include "server/rows/object_rows.h"
#include "server/rows/row_walk.h"

namespace retention {

absl::StatusOr<bool> Change::TakeOut(const FiledKey& key, std::string_view envelope, std::string_view pbx_id,
                                     std::string_view reason) {
  if (!Concerned(key.pbx)) return false;
  auto plaintext = holdings_.vault.Open(key, envelope);
  // It has ended, or is damaged, and cannot be kept any more.
  if (IsUnreadable(plaintext.status())) return false;
  if (!plaintext.ok()) return plaintext.status();
  const uint32_t values = Vault::ValueCount(envelope);
  auto kept = Keep(key, {envelope, *plaintext, values}, pbx_id, reason);
  if (!kept.ok()) return kept.status();
  if (*kept == 0) return false;
  EndRow(key, envelope, values, *kept, reason);
  return true;
}

absl::StatusOr<uint32_t> Change::Keep(const FiledKey& key, const Opened& opened, std::string_view pbx_id,
                                      std::string_view reason) {
  if (opened.values == 0 || !Concerned(key.pbx) || CountOf(key.day, key.category).rows == 0) return 0;
  auto part = Parts().Match(key, opened.plaintext.Reveal(), opened.values);
  // Damaged: nobody can tell what of it to keep.
  if (absl::IsDataLoss(part.status())) return 0;
  if (!part.ok()) return part.status();
  if (part->values == 0) return 0;
  stored::v1::KeptRow row;
  row.set_due_day(key.day.number());
  row.set_ended_us(absl::ToUnixMicros(now_));
  row.set_reason(std::string(reason));
  if (IsObject(key.category)) {
    row.set_pbx_id(pbx_id.empty() ? holdings_.registry.ExternalId(key.pbx) : std::string(pbx_id));
  }
  row.set_row(part->whole ? opened.plaintext.Reveal() : part->row);
  FiledKey target = key;
  target.day = DueDay::Kept();
  if (absl::Status s = holdings_.random.Fill(target.item.bytes.data(), target.item.bytes.size()); !s.ok()) return s;
  const auto restricted = holdings_.vault.IsRestricted(opened.envelope);
  if (!restricted.ok()) return restricted.status();
  FileRestricted(target, Personal(row.SerializeAsString()), part->values, *restricted);
  kept_[{std::string(reason), DueDay::None()}][key.category] += part->values;
  kept_in_all_[key.category] += part->values;
  return part->values;
}

absl::StatusOr<uint32_t> Change::LetGo(const FiledKey& key, std::string_view envelope) {
  const uint32_t values = Vault::ValueCount(envelope);
  auto plaintext = holdings_.vault.Open(key, envelope);
  stored::v1::KeptRow row;
  const bool damaged =
      absl::IsDataLoss(plaintext.status()) || (plaintext.ok() && !row.ParseFromString(plaintext->Reveal()));
  if (damaged && !Concerned(key.pbx)) {
    // Nobody would come by it again.
    EndRow(key, envelope, values, 0, kReasonHoldReleased);
    return values;
  }
  if (damaged) return 0;
  if (!plaintext.ok()) return plaintext.status();
  auto part = Parts().Match(key, row.row(), values);
  if (!part.ok()) return part.status();
  if (part->values == values) return 0;
  if (part->values > 0) {
    Mark(key);
    CountErased(key.category, key.day, values - part->values, kReasonHoldReleased);
    row.set_row(part->row);
    count_changes_.Remove(key.day, key.category, 0, values - part->values);
    const auto restricted = holdings_.vault.IsRestricted(envelope);
    if (!restricted.ok()) return restricted.status();
    EndSealed(envelope);
    Seal(key, Personal(row.SerializeAsString()), part->values, *restricted);
    return values - part->values;
  }
  if (IsObject(key.category)) {
    stored::v1::Value object;
    if (!object.ParseFromString(row.row())) return absl::DataLossError("an object's row does not parse");
    OrderRow(key, row.pbx_id(), object.object());
  }
  EndRow(key, envelope, values, 0, kReasonHoldReleased);
  return values;
}

void Change::ForEachKept(
    absl::FunctionRef<void(const FiledKey& key, const stored::v1::KeptRow& row, uint32_t values)> visit) const {
  for (const Unsealed& unsealed : unsealed_) {
    stored::v1::KeptRow row;
    if (unsealed.key.day != DueDay::Kept() || !row.ParseFromString(unsealed.plaintext.Reveal())) continue;
    visit(unsealed.key, row, unsealed.values);
  }
}

KeptParts& Change::Parts() {
  if (parts_ == nullptr) {
    parts_ = holdings_.keeper->PartsIn(holdings_.store, holdings_.vault, holdings_.counts, last_due_);
  }
  return *parts_;
}

}  // namespace retention
