#include "server/engine/hold_book.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/engine/meeting_book.h"
#include "server/engine/pbx_registry.h"
#include "storage/keys.h"

namespace retention {
namespace {

DueDay DayOfValidDate(const google::type::Date& date) {
  return DueDay(absl::CivilDay(date.year(), date.month(), date.day()));
}

}  // namespace

const std::string& PbxOfScope(const v1::HoldScope& scope) {
  switch (scope.scope_case()) {
    case v1::HoldScope::kPbxId:
      return scope.pbx_id();
    case v1::HoldScope::kMeeting:
      return scope.meeting().pbx_id();
    case v1::HoldScope::kExtension:
      return scope.extension().pbx_id();
    case v1::HoldScope::kSubject:
      return scope.subject().has_display_name() ? scope.subject().display_name().pbx_id()
                                                : scope.subject().extension().pbx_id();
    default:
      return v1::HoldExtension::default_instance().pbx_id();
  }
}

const v1::HoldExtension* ExtensionOfScope(const v1::HoldScope& scope) {
  if (scope.has_extension()) return &scope.extension();
  if (scope.has_subject() && scope.subject().has_extension()) return &scope.subject().extension();
  return nullptr;
}

OwnerId OwnerOfScope(const Vault& vault, const PbxId& pbx, const v1::HoldScope& scope) {
  if (const v1::HoldExtension* extension = ExtensionOfScope(scope)) {
    return ExtensionKey(vault, pbx, extension->number()).owner;
  }
  if (scope.has_meeting()) return MeetingOwner(vault, pbx, scope.meeting().meeting_id());
  if (scope.has_subject() && scope.subject().has_display_name()) {
    return MeetingOwner(vault, pbx, scope.subject().display_name().meeting_id());
  }
  return {};
}

DueDay Hold::End() const { return DayOfValidDate(terms.end_date()); }
DueDay Hold::Review() const { return DayOfValidDate(terms.review_date()); }

const std::string& Hold::Controller() const {
  if (terms.scope().has_subject()) return terms.scope().subject().controller_id();
  return terms.scope().controller_id();
}

std::string Hold::LedgerId() const { return absl::StrCat(absl::Hex(number, absl::kZeroPad16)); }

absl::Status HoldBook::Load(const StoreView& store, Vault& vault) {
  std::map<std::string, HoldPtr, std::less<>> holds;
  auto cursor = store.ScanPrefix(Family::kState, HoldPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    const auto number = DecodeHoldKey(cursor->key());
    if (!number.has_value()) return absl::DataLossError("a hold's key does not parse");
    auto plaintext = vault.OpenState(cursor->key(), cursor->value());
    if (!plaintext.ok()) return plaintext.status();
    stored::v1::StoredHold stored;
    if (!stored.ParseFromString(plaintext->Reveal())) return absl::DataLossError("a hold does not parse");
    Hold hold{.number = *number,
              .terms = stored.hold(),
              .created = absl::FromUnixMicros(stored.created_us()),
              .email = stored.email()};
    if (stored.released_us() != 0) hold.released = absl::FromUnixMicros(stored.released_us());
    for (const std::string& pbx : stored.pbxs()) {
      if (pbx.size() != PbxId::kBytes) return absl::DataLossError("a hold does not parse");
      hold.pbxs.insert(PbxId::From(pbx));
    }
    if (!PbxOfScope(hold.terms.scope()).empty() && !hold.pbxs.empty()) {
      hold.owner = OwnerOfScope(vault, *hold.pbxs.begin(), hold.terms.scope());
    }
    std::string id = hold.terms.hold_id();
    holds.emplace(std::move(id), std::make_shared<const Hold>(std::move(hold)));
  }
  if (!cursor->status().ok()) return cursor->status();
  std::lock_guard lock(mutex_);
  const auto same = [](const auto& a, const auto& b) {
    return a.second->number == b.second->number && a.second->released == b.second->released &&
           a.second->terms.SerializeAsString() == b.second->terms.SerializeAsString() &&
           a.second->pbxs == b.second->pbxs;
  };
  if (!std::equal(holds.begin(), holds.end(), holds_.begin(), holds_.end(), same)) version_.fetch_add(1);
  holds_ = std::move(holds);
  by_pbx_.clear();
  any_.store(false);
  for (const auto& [id, hold] : holds_) Index(hold);
  return absl::OkStatus();
}

void HoldBook::Index(const HoldPtr& hold) {
  for (const PbxId& pbx : hold->pbxs) by_pbx_[pbx].push_back(hold);
  any_.store(true);
}

void HoldBook::Unindex(const Hold& hold) {
  for (const PbxId& pbx : hold.pbxs) {
    const auto found = by_pbx_.find(pbx);
    if (found == by_pbx_.end()) continue;
    std::erase_if(found->second, [&hold](const HoldPtr& indexed) { return indexed->number == hold.number; });
    if (found->second.empty()) by_pbx_.erase(found);
  }
}

absl::Status HoldBook::PutRow(const Hold& hold, Vault& vault, Batch& batch) {
  stored::v1::StoredHold stored;
  *stored.mutable_hold() = hold.terms;
  stored.set_created_us(absl::ToUnixMicros(hold.created));
  for (const PbxId& pbx : hold.pbxs) stored.add_pbxs(std::string(pbx.view()));
  stored.set_email(hold.email);
  if (hold.released.has_value()) stored.set_released_us(absl::ToUnixMicros(*hold.released));
  const std::string key = HoldKey(hold.number);
  auto envelope = vault.SealState(key, Personal(stored.SerializeAsString()));
  if (!envelope.ok()) return envelope.status();
  batch.Put(Family::kState, key, *std::move(envelope));
  return absl::OkStatus();
}

void HoldBook::Put(Hold hold) {
  std::lock_guard lock(mutex_);
  const auto put = std::make_shared<const Hold>(std::move(hold));
  HoldPtr& held = holds_[put->terms.hold_id()];
  const bool wider = held == nullptr || held->pbxs.size() < put->pbxs.size();
  if (held != nullptr) Unindex(*held);
  held = put;
  Index(put);
  if (wider) version_.fetch_add(1);
}

void HoldBook::Erase(std::string_view hold_id) {
  std::lock_guard lock(mutex_);
  const auto found = holds_.find(hold_id);
  if (found == holds_.end()) return;
  Unindex(*found->second);
  holds_.erase(found);
  any_.store(!holds_.empty());
}

HoldPtr HoldBook::Find(std::string_view hold_id) const {
  std::lock_guard lock(mutex_);
  const auto found = holds_.find(hold_id);
  return found == holds_.end() ? nullptr : found->second;
}

std::vector<HoldPtr> HoldBook::List(std::string_view after) const {
  std::vector<HoldPtr> list;
  std::lock_guard lock(mutex_);
  for (auto it = holds_.upper_bound(after); it != holds_.end(); ++it) list.push_back(it->second);
  return list;
}

size_t HoldBook::size() const {
  std::lock_guard lock(mutex_);
  return holds_.size();
}

std::vector<HoldPtr> HoldBook::Concerning(const PbxId& pbx, DueDay last_due) const {
  std::vector<HoldPtr> concerning;
  if (!any_.load()) return concerning;
  std::lock_guard lock(mutex_);
  const auto found = by_pbx_.find(pbx);
  if (found == by_pbx_.end()) return concerning;
  std::copy_if(found->second.begin(), found->second.end(), std::back_inserter(concerning),
               [&](const HoldPtr& hold) { return hold->InForce(last_due); });
  return concerning;
}

std::set<PbxId> HoldBook::ConcernedPbxs(DueDay last_due) const {
  std::set<PbxId> concerned;
  std::lock_guard lock(mutex_);
  for (const auto& [pbx, holds] : by_pbx_) {
    if (std::any_of(holds.begin(), holds.end(), [&](const HoldPtr& hold) { return hold->InForce(last_due); })) {
      concerned.insert(pbx);
    }
  }
  return concerned;
}

std::vector<HoldPtr> HoldBook::OfController(std::string_view controller_id, DueDay last_due) const {
  std::vector<HoldPtr> of_controller;
  if (!any_.load() || controller_id.empty()) return of_controller;
  std::lock_guard lock(mutex_);
  for (const auto& [id, hold] : holds_) {
    if (hold->InForce(last_due) && hold->Controller() == controller_id) of_controller.push_back(hold);
  }
  return of_controller;
}

HoldPtr HoldBook::Releasing() const {
  std::lock_guard lock(mutex_);
  for (const auto& [id, hold] : holds_) {
    if (hold->released.has_value()) return hold;
  }
  return nullptr;
}

std::vector<HoldPtr> HoldBook::Ended(DueDay last_due) const {
  std::vector<HoldPtr> ended;
  if (!any_.load()) return ended;
  std::lock_guard lock(mutex_);
  for (const auto& [id, hold] : holds_) {
    if (!hold->released.has_value() && hold->End() <= last_due) ended.push_back(hold);
  }
  return ended;
}

}  // namespace retention
