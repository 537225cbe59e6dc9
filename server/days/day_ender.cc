#include "server/days/day_ender.h"

#include <algorithm>
#include <string>
#include <utility>

#include "server/base/crash_point.h"
#include "server/base/errors.h"
#include "server/days/day_entries.h"
#include "server/meetings/cohort_span.h"
#include "server/meetings/listing.h"
#include "server/meetings/remnant.h"
#include "server/meetings/report_notices.h"
#include "server/rows/day_progress.h"
#include "server/rows/row_walk.h"
#include "storage/keys.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

// So many objects are looked at by one command: some 30 ms, for which others may wait.
constexpr size_t kObjectsPerStep = 1000;
// PBXs are read from the register so many at once.
constexpr size_t kPbxesAtOnce = 1000;

CategoryCounts ValuesOf(const DayCount& counts) {
  CategoryCounts values{};
  for (size_t i = 0; i < kCategories; ++i) values[i] = counts[i].values;
  return values;
}

}  // namespace

absl::StatusOr<std::string> DayEnder::IssueOrders(DueDay day, const OrderRange& range, const Keys& gone,
                                                  std::set<PbxId>* unordered, Change& change) const {
  size_t rows = 0;
  for (size_t number = 1; number < kCategories; ++number) {
    const auto category = static_cast<CategoryNumber>(number);
    if (!holdings_.policy().rule(category).erasure_order || (category == kFileShare) != range.files) continue;
    // What cannot be read cannot be ordered, and keeps no day from ending.
    const std::string prefix = FiledPrefix(day, category);
    const std::string end = PrefixEnd(prefix);
    if (end <= range.from) continue;
    auto cursor = holdings_.store.ScanPrefix(Family::kFiled, prefix, AtLoss::kPass);
    if (range.from > prefix) cursor->Seek(range.from);
    for (; cursor->Valid(); cursor->Next()) {
      if (rows++ == range.rows) return std::string(cursor->key());
      const auto key = FiledKey::Decode(cursor->key());
      if (!key.has_value() || gone.contains(absl::string_view(cursor->key().data(), cursor->key().size()))) continue;
      const std::string pbx_id = holdings_.registry.ExternalId(key->pbx);
      if (pbx_id.empty()) continue;  // it has ended, and its orders are out
      if (unordered != nullptr &&
          (unordered->contains(key->pbx) || !holdings_.registry.Lives(key->pbx) || change.Concerned(key->pbx))) {
        unordered->insert(key->pbx);
        continue;
      }
      auto plaintext = holdings_.vault.Open(*key, cursor->value());
      if (IsUnreadable(plaintext.status())) continue;
      if (!plaintext.ok()) return plaintext.status();
      stored::v1::Value value;
      if (!value.ParseFromString(plaintext->Reveal())) continue;
      change.OrderRow(*key, pbx_id, value.object());
    }
    if (absl::Status s = cursor->status(); !s.ok() && !absl::IsDataLoss(s)) return s;
  }
  return std::string();
}

absl::Status DayEnder::Recover() {
  // A destruction that failed after the head said so has left keys to be overwritten.
  const DueDay last = holdings_.ring.destroyed_through();
  if (absl::Status s = holdings_.ring.DestroyDaysThrough(last); !s.ok()) return s;
  holdings_.vault.ForgetDaysThrough(last);
  holdings_.gate.EndThrough(last);
  return absl::OkStatus();
}

std::set<DayPart> DayEnder::UnorderedObjects(DueDay last, absl::Time now) const {
  const Policy& policy = holdings_.policy();
  const auto progress = ReadDayProgress(holdings_.store, last);
  std::set<DayPart> unordered;
  // Of a bucket that cannot be walked, every PBX that there is.
  const auto of_all = [&](DueDay day, PbxKeyUse use) {
    for (const auto& ending : holdings_.registry.Ending()) unordered.insert({day, ending.pbx, use});
    std::string after;
    for (auto page = holdings_.registry.List(after, kPbxesAtOnce, now); !page.empty();
         page = holdings_.registry.List(after, kPbxesAtOnce, now)) {
      for (const auto& [id, pbx] : page) unordered.insert({day, pbx, use});
      after = page.back().first;
    }
  };
  for (const auto& [day, counts] : holdings_.counts.Read()) {
    if (day > last) break;
    const DayProgress none;
    const DayProgress& of_day = progress.ok() && progress->contains(day) ? progress->at(day) : none;
    for (size_t number = 1; number < kCategories; ++number) {
      const auto category = static_cast<CategoryNumber>(number);
      if (counts[number].rows == 0 || !policy.rule(category).erasure_order) continue;
      // Orders are out, but for those of files, which have ends of their own, and of PBXs that something concerned.
      if (of_day.ordered() && category != kFileShare) {
        for (const std::string& pbx : of_day.unordered_pbxs()) {
          if (pbx.size() == PbxId::kBytes) unordered.insert({day, PbxId::From(pbx), policy.pbx_key(category)});
        }
        continue;
      }
      auto cursor = holdings_.store.ScanPrefix(Family::kFiled, FiledPrefix(day, category), AtLoss::kPass);
      while (cursor->Valid()) {
        const auto key = FiledKey::Decode(cursor->key());
        if (!key.has_value()) {
          cursor->Next();
          continue;
        }
        unordered.insert({day, key->pbx, policy.pbx_key(category)});
        cursor->Seek(PrefixEnd(FiledPrefix(day, category, key->pbx)));
      }
      if (!cursor->status().ok()) of_all(day, policy.pbx_key(category));
    }
  }
  return unordered;
}

absl::StatusOr<DestroyedDays> DayEnder::DestroyDueKeys(absl::Time now, const std::set<DayPart>& unordered) {
  const DueDay last = holdings_.LastDue(now);
  const auto held = keeping_.ConcernedPbxs(last);
  const auto parts_of = [&](std::span<const DueDay> days) {
    std::set<DayPart> parts(unordered.lower_bound({.day = days.front(), .pbx = {}}),
                            unordered.lower_bound({.day = days.back().Next(), .pbx = {}}));
    AddHeldParts(days, held, last, parts);
    return parts;
  };
  const size_t parts_a_day = 3 * held.size() + unordered.size();
  auto days = DestroyDays(holdings_.ring, holdings_.vault, last, now, parts_a_day, parts_of);
  // From the moment that its head says so they are gone for this process, whatever is still to be overwritten.
  const DueDay through = holdings_.ring.destroyed_through();
  holdings_.vault.ForgetDaysThrough(through);
  holdings_.gate.EndThrough(through);
  meetings_.ForgetDue(through);
  if (days.ok() && !days->days.empty()) CrashPoint("sweep.after_keys");
  return days;
}

void DayEnder::PutProgress(DueDay day, DayProgress progress, Change& change) {
  change.batch().Put(Family::kState, DayProgressKey(day), progress.SerializeAsString());
  change.ThenDo(
      [this, day, progress = std::move(progress)]() mutable { holdings_.gate.Close(day, std::move(progress)); });
}

absl::Status DayEnder::Close(DueDay day, Change& change) {
  if (holdings_.policies.refiling_since().has_value()) return RefileUnderWay();
  if (holdings_.gate.closed(day)) return absl::OkStatus();
  DayProgress progress;
  progress.set_stage(DayProgress::STAGE_CLOSED);
  PutProgress(day, std::move(progress), change);
  return absl::OkStatus();
}

absl::StatusOr<bool> DayEnder::OrderStep(DueDay day, Change& change) {
  if (holdings_.policies.refiling_since().has_value()) return RefileUnderWay();
  DayProgress progress = holdings_.gate.ProgressOf(day);
  if (progress.ordered()) return false;
  std::set<PbxId> unordered;
  for (const std::string& pbx : progress.unordered_pbxs()) unordered.insert(PbxId::From(pbx));
  auto to = IssueOrders(day, {.files = false, .from = progress.ordered_to(), .rows = kObjectsPerStep}, {}, &unordered,
                        change);
  if (!to.ok()) return to.status();
  progress.set_ordered(to->empty());
  progress.set_ordered_to(*std::move(to));
  progress.clear_unordered_pbxs();
  for (const PbxId& pbx : unordered) progress.add_unordered_pbxs(std::string(pbx.view()));
  const bool more = !progress.ordered();
  PutProgress(day, std::move(progress), change);
  return more;
}

absl::StatusOr<bool> DayEnder::OrderRestStep(Change& change) {
  if (holdings_.policies.refiling_since().has_value()) return RefileUnderWay();
  for (const auto& [day, counts] : holdings_.counts.Read()) {
    if (day > change.last_due()) break;
    DayProgress progress = holdings_.gate.ProgressOf(day);
    if (progress.files_ordered()) continue;
    const bool files = progress.ordered();
    const std::string& from = files ? progress.files_ordered_to() : progress.ordered_to();
    auto to = IssueOrders(day, {.files = files, .from = from, .rows = kObjectsPerStep}, {}, nullptr, change);
    if (!to.ok()) return to.status();
    progress.set_stage(DayProgress::STAGE_CLOSED);
    const bool done = to->empty();
    if (files) {
      progress.set_files_ordered(done);
      progress.set_files_ordered_to(*std::move(to));
    } else {
      progress.set_ordered(done);
      progress.set_ordered_to(*std::move(to));
    }
    PutProgress(day, std::move(progress), change);
    return true;
  }
  return false;
}

absl::Status DayEnder::OrderRest(DueDay day, const Keys& gone, Change& change) const {
  const DayProgress progress = holdings_.gate.ProgressOf(day);
  if (!progress.ordered()) {
    auto to = IssueOrders(day, {.files = false, .from = progress.ordered_to()}, gone, nullptr, change);
    if (!to.ok()) return to.status();
  }
  return IssueOrders(day, {.files = true, .from = progress.files_ordered_to()}, gone, nullptr, change).status();
}

absl::StatusOr<bool> DayEnder::TakeOut(Change& change) {
  auto walk = keeping_.TakeOutOfDueDays(walk_, change);
  if (!walk.ok()) return walk.status();
  const bool more = walk->position.more;
  change.ThenDo([this, walk = *std::move(walk)]() mutable { walk_ = std::move(walk); });
  return more;
}

absl::Status DayEnder::EnterUncounted(std::span<const EndingDay> counted,
                                      std::span<const UnenteredDestruction> destructions, Change& change) const {
  for (const UnenteredDestruction& destruction : destructions) {
    const bool is_counted = std::any_of(counted.begin(), counted.end(), [&](const EndingDay& ending) {
      return ending.day >= destruction.from && ending.day <= destruction.to;
    });
    if (is_counted || destruction.to > change.last_due()) continue;
    const auto entered = IsEntered(holdings_.store, holdings_.ledger, destruction);
    if (!entered.ok()) return entered.status();
    if (*entered) continue;
    LedgerEntry entry = DayEndEntry(destruction.to, destructions, holdings_.policy().zone());
    entry.clear_keys();  // one at least
    change.Enter(std::move(entry));
  }
  return absl::OkStatus();
}

absl::StatusOr<DayEnder::Ended> DayEnder::End(Change& change) {
  if (holdings_.policies.refiling_since().has_value()) return RefileUnderWay();
  // What has not happened is not entered.
  const DueDay last = std::min(change.last_due(), holdings_.ring.destroyed_through());
  // A hold may have been placed a moment ago.
  const auto left = keeping_.IsTakenOut(walk_, change.last_due());
  if (!left.ok()) return left.status();
  if (!*left) return Ended{.others_first = true, .days = {}};
  Ended ended;
  DayProgress progress;
  progress.set_stage(DayProgress::STAGE_ENDING);
  const std::vector<UnenteredDestruction> destructions = holdings_.ring.unentered();
  for (const auto& [day, counts] : holdings_.counts.Read()) {
    if (day > last) break;
    // What reached the day in the very moment before its end, and the files that are left, have had no orders yet.
    if (!holdings_.gate.ProgressOf(day).files_ordered()) return Ended{.others_first = true, .days = {}};
    ended.days.push_back({day, ValuesOf(counts)});
    const auto entered = IsDayEntered(holdings_.store, holdings_.ledger, day, destructions, holdings_.policy().zone());
    if (!entered.ok()) return entered.status();
    if (!*entered) {
      LedgerEntry entry = DayEndEntry(day, destructions, holdings_.policy().zone());
      SetCounts(ended.days.back().values, entry);
      change.Enter(std::move(entry));
    }
    change.batch().Put(Family::kState, DayProgressKey(day), progress.SerializeAsString());
    change.EndDay(day);
  }
  if (absl::Status s = EnterUncounted(ended.days, destructions, change); !s.ok()) return s;
  if (!ended.days.empty()) CrashPoint("sweep.before_ledger");
  change.Then([this, last, days = ended.days] {
    if (!days.empty()) CrashPoint("sweep.after_ledger");
    if (absl::Status s = holdings_.ring.DropRescues(last); !s.ok()) return s;
    holdings_.vault.ForgetDaysThrough(last);
    if (absl::Status s = holdings_.ring.MarkEntered(last); !s.ok()) return s;
    holdings_.gate.ForgetThrough(last);
    meetings_.ForgetDue(last);
    for (const EndingDay& day : days) {
      if (!holdings_.on_erased) break;
      ForEachCount(day.values, [&](v1::DataCategory category, uint64_t values) {
        holdings_.on_erased(static_cast<CategoryNumber>(category), kReasonDue, values);
      });
    }
    if (!days.empty()) CrashPoint("sweep.before_drop");
    return absl::OkStatus();
  });
  return ended;
}

void DayEnder::EnterErased(std::span<const DueDay> days, std::span<const size_t> files, Change& change) {
  PurgeMarks::Marks gone;
  for (const auto& [day, mark] : holdings_.marks.Read()) {
    // A later day's range was not dropped, though its key may have gone meanwhile: it is scrubbed.
    if (day != DueDay::None() && !days.empty() && day <= days.back()) gone.emplace(day, mark);
  }
  change.ClearMarks(std::move(gone));
  for (size_t i = 0; i < days.size(); ++i) {
    const DueDay day = days[i];
    LedgerEntry entry;
    entry.set_kind(LedgerEntry::KIND_DAY_PHYSICALLY_ERASED);
    entry.set_day(day.number());
    entry.set_due_us(absl::ToUnixMicros(DueInstant(day, holdings_.policy().zone())));
    entry.set_files(static_cast<uint32_t>(files[i]));
    entry.set_rows_left(0);
    change.Enter(std::move(entry));
    change.batch().Delete(Family::kState, DayProgressKey(day));
  }
  if (!days.empty()) DropCohortSpans(days.back(), change.batch());
}

absl::Status DayEnder::DropLocators(std::span<const LocatorName> meetings, DueDay last, Change& change) {
  for (const auto& [pbx, meeting] : meetings) {
    const std::string key = LocatorKey(pbx, meeting);
    auto row = holdings_.store.Get(Family::kState, key);
    if (!row.ok()) return row.status();
    if (!row->has_value()) continue;
    // The meeting may have been taken up anew since its old history ended.
    auto locator = MeetingLocator::Parse(**row);
    if (!locator.has_value()) return absl::DataLossError("a meeting's locator does not parse");
    if (locator->days[kHistory] > last) continue;
    change.batch().Delete(Family::kState, key);
    PutRemnant(pbx, meeting, FactsWithSpan(*locator), holdings_.policies.current().cuts, holdings_.policy(), last,
               change.batch());
    FileListing(pbx, meeting, ListingOf(*locator), std::nullopt, change.batch());
    WithdrawNotice(locator->complete_notice, change.batch());
    WithdrawNotice(locator->names_notice, change.batch());
    change.MarkState(key);
    if (locator->timer_us != 0) {
      change.batch().Delete(Family::kState, MeetingTimerKey(locator->timer_us, pbx, meeting));
    }
    // Files that outlive the history still end by their timer, with an order to the portal.
    if (locator->files_end_us != 0) {
      change.batch().Put(Family::kState, MeetingTimerKey(locator->files_end_us, pbx, meeting), "");
    }
  }
  return absl::OkStatus();
}

}  // namespace retention
