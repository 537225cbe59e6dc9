#include "server/rows/owner_ends.h"

#include <string>
#include <string_view>
#include <utility>

#include "storage/keys.h"

namespace retention {
namespace {

constexpr size_t kNumberBytes = 8;

void AppendNumber(OwnerNumber number, std::string& out) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(number >> shift));
}

OwnerNumber NumberIn(std::string_view bytes) {
  OwnerNumber number = 0;
  for (const char byte : bytes.substr(0, kNumberBytes)) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

}  // namespace

absl::Status OwnerEnds::Load(const StoreView& store) {
  left_.clear();
  done_.clear();
  auto cursor = store.ScanPrefix(Family::kState, OwnerEndPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    std::string_view value = cursor->value();
    if (value.empty() || value.size() % kNumberBytes != 0) {
      return absl::DataLossError("a row that tells of ended owners does not parse");
    }
    // Nobody reads yet.
    Left& left = left_[NumberIn(value)];
    left.is_due = true;
    for (; !value.empty(); value.remove_prefix(kNumberBytes)) left.owners.push_back(NumberIn(value));
  }
  return cursor->status();
}

void OwnerEnds::Put(const EndedOwners& ended, Batch& batch) {
  if (ended.empty()) return;
  std::string value;
  for (const OwnerNumber owner : ended.owners) AppendNumber(owner, value);
  batch.Put(Family::kState, OwnerEndKey(ended.owners.front()), std::move(value));
}

void OwnerEnds::DeleteDone(Batch& batch) const {
  for (const OwnerNumber first : done_) batch.Delete(Family::kState, OwnerEndKey(first));
}

void OwnerEnds::Committed(EndedOwners ended, KeyRing& ring) {
  done_.clear();
  if (ended.empty()) return;
  const OwnerNumber first = ended.owners.front();
  left_.insert_or_assign(first, Left{.owners = std::move(ended.owners), .is_due = ended.erased});
  if (!ended.erased) return;
  // A ring that cannot be written is told of by overdue(), and tried again by the sweeper.
  DestroyDue(ring).IgnoreError();
}

absl::Status OwnerEnds::DestroyRested(KeyRing& ring) {
  absl::Status status = DestroyDue(ring);
  for (auto& [first, left] : left_) left.is_due = true;
  return status;
}

absl::Status OwnerEnds::DestroyDue(KeyRing& ring) {
  std::vector<OwnerNumber> owners;
  for (const auto& [first, left] : left_) {
    if (left.is_due) owners.insert(owners.end(), left.owners.begin(), left.owners.end());
  }
  if (owners.empty()) return absl::OkStatus();
  const absl::Status status = ring.DestroyOwners(owners);
  overdue_ = status.ok() ? 0 : owners.size();
  if (!status.ok()) return status;
  std::erase_if(left_, [&](const auto& entry) {
    if (entry.second.is_due) done_.push_back(entry.first);
    return entry.second.is_due;
  });
  return absl::OkStatus();
}

}  // namespace retention
