#include "server/pbxs/late_events.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/pbxs/extension_matching.h"

namespace retention {

int64_t LateEvents::FirstToldAfter(const HeldExtension& who, int64_t time_us) const {
  const int64_t came_us = who.life.came_us();
  if (came_us > time_us) return came_us;
  int64_t first_us = kLastSaid;
  for (const int64_t told_us : {who.life.there_us(), who.time_us, came_us <= synced_us_ ? synced_us_ : 0}) {
    if (told_us > time_us) first_us = std::min(first_us, told_us);
  }
  return first_us;
}

void LateEvents::EndFormer(const HeldExtension& who, int64_t time_us, EndedHolders& ended) {
  // What they told of in that very instant is theirs, as what comes in order is.
  const int64_t until_us = FirstToldAfter(who, time_us) - 1;
  if (book_.EndUntil(who, until_us)) ended[std::string(who.holder.view())] = until_us;
}

absl::Status LateEvents::End(const HeldExtension& who, int64_t time_us, EndedHolders& ended) {
  if (IsToldAfter(who, time_us)) {
    EndFormer(who, time_us, ended);
    return absl::OkStatus();
  }
  const HeldExtension* const ending = &who;
  auto all = book_.Rearrange({}, {&ending, 1}, time_us, reason_);
  if (!all.ok()) return all.status();
  ended.merge(*all);
  return absl::OkStatus();
}

absl::StatusOr<EndedHolders> LateEvents::Remove(const ExtensionName& name, int64_t time_us) {
  EndedHolders ended;
  auto who = book_.HadId(name.id, time_us);
  if (!who.ok()) return who.status();
  if (*who == nullptr) {
    who = book_.HadNumber(name.number, time_us);
    if (!who.ok()) return who.status();
    if (*who == nullptr) {
      const auto is_last = book_.IsLastTenure(name.number, time_us);
      if (!is_last.ok()) return is_last.status();
      return *is_last ? book_.CloseNumber(name.number, time_us) : ended;
    }
    const std::string& id = (*who)->extension.extension_id();
    if (!name.id.empty() && !id.empty() && id != name.id) return ended;  // somebody else
    const auto moved = book_.MovedInAfter(**who, name.number, time_us);
    if (!moved.ok()) return moved.status();
    if (*moved) return ended;  // whoever had it then is not known
  }
  if (absl::Status s = End(**who, time_us, ended); !s.ok()) return s;
  return ended;
}

absl::StatusOr<EndedHolders> LateEvents::Sync(const v1::Extension& told, int64_t time_us) {
  EndedHolders ended;
  const std::string& number = told.number();
  const auto there = book_.HadNumber(number, time_us);
  if (!there.ok()) return there.status();
  const auto with_id = book_.WithId(told.extension_id());
  if (!with_id.ok()) return with_id.status();
  const auto last_said = book_.LastSaidOf(number);
  if (!last_said.ok()) return last_said.status();
  const auto removed = book_.RemovedAt(told.extension_id());
  if (!removed.ok()) return removed.status();
  const HeldExtension* const former = *there;
  const HeldExtension* const comer = *with_id;
  bool is_same = former != nullptr && former == comer;
  if (former != nullptr && !is_same) {
    const v1::Extension* const was = &former->extension;
    const v1::Extension* const is = &told;
    is_same = MatchExtensions({&was, 1}, {&is, 1}).front().has_value();
  }
  if (is_same) return ended;
  // Until then the number was theirs that are told of, as far as is known.
  const int64_t until_us = std::max({synced_us_, *last_said, *removed, comer == nullptr ? 0 : comer->time_us, time_us});
  const bool comer_stays = comer != nullptr && IsToldAfter(*comer, time_us);

  const auto is_last = book_.IsLastTenure(number, time_us);
  if (!is_last.ok()) return is_last.status();
  bool is_vacant = former == nullptr && *is_last;
  if (is_vacant) {
    // What named it before was theirs that are told of.
    auto gone = book_.RemoveUnknown(number, time_us);
    if (!gone.ok()) return gone.status();
    ended.merge(*gone);
  } else if (former != nullptr) {
    const auto moved = book_.MovedInAfter(*former, number, time_us);
    if (!moved.ok()) return moved.status();
    absl::Status status = *moved ? book_.BeginTenure(*former) : End(*former, time_us, ended);
    if (!status.ok()) return status;
    is_vacant = !*moved && !IsToldAfter(*former, time_us) && former->extension.number() == number;
  }
  if (is_vacant) {
    const auto holder = comer_stays ? std::make_optional(comer->holder) : std::nullopt;
    auto passed = book_.PassThrough(number, holder, until_us);
    if (!passed.ok()) return passed.status();
    ended.merge(*passed);
  }
  // They came to a number that somebody else has been said to have since, or nobody.
  if (comer != nullptr && !comer_stays) {
    if (absl::Status s = End(*comer, until_us, ended); !s.ok()) return s;
  } else if (comer == nullptr && time_us < *last_said) {
    if (absl::Status s = book_.CloseId(told.extension_id(), *last_said); !s.ok()) return s;
  }
  return ended;
}

absl::StatusOr<EndedHolders> LateEvents::Pass(const v1::Extension& told, int64_t time_us) {
  const auto there = book_.At(told.number());
  if (!there.ok()) return there.status();
  const auto is_last = book_.IsLastTenure(told.number(), time_us);
  if (!is_last.ok()) return is_last.status();
  return *there == nullptr && *is_last ? Sync(told, time_us) : EndedHolders();
}

absl::StatusOr<EndedHolders> LateEvents::SyncAll(std::span<const HeldExtension* const> held,
                                                 std::span<const v1::Extension* const> told, int64_t time_us) {
  EndedHolders ended;
  std::vector<const v1::Extension*> as_held;
  as_held.reserve(held.size());
  for (const HeldExtension* extension : held) as_held.push_back(&extension->extension);
  std::set<std::string_view> taken;  // numbers
  for (const v1::Extension* extension : told) taken.insert(extension->number());
  std::vector<bool> was_there(held.size());
  const auto matches = MatchExtensions(as_held, told);
  for (size_t i = 0; i < told.size(); ++i) {
    if (!matches[i].has_value()) continue;
    const HeldExtension& who = *held[*matches[i]];
    const std::string& number = who.extension.number();
    const auto is_last = book_.IsLastTenure(number, time_us);
    if (!is_last.ok()) return is_last.status();
    // What named their number then, and has been taken for theirs, was another's.
    const bool is_mistaken =
        told[i]->number() != number && taken.contains(number) && *is_last && who.life.there_us() <= time_us;
    was_there[*matches[i]] = !is_mistaken;
  }
  for (size_t i = 0; i < held.size(); ++i) {
    if (!was_there[i] && IsToldAfter(*held[i], time_us)) EndFormer(*held[i], time_us, ended);
  }
  return ended;
}

}  // namespace retention
