#include "server/engine/engine.h"

#include <algorithm>

#include "server/engine/cohort_rows.h"
#include "server/engine/crash_point.h"
#include "server/engine/errors.h"
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

Engine::Engine(Store& store, KeyRing& ring, RandomSource& random, Policy policy)
    : policies_(std::move(policy)),
      vault_(ring, random),
      holdings_{.store = store, .ring = ring, .vault = vault_, .random = random, .policies = policies_},
      registry_(policies_),
      book_(store, vault_),
      ender_(holdings_, registry_, book_),
      desk_(holdings_, registry_, ender_),
      order_desk_(holdings_),
      hold_desk_(holdings_, registry_),
      recorder_(holdings_, registry_, book_, desk_),
      logs_(holdings_),
      policy_refiler_(holdings_, policies_, registry_, book_, recorder_, logs_) {}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Open(Store& store, KeyRing& ring, RandomSource& random, Policy policy,
                                                     absl::Time now) {
  std::unique_ptr<Engine> engine(new Engine(store, ring, random, std::move(policy)));
  if (absl::Status status = engine->Establish(now); !status.ok()) return status;
  return engine;
}

absl::Status Engine::Load() {
  const Store& store = holdings_.store;
  recorder_.Forget();
  if (absl::Status s = policies_.Load(store); !s.ok()) return s;
  if (absl::Status s = holdings_.counts.Load(store); !s.ok()) return s;
  if (absl::Status s = holdings_.marks.Load(store); !s.ok()) return s;
  if (absl::Status s = holdings_.orders.Load(store); !s.ok()) return s;
  if (absl::Status s = holdings_.gate.Load(store, holdings_.ring); !s.ok()) return s;
  if (absl::Status s = registry_.Load(store, vault_); !s.ok()) return s;
  if (absl::Status s = logs_.Load(); !s.ok()) return s;
  if (absl::Status s = holdings_.holds.Load(store, vault_); !s.ok()) return s;
  auto ledger = Ledger::Open(store);
  if (!ledger.ok()) return ledger.status();
  holdings_.ledger = *std::move(ledger);
  stale_ = false;
  return absl::OkStatus();
}

absl::Status Engine::Run(absl::FunctionRef<absl::Status()> command) {
  if (stale_ || !holdings_.store.Health().ok()) {
    if (absl::Status status = holdings_.store.Resume(); !status.ok()) return status;
    if (absl::Status status = Load(); !status.ok()) return status;
  }
  absl::Status status = command();
  if (!status.ok() && !IsRefusal(status)) {
    // At once, if the store can be read, so that nobody is told counts that were not committed; else before the next
    // command.
    stale_ = true;
    Load().IgnoreError();
  }
  return status;
}

absl::Status Engine::Record(std::span<RecordCommand* const> events, std::span<LogCommand* const> lines,
                            absl::Time now) {
  absl::Status status = Run([&]() -> absl::Status {
    Change change(holdings_, now);
    if (absl::Status s = logs_.Append(lines, change); !s.ok()) return s;
    return recorder_.Record(events, change);
  });
  // A refusal from deep inside is a broken invariant here, never an answer to a batch.
  if (!status.ok() && IsRefusal(status)) {
    stale_ = true;
    Load().IgnoreError();
    return absl::InternalError("a batch met rows that do not belong together");
  }
  return status;
}

absl::StatusOr<PbxDesk::SyncOutcome> Engine::SyncPbx(std::string_view pbx_id, const v1::PbxSynced& synced,
                                                     absl::Time now) {
  return RunFor<PbxDesk::SyncOutcome>([&] { return desk_.Sync(pbx_id, synced, now, now); });
}

absl::StatusOr<PbxDesk::RemovalOutcome> Engine::RemoveExtension(std::string_view pbx_id, std::string_view number,
                                                                std::string_view reason, absl::Time now) {
  return RunFor<PbxDesk::RemovalOutcome>(
      [&] { return desk_.RemoveExtension(pbx_id, number, std::nullopt, reason, now); });
}

absl::StatusOr<PbxId> Engine::BeginEnd(std::string_view pbx_id, std::string_view reason, absl::Time now) {
  return RunFor<PbxId>([&]() -> absl::StatusOr<PbxId> {
    const auto pbx = registry_.Find(pbx_id, now);
    if (!pbx.has_value()) return PbxUnknown();
    if (absl::Status status = ender_.Begin(pbx_id, reason, now); !status.ok()) return status;
    return *pbx;
  });
}

absl::StatusOr<PbxDesk::LicenceOutcome> Engine::ReportLicence(std::string_view licence_key, absl::Time valid_until,
                                                              bool registered, bool active, absl::Time now) {
  return RunFor<PbxDesk::LicenceOutcome>(
      [&] { return desk_.ReportLicence(licence_key, valid_until, registered, active, now); });
}

absl::Status Engine::CountProbes(std::span<const Probe> probes, absl::Time asked, absl::Time now) {
  return Run([&] { return desk_.CountProbes(probes, asked, now); });
}

absl::StatusOr<CategoryCounts> Engine::DeleteMeeting(std::string_view pbx_id, std::string_view meeting_id,
                                                     std::string_view reason, absl::Time now) {
  return RunFor<CategoryCounts>([&] { return recorder_.DeleteMeeting(pbx_id, meeting_id, reason, now); });
}

absl::Status Engine::DeleteObject(std::string_view pbx_id, std::string_view meeting_id, CategoryNumber category,
                                  std::string_view object_id, std::string_view reason, absl::Time now) {
  return Run([&] { return recorder_.DeleteObject(pbx_id, meeting_id, category, object_id, reason, now); });
}

absl::Status Engine::DeletePoll(std::string_view pbx_id, std::string_view poll_id, std::string_view reason,
                                absl::Time now) {
  return Run([&] { return ErasePoll(pbx_id, poll_id, reason, now); });
}

absl::Status Engine::ErasePoll(std::string_view pbx_id, std::string_view poll_id, std::string_view reason,
                               absl::Time now) {
  const auto pbx = registry_.Find(pbx_id, now);
  if (!pbx.has_value()) return PbxUnknown();
  Change change(holdings_, now);
  const auto found = desk_.DeletePoll(*pbx, poll_id, reason, change);
  if (!found.ok()) return found.status();
  if (!*found) return ErrorWithReason(absl::StatusCode::kNotFound, "POLL_UNKNOWN", "the PBX has no such poll");
  return change.Commit();
}

absl::StatusOr<v1::ConfirmErasureOrdersResponse> Engine::ConfirmOrders(const v1::ConfirmErasureOrdersRequest& request,
                                                                       absl::Time now) {
  return RunFor<v1::ConfirmErasureOrdersResponse>([&] { return order_desk_.Confirm(request, now); });
}

absl::StatusOr<v1::LogExtension> Engine::ExtendLogRetention(const v1::ExtendLogRetentionRequest& request,
                                                            absl::Time now) {
  // Its lines may not lie where they are looked for.
  if (policies_.refiling_since().has_value()) return RefileUnderWay();
  const auto until = CheckLogExtension(request, policy(), now);
  if (!until.ok()) return until.status();
  if (absl::Status status = Run([&] { return logs_.Extend(request, *until, now); }); !status.ok()) return status;
  return *logs_.InForce(request.server(), now);
}

absl::StatusOr<bool> Engine::RefileLogs(absl::Time now) {
  return RunFor<bool>([&] { return logs_.Refile(now); });
}

absl::StatusOr<v1::Hold> Engine::CreateHold(const v1::Hold& hold, absl::Time now) {
  return RunFor<v1::Hold>([&] { return hold_desk_.Create(hold, now); });
}

absl::StatusOr<v1::Hold> Engine::UpdateHold(const v1::UpdateHoldRequest& request, absl::Time now) {
  return RunFor<v1::Hold>([&] { return hold_desk_.Update(request, now); });
}

absl::Status Engine::ReleaseHold(std::string_view hold_id, absl::Time now) {
  return Run([&] { return hold_desk_.Release(hold_id, now); });
}

absl::StatusOr<HoldDesk::Step> Engine::LetGo(absl::Time now) {
  return RunFor<HoldDesk::Step>([&] { return hold_desk_.LetGo(now); });
}

absl::StatusOr<bool> Engine::EndHolds(absl::Time now) {
  return RunFor<bool>([&] { return hold_desk_.EndOver(now); });
}

absl::StatusOr<bool> Engine::TakeOutOfDueDays(absl::Time now) {
  return RunFor<bool>([&] { return hold_desk_.TakeOutOfDueDays(now); });
}

absl::StatusOr<HoldDesk::Step> Engine::TakeOutOfEnding(const PbxRegistry::EndingPbx& ending, absl::Time now) {
  return RunFor<HoldDesk::Step>([&] { return hold_desk_.TakeOutOfEnding(ending, now); });
}

absl::Status Engine::DropEndedLogExtensions(absl::Time now) {
  return Run([&] { return logs_.DropEnded(now); });
}

absl::Status Engine::Recover() {
  return Run([&]() -> absl::Status {
    // A destruction that failed after the new file was in place has left the old one to be overwritten.
    const DueDay last = holdings_.ring.destroyed_through();
    if (absl::Status s = holdings_.ring.DestroyDaysThrough(last); !s.ok()) return s;
    vault_.ForgetDaysThrough(last);
    holdings_.gate.EndThrough(last);
    // The same for PBXs; where a crash came between the mark of their end and this.
    for (const PbxRegistry::EndingPbx& ending : registry_.Ending()) {
      if (absl::Status s = ender_.NarrowKeyOf(ending); !s.ok()) return s;
    }
    return absl::OkStatus();
  });
}

absl::Status Engine::EndOverPbx(std::string_view pbx_id, absl::Time now) {
  return Run([&]() -> absl::Status {
    // It may have been renewed, or ended, meanwhile.
    const auto pbx = registry_.Held(pbx_id);
    if (!pbx.has_value()) return absl::OkStatus();
    const PbxEnd end = EndOf(registry_.StandingOf(*pbx)->life, policy());
    return end.time <= now ? ender_.Begin(pbx_id, ReasonOf(end.cause), now) : absl::OkStatus();
  });
}

absl::StatusOr<std::vector<RowRun>> Engine::RowsOfEnding(const PbxId& pbx) const {
  return PbxEnder::RowsOf(pbx, *holdings_.store.Snapshot(), holdings_.counts, policy());
}

absl::Status Engine::FinishEnding(const PbxId& pbx, std::span<const RowRun> runs, absl::Time now) {
  return Run([&] {
    hold_desk_.ForgetEnding(pbx);
    return ender_.Finish(pbx, runs, now);
  });
}

absl::StatusOr<size_t> Engine::ReviewMeetings(std::span<const MeetingTimer> timers, absl::Time now) {
  return RunFor<size_t>([&] { return recorder_.Review(timers, now); });
}

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

absl::StatusOr<absl::Duration> Engine::OldestOverdue(absl::Time now) const {
  const auto counts = holdings_.counts.Read();
  absl::Duration oldest = absl::ZeroDuration();
  // Days that the ledger has ended and whose keys are still there.
  auto days = holdings_.store.ScanPrefix(Family::kState, DayProgressPrefix());
  for (; days->Valid(); days->Next()) {
    const auto day = DecodeDayKey(days->key());
    stored::v1::DayProgress progress;
    if (!day.has_value() || !progress.ParseFromArray(days->value().data(), static_cast<int>(days->value().size()))) {
      return absl::DataLossError("a row of day progress does not parse");
    }
    if (progress.stage() != stored::v1::DayProgress::STAGE_ENDING || *day <= holdings_.ring.destroyed_through()) {
      continue;
    }
    oldest = now - DueInstant(*day, policy().zone());
    break;
  }
  if (!days->status().ok()) return days->status();
  if (!counts.empty() && counts.begin()->first <= LastDueDay(now, policy().zone())) {
    oldest = std::max(oldest, now - DueInstant(counts.begin()->first, policy().zone()));
  }
  // Files whose end has come. Other timers that wait for the next run hold nothing that is due.
  auto timers = holdings_.store.ScanPrefix(Family::kState, MeetingTimerPrefix());
  for (; timers->Valid(); timers->Next()) {
    const auto timer = DecodeMeetingTimerKey(timers->key());
    if (!timer.has_value()) return absl::DataLossError("a timer's key does not parse");
    if (timer->instant_us > absl::ToUnixMicros(now)) break;
    auto row = holdings_.store.Get(Family::kState, LocatorKey(timer->pbx, timer->meeting));
    if (!row.ok()) return row.status();
    const auto locator = row->has_value() ? MeetingLocator::Parse(**row) : std::nullopt;
    if (!locator.has_value() || locator->files_end_us != timer->instant_us) continue;
    oldest = std::max(oldest, now - absl::FromUnixMicros(timer->instant_us));
    break;
  }
  if (!timers->status().ok()) return timers->status();
  // What holds kept that are over. Whether others keep it nobody knows until it has been looked at.
  for (const HoldPtr& hold : holdings_.holds.List("")) {
    const absl::Time over = hold->released.value_or(DueInstant(hold->End(), policy().zone()));
    if (over < now) oldest = std::max(oldest, now - over);
  }
  for (const auto& ending : registry_.Ending()) oldest = std::max(oldest, now - ending.begun);
  if (const auto over = registry_.Over(now); !over.empty()) oldest = std::max(oldest, now - over.front().second.time);
  return oldest;
}

}  // namespace retention
