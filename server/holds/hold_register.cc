#include "server/holds/hold_register.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/holds/hold_matcher.h"
#include "server/rows/row_keys.h"
#include "storage/keys.h"

namespace retention {
namespace {

void PutCoverRow(const OwnerId& controller, const PbxId& pbx, HoldGeneration left, Batch& batch) {
  stored::v1::HoldCoverEntry entry;
  entry.set_left_generation(left == kNotLeft ? 0 : left);
  batch.Put(Family::kState, HoldCoverKey(controller, pbx), entry.SerializeAsString());
}

}  // namespace

void HoldRegister::Index(const HoldPtr& hold) {
  const auto put = [&hold](Group& group) {
    group.holds[hold->number] = hold;
    group.claims.reset();
  };
  for (const HoldTarget& target : hold->targets) put(by_pbx_[target.pbx]);
  if (hold->targets.empty()) put(by_controller_[hold->Controller()]);
  any_.store(true);
}

void HoldRegister::Unindex(const Hold& hold) {
  const auto is_last = [&hold](Group& group) {
    group.holds.erase(hold.number);
    group.claims.reset();
    return group.holds.empty();
  };
  for (const HoldTarget& target : hold.targets) {
    if (is_last(by_pbx_[target.pbx])) by_pbx_.erase(target.pbx);
  }
  if (hold.targets.empty() && is_last(by_controller_[hold.Controller()])) {
    by_controller_.erase(hold.Controller());
    UnindexCover(hold.Controller());
  }
}

void HoldRegister::IndexCover(const std::string& controller_id, HoldCover cover) {
  for (const PbxId& pbx : cover.present) controllers_of_[pbx].insert(controller_id);
  for (const auto& [pbx, left] : cover.left) controllers_of_[pbx].insert(controller_id);
  covers_[controller_id] = std::move(cover);
}

void HoldRegister::UnindexCover(const std::string& controller_id) {
  const auto forget = [&](const PbxId& pbx) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto found = controllers_of_.find(pbx);
    if (found == controllers_of_.end()) return;
    found->second.erase(controller_id);
    if (found->second.empty()) controllers_of_.erase(found);
  };
  const auto found = covers_.find(controller_id);
  if (found == covers_.end()) return;
  for (const PbxId& pbx : found->second.present) forget(pbx);
  for (const auto& [pbx, left] : found->second.left) forget(pbx);
  covers_.erase(found);
}

HoldCover HoldRegister::CoverOf(const std::string& controller_id, std::span<const PbxId> pbxs, const Vault& vault,
                                Batch& batch) const {
  HoldCover cover;
  {
    const MutexLock lock(mutex_);
    if (const auto found = covers_.find(controller_id); found != covers_.end()) cover = found->second;
  }
  const OwnerId controller = ControllerOwner(vault, controller_id);
  const std::set<PbxId> now(pbxs.begin(), pbxs.end());
  const HoldGeneration next = cover.generation + 1;
  for (const PbxId& pbx : cover.present) {
    if (now.contains(pbx)) continue;
    cover.left[pbx] = cover.generation = next;
    PutCoverRow(controller, pbx, next, batch);
  }
  for (const PbxId& pbx : now) {
    if (cover.present.contains(pbx)) continue;
    cover.left.erase(pbx);
    PutCoverRow(controller, pbx, kNotLeft, batch);
  }
  cover.present = now;
  return cover;
}

void HoldRegister::Join(const std::string& controller_id, const PbxId& pbx, bool created, const Vault& vault,
                        Change& change) {
  if (!any_.load() || controller_id.empty()) return;
  MutexLock lock(mutex_);
  const auto group = by_controller_.find(controller_id);
  if (group == by_controller_.end()) return;
  const auto claims = ClaimsOf(group->second, change.last_due());
  if (claims->first == kNotLeft) return;
  HoldCover& cover = covers_[controller_id];
  if (cover.present.contains(pbx)) return;
  PutCoverRow(ControllerOwner(vault, controller_id), pbx, kNotLeft, change.batch());
  change.Before([pbx, until = claims->until](KeyRing& ring) { return ring.HoldPbxs({&pbx, 1}, until); });
  const HoldCover before = cover;
  changes_.fetch_add(1);
  cover.present.insert(pbx);
  cover.left.erase(pbx);
  controllers_of_[pbx].insert(controller_id);
  // Nothing of a new one is due: a walk over due days need not begin anew for it.
  if (!created) version_.fetch_add(1);
  change.Otherwise([this, controller_id, before] {
    MutexLock undo(mutex_);
    changes_.fetch_add(1);
    UnindexCover(controller_id);
    IndexCover(controller_id, before);
  });
}

void HoldRegister::NoteEnd(const PbxId& pbx, const HeldPbxEnd& end, Change& change) {
  stored::v1::HeldEnd stored;
  if (end.controller != OwnerId{}) stored.set_controller(std::string(end.controller.view()));
  stored.set_name(std::string(end.name.view()));
  change.batch().Put(Family::kState, HeldEndKey(pbx), stored.SerializeAsString());
  change.ThenDo([this, pbx, end] {
    const MutexLock lock(mutex_);
    ended_.insert_or_assign(pbx, end);
  });
}

std::vector<PbxId> HoldRegister::EndedPbxs(DueDay last_due, absl::FunctionRef<bool(const HeldPbxEnd&)> is) const {
  std::vector<PbxId> found;
  {
    const MutexLock lock(mutex_);
    for (const auto& [pbx, end] : ended_) {
      if (is(end)) found.push_back(pbx);
    }
  }
  std::erase_if(found, [&](const PbxId& pbx) { return !Concerns(pbx, last_due); });
  return found;
}

bool HoldRegister::Covers(const PbxId& pbx, uint64_t but) const {
  const MutexLock lock(mutex_);
  const auto any = [but](const Group& group, HoldGeneration left) {
    return std::any_of(group.holds.begin(), group.holds.end(),
                       [&](const auto& entry) { return entry.first != but && entry.second->generation < left; });
  };
  if (const auto own = by_pbx_.find(pbx); own != by_pbx_.end() && any(own->second, kNotLeft)) return true;
  const auto controllers = controllers_of_.find(pbx);
  if (controllers == controllers_of_.end()) return false;
  return std::any_of(controllers->second.begin(), controllers->second.end(),
                     [&](const std::string& controller) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
                       const auto group = by_controller_.find(controller);
                       const auto cover = covers_.find(controller);
                       if (group == by_controller_.end() || cover == covers_.end()) return false;
                       const auto found = cover->second.left.find(pbx);
                       return any(group->second, found == cover->second.left.end() ? kNotLeft : found->second);
                     });
}

void HoldRegister::Put(Hold hold, std::optional<HoldCover> cover, Change& change) {
  stored::v1::StoredHold stored;
  *stored.mutable_hold() = hold.terms;
  stored.set_created_us(absl::ToUnixMicros(hold.created));
  const bool named = std::any_of(hold.targets.begin(), hold.targets.end(),
                                 [](const HoldTarget& target) { return target.owner != OwnerId{}; });
  for (const HoldTarget& target : hold.targets) {
    stored.add_pbx(std::string(target.pbx.view()));
    if (named) stored.add_owner(std::string(target.owner.view()));
  }
  stored.set_generation(hold.generation);
  stored.set_email(hold.email);
  if (hold.released.has_value()) {
    stored.set_released_us(absl::ToUnixMicros(*hold.released));
  } else {
    std::vector<PbxId> pbxs = PbxsOf(hold);
    if (cover.has_value()) pbxs.assign(cover->present.begin(), cover->present.end());
    change.Before([pbxs = std::move(pbxs), until = hold.End()](KeyRing& ring) { return ring.HoldPbxs(pbxs, until); });
  }
  change.PutSealed(HoldKey(hold.number), Personal(stored.SerializeAsString()));
  change.ThenDo([this, hold = std::move(hold), cover = std::move(cover)]() mutable {
    Enlist(std::move(hold), std::move(cover));
  });
}

void HoldRegister::Erase(const Hold& hold, const Vault& vault, Change& change) {
  change.DeleteState(HoldKey(hold.number));
  std::vector<PbxId> last_of;
  for (const PbxId& pbx : PbxsOf(hold)) {
    if (Covers(pbx, hold.number)) continue;
    change.batch().Delete(Family::kState, HeldEndKey(pbx));
    last_of.push_back(pbx);
  }
  change.ThenDo([this, hold, last_of = std::move(last_of)] {
    Strike(hold);
    const MutexLock lock(mutex_);
    for (const PbxId& pbx : last_of) ended_.erase(pbx);
  });
  if (!hold.targets.empty()) return;
  const MutexLock lock(mutex_);
  const auto group = by_controller_.find(hold.Controller());
  if (group != by_controller_.end() && group->second.holds.size() > 1) return;
  const std::string cover = HoldCoverPrefix(ControllerOwner(vault, hold.Controller()));
  change.batch().DeleteRange(Family::kState, cover, PrefixEnd(cover));
}

void HoldRegister::Enlist(Hold hold, std::optional<HoldCover> cover) {
  const auto put = std::make_shared<const Hold>(std::move(hold));
  const MutexLock lock(mutex_);
  changes_.fetch_add(1);
  if (cover.has_value()) IndexCover(put->Controller(), *std::move(cover));
  HoldPtr& held = holds_[put->terms.hold_id()];
  if (held == nullptr) version_.fetch_add(1);
  held = put;
  Index(put);
}

void HoldRegister::Strike(const Hold& hold) {
  const MutexLock lock(mutex_);
  changes_.fetch_add(1);
  const auto found = holds_.find(hold.terms.hold_id());
  if (found == holds_.end()) return;
  holds_.erase(found);
  Unindex(hold);
  any_.store(!holds_.empty());
}

std::unique_ptr<KeptParts> HoldRegister::PartsIn(const StoreView& view, Vault& vault, const BucketCounts& counts,
                                                 DueDay last_due) const {
  return std::make_unique<HoldMatcher>(view, vault, counts,
                                       [this, last_due](const PbxId& pbx) { return Concerning(pbx, last_due); });
}

HoldPtr HoldRegister::Find(std::string_view hold_id) const {
  const MutexLock lock(mutex_);
  const auto found = holds_.find(hold_id);
  return found == holds_.end() ? nullptr : found->second;
}

std::vector<HoldPtr> HoldRegister::List(std::string_view after) const {
  std::vector<HoldPtr> list;
  const MutexLock lock(mutex_);
  for (auto it = holds_.upper_bound(after); it != holds_.end(); ++it) list.push_back(it->second);
  return list;
}

size_t HoldRegister::size() const {
  const MutexLock lock(mutex_);
  return holds_.size();
}

std::shared_ptr<const HoldClaims> HoldRegister::ClaimsOf(const Group& group, DueDay last_due) const {
  if (group.claims == nullptr || group.claims_of != last_due) {
    auto claims = std::make_shared<HoldClaims>();
    for (const auto& [number, hold] : group.holds) {
      if (hold->InForce(last_due)) claims->Add(*hold);
    }
    group.claims = std::move(claims);
    group.claims_of = last_due;
  }
  return group.claims;
}

void HoldRegister::ForEachGroup(const PbxId& pbx,
                                absl::FunctionRef<void(const Group& group, HoldGeneration left)> visit) const {
  if (const auto own = by_pbx_.find(pbx); own != by_pbx_.end()) visit(own->second, kNotLeft);
  const auto controllers = controllers_of_.find(pbx);
  if (controllers == controllers_of_.end()) return;
  for (const std::string& controller : controllers->second) {
    const auto group = by_controller_.find(controller);
    const auto cover = covers_.find(controller);
    if (group == by_controller_.end() || cover == covers_.end()) continue;
    const auto found = cover->second.left.find(pbx);
    visit(group->second, found == cover->second.left.end() ? kNotLeft : found->second);
  }
}

std::vector<HoldPtr> HoldRegister::On(const PbxId& pbx, DueDay last_due) const {
  std::vector<HoldPtr> on;
  if (!any_.load()) return on;
  const MutexLock lock(mutex_);
  const auto add = [&](const Group& group, HoldGeneration left) {
    for (const auto& [number, hold] : group.holds) {
      if (hold->InForce(last_due) && hold->generation < left) on.push_back(hold);
    }
  };
  ForEachGroup(pbx, add);
  return on;
}

HoldConcerns HoldRegister::Concerning(const PbxId& pbx, DueDay last_due) const {
  HoldConcerns concerns;
  if (!any_.load()) return concerns;
  const MutexLock lock(mutex_);
  const auto add = [&](const Group& group, HoldGeneration left) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    HoldConcern concern{.claims = ClaimsOf(group, last_due), .left = left};
    if (concern.claims->first < left) concerns.push_back(std::move(concern));
  };
  ForEachGroup(pbx, add);
  return concerns;
}

std::map<PbxId, DueDay> HoldRegister::ConcernedPbxs(DueDay last_due) const {
  std::map<PbxId, DueDay> concerned;
  const auto add = [&concerned](const PbxId& pbx, const HoldClaims& claims) {
    DueDay& until = concerned[pbx];
    until = std::max(until, claims.until);
  };
  const MutexLock lock(mutex_);
  for (const auto& [pbx, group] : by_pbx_) {
    const auto claims = ClaimsOf(group, last_due);
    if (claims->first != kNotLeft) add(pbx, *claims);
  }
  for (const auto& [controller, group] : by_controller_) {
    const auto claims = ClaimsOf(group, last_due);
    const auto cover = covers_.find(controller);
    if (cover == covers_.end() || claims->first == kNotLeft) continue;
    for (const PbxId& pbx : cover->second.present) add(pbx, *claims);
    for (const auto& [pbx, left] : cover->second.left) {
      if (claims->first < left) add(pbx, *claims);
    }
  }
  return concerned;
}

std::vector<PbxId> HoldRegister::PbxsOf(const Hold& hold) const {
  if (!hold.targets.empty()) {
    std::set<PbxId> named;
    for (const HoldTarget& target : hold.targets) named.insert(target.pbx);
    return {named.begin(), named.end()};
  }
  const MutexLock lock(mutex_);
  const auto found = covers_.find(hold.Controller());
  if (found == covers_.end()) return {};
  std::set<PbxId> pbxs = found->second.present;
  for (const auto& [pbx, left] : found->second.left) {
    if (hold.generation < left) pbxs.insert(pbx);
  }
  return {pbxs.begin(), pbxs.end()};
}

size_t HoldRegister::CountPbxsOf(const Hold& hold) const {
  if (!hold.targets.empty()) return PbxsOf(hold).size();
  const MutexLock lock(mutex_);
  const auto found = covers_.find(hold.Controller());
  if (found == covers_.end()) return 0;
  const auto covered = [&hold](const auto& entry) { return hold.generation < entry.second; };
  return found->second.present.size() +
         static_cast<size_t>(std::count_if(found->second.left.begin(), found->second.left.end(), covered));
}

HoldPtr HoldRegister::Releasing(uint64_t but) const {
  const MutexLock lock(mutex_);
  HoldPtr first;
  for (const auto& [id, hold] : holds_) {
    if (hold->number == but) continue;
    if (hold->released.has_value() && (first == nullptr || hold->released < first->released)) first = hold;
  }
  return first;
}

std::vector<HoldPtr> HoldRegister::Ended(DueDay last_due) const {
  std::vector<HoldPtr> ended;
  if (!any_.load()) return ended;
  const MutexLock lock(mutex_);
  for (const auto& [id, hold] : holds_) {
    if (!hold->released.has_value() && hold->End() <= last_due) ended.push_back(hold);
  }
  return ended;
}

}  // namespace retention
