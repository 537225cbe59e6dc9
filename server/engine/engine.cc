#include "server/engine/engine.h"

#include <algorithm>

#include "server/base/errors.h"
#include "server/rows/day_progress.h"
#include "storage/keys.h"

namespace retention {

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

absl::StatusOr<absl::Duration> Engine::OldestOverdue(absl::Time now) const {
  const auto counts = holdings_.counts.Read();
  absl::Duration oldest = absl::ZeroDuration();
  // Days that the ledger has ended and whose keys are still there.
  const auto days = ReadDayProgress(holdings_.store, DueDay::Open());
  if (!days.ok()) return days.status();
  for (const auto& [day, progress] : *days) {
    if (progress.stage() != stored::v1::DayProgress::STAGE_ENDING || day <= holdings_.ring.destroyed_through())
      continue;
    oldest = now - DueInstant(day, policy().zone());
    break;
  }
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
