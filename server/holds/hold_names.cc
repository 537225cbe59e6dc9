#include "server/holds/hold_names.h"

namespace retention {

void HoldNames::Look(const FiledKey& key, const std::string& row, uint32_t values) {
  for (const HoldPtr& hold : register_.On(key.pbx, last_due_)) {
    if (found_.size() >= kMaxNames || questions_ >= kMaxQuestions) return;
    if (found_.contains(hold->number)) continue;
    ++questions_;
    std::unique_ptr<HoldMatcher>& matcher = matchers_[hold->number];
    if (matcher == nullptr) {
      const auto claims = std::make_shared<HoldClaims>();
      claims->Add(*hold);
      matcher = std::make_unique<HoldMatcher>(view_, vault_, counts_, [claims](const PbxId&) {
        return HoldConcerns{{.claims = claims, .left = kNotLeft}};
      });
    }
    const auto part = matcher->Match(key, row, values);
    if (part.ok() && part->values > 0) found_.emplace(hold->number, hold);
  }
}

google::protobuf::RepeatedPtrField<v1::KeepingHold> HoldNames::Describe() const {
  google::protobuf::RepeatedPtrField<v1::KeepingHold> described;
  for (const auto& [number, hold] : found_) {
    v1::KeepingHold& keeping = *described.Add();
    keeping.set_hold_id(hold->terms.hold_id());
    keeping.set_ledger_id(hold->LedgerId());
    keeping.set_basis(hold->terms.basis());
    *keeping.mutable_end_date() = hold->terms.end_date();
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
  HoldNames names(view, holdings.vault, holdings.counts, holds, holdings.LastDue(now));
  for (const Row& row : rows_) names.Look(row.key, row.plaintext.Reveal(), row.values);
  return names.Describe();
}

}  // namespace retention
