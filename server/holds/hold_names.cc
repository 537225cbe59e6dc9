#include "server/holds/hold_names.h"

#include <utility>

namespace retention {

bool HoldNames::Turn(const PbxId& pbx, DueDay last_due) {
  if (orders_.is_done() && others_.is_done()) return false;
  if (const std::pair at(pbx, last_due); at_ != at) {
    at_ = at;
    orders_.on.clear();
    others_.on.clear();
    for (HoldPtr& hold : register_.On(pbx, last_due)) {
      Kind& kind = hold->terms.basis() == v1::HOLD_BASIS_OFFICIAL_ORDER ? orders_ : others_;
      kind.on.push_back(std::move(hold));
    }
  }
  return true;
}

void HoldNames::Look(const FiledKey& key, const std::string& row, uint32_t values, DueDay last_due) {
  if (!Turn(key.pbx, last_due)) return;
  Ask(orders_, key, row, values);
  Ask(others_, key, row, values);
}

void HoldNames::Ask(Kind& kind, const FiledKey& key, const std::string& row, uint32_t values) {
  for (const HoldPtr& hold : kind.on) {
    if (kind.is_done()) return;
    if (kind.found.contains(hold->number)) continue;
    ++kind.questions;
    if (Keeps(*hold, key, row, values)) kind.found.emplace(hold->number, hold);
  }
}

bool HoldNames::Keeps(const Hold& hold, const FiledKey& key, const std::string& row, uint32_t values) {
  std::unique_ptr<HoldMatcher>& matcher = matchers_[hold.number];
  if (matcher == nullptr) {
    const auto claims = std::make_shared<HoldClaims>();
    claims->Add(hold);
    matcher = std::make_unique<HoldMatcher>(
        view_, vault_, counts_, [claims](const PbxId&) { return HoldConcerns{{.claims = claims, .left = kNotLeft}}; });
  }
  const auto part = matcher->Match(key, row, values);
  return part.ok() && part->values > 0;
}

google::protobuf::RepeatedPtrField<v1::KeepingHold> HoldNames::Describe() const {
  google::protobuf::RepeatedPtrField<v1::KeepingHold> described;
  for (const Kind* const kind : {&orders_, &others_}) {
    for (const auto& [number, hold] : kind->found) {
      v1::KeepingHold& keeping = *described.Add();
      keeping.set_hold_id(hold->terms.hold_id());
      keeping.set_ledger_id(hold->LedgerId());
      keeping.set_basis(hold->terms.basis());
      *keeping.mutable_end_date() = hold->terms.end_date();
    }
  }
  return described;
}

void KeptByChanges::Take(const Change& change) {
  change.ForEachKept([this](const FiledKey& key, const stored::v1::KeptRow& row, uint32_t values) {
    if (row.reason() != reason_ || rows_.size() >= kMaxRows || bytes_ + row.row().size() > kMaxBytes) return;
    bytes_ += row.row().size();
    rows_.push_back({.key = key, .plaintext = Personal(row.row()), .values = values});
  });
}

google::protobuf::RepeatedPtrField<v1::KeepingHold> KeptByChanges::Keepers(const StoreView& view,
                                                                           const Holdings& holdings,
                                                                           const HoldRegister& holds,
                                                                           absl::Time now) const {
  HoldNames names(view, holdings.vault, holdings.counts, holds);
  const DueDay last_due = holdings.LastDue(now);
  for (const Row& row : rows_) names.Look(row.key, row.plaintext.Reveal(), row.values, last_due);
  return names.Describe();
}

}  // namespace retention
