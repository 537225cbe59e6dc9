// The engine's days: how they close and end, and the cohorts and cubes that go with them.
#include <algorithm>

#include "server/base/crash_point.h"
#include "server/base/errors.h"
#include "server/days/cohort_rows.h"
#include "server/engine/engine.h"
#include "storage/keys.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

CategoryCounts ValuesOf(const DayCount& counts) {
  CategoryCounts values{};
  for (size_t i = 0; i < kCategories; ++i) values[i] = counts[i].values;
  return values;
}

}  // namespace

absl::StatusOr<std::set<PbxId>> Engine::IssueOrders(DueDay day, OrderScope scope, Change& change) {
  std::set<PbxId> unordered;
  for (size_t number = 1; number < kCategories; ++number) {
    const auto category = static_cast<CategoryNumber>(number);
    if (!policy().rule(category).erasure_order) continue;
    if (scope == (category == kFileShare ? OrderScope::kAllButFiles : OrderScope::kFiles)) continue;
    // What cannot be read cannot be ordered, and keeps no day from ending.
    auto cursor = holdings_.store.ScanPrefix(Family::kFiled, FiledPrefix(day, category));
    for (; cursor->Valid(); cursor->Next()) {
      const auto key = FiledKey::Decode(cursor->key());
      if (!key.has_value()) continue;
      const std::string pbx_id = registry_.ExternalId(key->pbx);
      if (pbx_id.empty()) continue;  // it has ended, and its orders are out
      if (scope == OrderScope::kAllButFiles && (!registry_.Lives(key->pbx) || change.Concerned(key->pbx))) {
        unordered.insert(key->pbx);
        continue;
      }
      auto plaintext = vault_.Open(*key, cursor->value());
      if (absl::IsNotFound(plaintext.status()) || absl::IsDataLoss(plaintext.status())) continue;
      if (!plaintext.ok()) return plaintext.status();
      stored::v1::Value value;
      if (!value.ParseFromString(plaintext->Reveal())) continue;
      if (holdings_.rehearsal != nullptr) {  // what is held has not been taken out, but for show
        auto held = change.IsHeld(*key, cursor->value());
        if (!held.ok()) return held.status();
        if (*held) continue;
      }
      if (absl::Status s = change.Order(category, pbx_id, value.object()); !s.ok()) return s;
    }
    if (absl::Status s = cursor->status(); !s.ok() && !absl::IsDataLoss(s)) return s;
  }
  return unordered;
}

absl::Status Engine::CloseDay(DueDay day, absl::Time now) {
  if (policies_.refiling_since().has_value()) return RefileUnderWay();
  return Run([&]() -> absl::Status {
    if (holdings_.gate.closed(day)) return absl::OkStatus();
    Change change(holdings_, now);
    stored::v1::DayProgress progress;
    progress.set_stage(stored::v1::DayProgress::STAGE_CLOSED);
    const auto unordered = IssueOrders(day, OrderScope::kAllButFiles, change);
    if (!unordered.ok()) return unordered.status();
    for (const PbxId& pbx : *unordered) progress.add_unordered_pbxs(std::string(pbx.view()));
    change.batch().Put(Family::kState, DayProgressKey(day), progress.SerializeAsString());
    if (absl::Status status = change.Commit(); !status.ok()) return status;
    holdings_.gate.Close(day);
    return absl::OkStatus();
  });
}

absl::Status Engine::Release(DueDay cohort, const NoisyCube* cube, absl::Time now) {
  // The cube may have been drawn from a bucket that the cohort's rows have left, or have not reached.
  if (policies_.refiling_since().has_value()) return RefileUnderWay();
  return Run([&]() -> absl::Status {
    auto released = IsReleased(holdings_.store, cohort, policy());
    if (!released.ok()) return released.status();
    if (!*released) {
      // Its originals had to go before it could be drawn: erasure does not wait for statistics.
      const bool lost = BucketOfCohort(cohort, policy()) <= holdings_.ring.destroyed_through();
      if (cube == nullptr && lost) return holdings_.ring.DestroyCohortsThrough(cohort);
      if (cube == nullptr) return absl::InternalError("a cohort is to be released without a cube");
      Change change(holdings_, now);
      PutCube(*cube, EraseDayOfCohort(cohort, policy()), change.batch());
      LedgerEntry entry;
      entry.set_kind(LedgerEntry::KIND_COHORT_RELEASED);
      entry.set_day(cohort.number());
      entry.set_schema_version(cube->description().schema_version);
      change.Enter(std::move(entry));
      CrashPoint("release.before_commit");
      if (absl::Status status = change.Commit(); !status.ok()) return status;
    }
    CrashPoint("release.before_key");
    return holdings_.ring.DestroyCohortsThrough(cohort);
  });
}

absl::StatusOr<std::vector<EndingDay>> Engine::EndDays(absl::Time now) {
  if (policies_.refiling_since().has_value()) return RefileUnderWay();
  std::vector<EndingDay> ending;
  absl::Status status = Run([&]() -> absl::Status {
    // A hold that was placed a moment ago. Mostly nothing is left to do.
    auto more = hold_desk_.TakeOutOfDueDays(now);
    if (!more.ok()) return more.status();
    if (*more) {
      return ErrorWithReason(absl::StatusCode::kFailedPrecondition, kHeldFirst,
                             "what is held is still being taken out");
    }
    Change change(holdings_, now);
    const DueDay last = change.last_due();
    stored::v1::DayProgress progress;
    progress.set_stage(stored::v1::DayProgress::STAGE_ENDING);
    for (const auto& [day, counts] : holdings_.counts.Read()) {
      if (day > last) break;
      // What reached the day in the very moment before its end has had no orders yet.
      const OrderScope scope = holdings_.gate.closed(day) ? OrderScope::kFiles : OrderScope::kAll;
      if (auto issued = IssueOrders(day, scope, change); !issued.ok()) return issued.status();
      ending.push_back({day, ValuesOf(counts)});
      LedgerEntry entry;
      entry.set_kind(LedgerEntry::KIND_DAY_ENDED);
      entry.set_day(day.number());
      SetCounts(ending.back().values, entry);
      change.Enter(std::move(entry));
      change.batch().Put(Family::kState, DayProgressKey(day), progress.SerializeAsString());
      holdings_.counts.EraseDay(day);
    }
    if (!ending.empty()) CrashPoint("sweep.before_ledger");
    if (absl::Status s = change.Commit(); !s.ok()) return s;
    if (!ending.empty()) CrashPoint("sweep.before_keys");
    if (absl::Status s = holdings_.ring.DestroyDaysThrough(last); !s.ok()) return s;
    vault_.ForgetDaysThrough(last);
    holdings_.gate.EndThrough(last);
    book_.ForgetDue(last);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  if (holdings_.on_erased) {
    for (const EndingDay& day : ending) {
      for (size_t category = 1; category < kCategories; ++category) {
        if (day.values[category] == 0) continue;
        holdings_.on_erased(static_cast<CategoryNumber>(category), "DUE", day.values[category]);
      }
    }
  }
  if (!ending.empty()) CrashPoint("sweep.before_drop");
  return ending;
}

absl::Status Engine::DropLocators(std::span<const LocatorName> meetings, DueDay last, absl::Time now) {
  return Run([&]() -> absl::Status {
    Change change(holdings_, now);
    for (const auto& [pbx, meeting] : meetings) {
      const std::string key = LocatorKey(pbx, meeting);
      auto row = holdings_.store.Get(Family::kState, key);
      if (!row.ok()) return row.status();
      if (!row->has_value()) continue;
      // The meeting may have been taken up anew since its old history ended.
      const auto locator = MeetingLocator::Parse(**row);
      if (!locator.has_value()) return absl::DataLossError("a meeting's locator does not parse");
      if (locator->days[kHistory] > last) continue;
      change.batch().Delete(Family::kState, key);
      if (locator->timer_us != 0) {
        change.batch().Delete(Family::kState, MeetingTimerKey(locator->timer_us, pbx, meeting));
      }
      // Files that outlive the history still end by their timer, with an order to the portal.
      if (locator->files_end_us != 0) {
        change.batch().Put(Family::kState, MeetingTimerKey(locator->files_end_us, pbx, meeting), "");
      }
    }
    if (change.empty()) return absl::OkStatus();
    holdings_.marks.Note(DueDay(), now);
    return change.Commit();
  });
}

absl::Status Engine::FinishDays(std::span<const DueDay> days, absl::Time now) {
  return Run([&] {
    Change change(holdings_, now);
    PurgeMarks::Marks gone;
    for (const auto& [day, mark] : holdings_.marks.Read()) {
      if (day != DueDay() && day <= holdings_.ring.destroyed_through()) gone.emplace(day, mark);
    }
    holdings_.marks.Clear(gone, now);
    for (const DueDay day : days) {
      LedgerEntry entry;
      entry.set_kind(LedgerEntry::KIND_DAY_PHYSICALLY_ERASED);
      entry.set_day(day.number());
      change.Enter(std::move(entry));
      change.batch().Delete(Family::kState, DayProgressKey(day));
    }
    return change.Commit();
  });
}

absl::Status Engine::FinishScrub(const PurgeMarks::Marks& scrubbed, absl::Time now) {
  return Run([&] {
    Change change(holdings_, now);
    holdings_.marks.Clear(scrubbed, now);
    LedgerEntry entry;
    entry.set_kind(LedgerEntry::KIND_PURGE_PHYSICALLY_ERASED);
    change.Enter(std::move(entry));
    return change.Commit();
  });
}

absl::Status Engine::EndCubes(DueDay last, uint64_t cohorts, absl::Time now) {
  return Run([&] {
    Change change(holdings_, now);
    LedgerEntry entry;
    entry.set_kind(LedgerEntry::KIND_CUBES_ERASED);
    entry.set_day(last.number());
    stored::v1::CategoryCount& count = *entry.add_counts();
    count.set_category(v1::DATA_CATEGORY_STATISTICS);
    count.set_values(cohorts);
    change.Enter(std::move(entry));
    return change.Commit();
  });
}

}  // namespace retention
