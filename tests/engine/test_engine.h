// The engine as tests call it: every command by its name, run and committed where it is called.
#ifndef RETENTION_TESTS_ENGINE_TEST_ENGINE_H_
#define RETENTION_TESTS_ENGINE_TEST_ENGINE_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/errors.h"
#include "server/days/cohort_rows.h"
#include "server/days/released_cubes.h"
#include "server/days/sweeper.h"
#include "server/engine/engine.h"
#include "server/engine/forecast.h"
#include "server/holds/hold_reader.h"
#include "server/logs/log_reader.h"
#include "server/meetings/meeting_reader.h"
#include "server/pbxs/pbx_reader.h"
#include "tests/engine/exact_ledger.h"

namespace retention {

// Runs a task and returns what it returned: here, on another thread, or not at all.
using CommandRunner = std::function<absl::Status(std::function<absl::Status()>)>;

// A command thread that is a CommandRunner.
class RunnersThread final : public CommandThread {
 public:
  explicit RunnersThread(CommandRunner run) : run_(std::move(run)) {}
  absl::Status Run(std::function<absl::Status()> task) override { return run_(std::move(task)); }
  absl::Time Now() const override { return now; }

  absl::Time now;

 private:
  const CommandRunner run_;
};

class TestEngine {
  template <typename Command>
  auto Do(absl::Time now, const Command& command) {
    return engine_->writer().Do(now, command);
  }

 public:
  static constexpr uint32_t kFormatVersion = Engine::kFormatVersion;
  // What the end of days waits for, as tests ask for it.
  static constexpr std::string_view kKeptFirst = "KEPT_FIRST";

  static absl::StatusOr<std::unique_ptr<TestEngine>> Open(Store& store, KeyRing& ring, RandomSource& random,
                                                          Policy policy, absl::Time now,
                                                          const EngineOpening& opening = {}) {
    auto engine = Engine::Open(store, ring, random, std::move(policy), now, opening);
    if (!engine.ok()) return engine.status();
    return std::make_unique<TestEngine>(store, *std::move(engine));
  }
  TestEngine(Store& store, std::unique_ptr<Engine> engine) : store_(store), engine_(std::move(engine)) {
    engine_->domains().holdings.on_entry = [](const stored::v1::LedgerEntry& exact, std::string_view leaf) {
      ExactEntries::All().Note(exact, leaf);
    };
  }

  Engine& engine() { return *engine_; }
  operator Engine&() { return *engine_; }  // NOLINT(google-explicit-constructor): it is one
  Store& store() { return store_; }
  const Holdings& holdings() const { return engine_->holdings(); }
  const PbxRegistry& registry() const { return holdings().registry; }
  const BucketCounts& counts() const { return holdings().counts; }
  const PurgeMarks& marks() const { return holdings().marks; }
  const PolicyVersions& policies() const { return holdings().policies; }
  const Policy& policy() const { return holdings().policy(); }
  Vault& vault() const { return holdings().vault; }
  KeyRing& ring() const { return holdings().ring; }
  // The room that a meeting id names, or would.
  RoomId RoomNamed(const PbxId& pbx, std::string_view meeting_id) const {
    const auto named = holdings().names.Find(holdings().store, pbx, meeting_id);
    EXPECT_TRUE(named.ok()) << named.status();
    return named.ok() ? named->room : RoomId();
  }
  const ErasureOrders& orders() const { return engine_->orders(); }
  const LogRetention& logs() const { return engine_->logs(); }
  const HoldRegister& holds() const { return engine_->holds(); }
  const PolicyRefiler& policy_refiler() const { return engine_->refiler(); }
  void set_on_orders(std::function<void()> hook) { engine_->set_on_orders(std::move(hook)); }
  void set_on_erased(std::function<void(CategoryNumber, std::string_view, uint64_t)> hook) {
    engine_->set_on_erased(std::move(hook));
  }
  absl::StatusOr<absl::Duration> OldestOverdue(absl::Time now) const {
    const Engine::Overdue overdue = engine_->OldestOverdue(now);
    if (!overdue.unread.ok()) return overdue.unread;
    return overdue.oldest;
  }

  absl::Status Record(std::span<EventBatch* const> events, std::span<LineBatch* const> lines, absl::Time now) {
    return engine_->Record(events, lines, now);
  }
  absl::Status Record(std::span<EventBatch* const> events, absl::Time now) { return Record(events, {}, now); }
  absl::StatusOr<v1::PreviewErasureResponse> PreviewErasure(const v1::PreviewErasureRequest& request,
                                                            absl::Time now) const {
    return engine_->PreviewErasure(request, now);
  }
  absl::StatusOr<PbxCommands::SyncOutcome> PreviewSync(std::string_view pbx_id, const v1::PbxSynced& synced,
                                                       absl::Time now) const {
    return engine_->PreviewSync(pbx_id, synced, now);
  }

  // One command each.
  absl::StatusOr<PbxCommands::SyncOutcome> SyncPbx(std::string_view pbx_id, const v1::PbxSynced& synced, absl::Time now,
                                                   SyncMode mode = SyncMode::kAsTold) {
    return Do(now, [&](Change& change) { return domains().pbxs.Sync(pbx_id, synced, now, mode, change); });
  }
  absl::StatusOr<PbxCommands::RemovalOutcome> RemoveExtension(std::string_view pbx_id, std::string_view number,
                                                              std::string_view reason, absl::Time now) {
    return Do(now, [&](Change& change) {
      return domains().pbxs.RemoveExtension(pbx_id, {.number = number}, std::nullopt, reason, change);
    });
  }
  absl::StatusOr<PbxId> BeginEnd(std::string_view pbx_id, std::string_view reason, absl::Time now) {
    return Do(now, [&](Change& change) -> absl::StatusOr<PbxId> {
      const auto pbx = registry().Find(pbx_id, now);
      if (!pbx.has_value()) return PbxUnknown();
      if (absl::Status s = domains().pbx_ender.Begin(pbx_id, reason, change); !s.ok()) return s;
      return *pbx;
    });
  }
  absl::StatusOr<PbxCommands::LicenceOutcome> ReportLicence(std::string_view licence_key, absl::Time valid_until,
                                                            bool registered, bool active, absl::Time now) {
    return Do(now, [&](Change& change) {
      return domains().pbxs.ReportLicence(licence_key, valid_until, registered, active, change);
    });
  }
  absl::Status CountProbes(std::span<const Probe> probes, absl::Time asked, absl::Time now) {
    return Do(now, [&](Change& change) { return domains().pbxs.CountProbes(probes, asked, change); });
  }
  absl::StatusOr<ErasedMeeting> DeleteMeeting(std::string_view pbx_id, std::string_view meeting_id,
                                              std::string_view reason, absl::Time now) {
    return EraseMeeting(domains().recorder, At(now), pbx_id, meeting_id, reason);
  }
  absl::Status DeleteObject(std::string_view pbx_id, std::string_view meeting_id, CategoryNumber category,
                            std::string_view object_id, std::string_view reason, absl::Time now) {
    return EraseObject(domains().recorder, At(now), pbx_id, meeting_id, category, object_id, reason);
  }
  absl::StatusOr<ErasedPerson> ErasePerson(std::string_view pbx_id, std::string_view meeting_id,
                                           const PersonInRoom& person, absl::Time now) {
    return retention::ErasePerson(domains().recorder, domains().persons, At(now), pbx_id, meeting_id, person,
                                  "ERASURE_REQUESTED");
  }
  absl::Status RectifyPerson(std::string_view pbx_id, std::string_view meeting_id, const PersonInRoom& person,
                             const Rectification& rectification, absl::Time now) {
    return Do(now, [&](Change& change) {
      return domains().persons.Rectify(pbx_id, meeting_id, person, rectification, change);
    });
  }
  absl::Status RestrictPerson(std::string_view pbx_id, std::string_view meeting_id, const PersonInRoom& person,
                              bool restricted, absl::Time now) {
    return Do(now, [&](Change& change) {
      return domains().persons.Restrict(pbx_id, meeting_id, person, restricted, change);
    });
  }
  absl::Status DeletePoll(std::string_view pbx_id, std::string_view poll_id, std::string_view reason, absl::Time now) {
    return Do(now, [&](Change& change) { return domains().recorder.DeletePoll(pbx_id, poll_id, reason, change); });
  }
  absl::StatusOr<v1::ConfirmErasureOrdersResponse> ConfirmOrders(const v1::ConfirmErasureOrdersRequest& request,
                                                                 absl::Time now) {
    return Do(now, [&](Change& change) {
      return orders().Confirm(
          request, [](std::string_view) { return true; }, change);
    });
  }
  // The one before it is carried out first, as far as one step goes.
  absl::StatusOr<v1::LogExtension> ExtendLogRetention(const v1::ExtendLogRetentionRequest& request, absl::Time now) {
    if (!policies().refiling_since().has_value()) {
      if (const auto more = RefileLogs(now); !more.ok()) return more.status();
    }
    return Do(now, [&](Change& change) { return domains().logs.Extend(request, change); });
  }
  absl::StatusOr<bool> RefileLogs(absl::Time now) {
    return Do(now, [&](Change& change) { return domains().logs.RefileStep(change); });
  }
  absl::StatusOr<bool> RefilePolicy(absl::Time now) {
    return Do(now, [&](Change& change) { return domains().refiler.Step(change); });
  }
  absl::StatusOr<v1::Hold> CreateHold(const v1::Hold& hold, absl::Time now) {
    const auto poll = domains().hold_commands.FindsPoll(holdings().store, hold, now);
    if (!poll.ok()) return poll.status();
    return Do(now, [&](Change& change) { return domains().hold_commands.Create(hold, *poll, change); });
  }
  absl::StatusOr<v1::Hold> UpdateHold(const v1::UpdateHoldRequest& request, absl::Time now) {
    return Do(now, [&](Change& change) { return domains().hold_commands.Update(request, change); });
  }
  absl::Status ReleaseHold(std::string_view hold_id, absl::Time now) {
    return Do(now, [&](Change& change) { return domains().hold_commands.Release(hold_id, change); });
  }
  struct Step {
    bool more = false;
    uint64_t values = 0;
  };
  absl::StatusOr<Step> LetGo(absl::Time now) {
    return StepOf(Do(now, [&](Change& change) { return domains().keeping.LetGo(change); }));
  }
  absl::StatusOr<bool> EndHolds(absl::Time now) {
    return Do(now, [&](Change& change) { return domains().hold_commands.EndOver(change); });
  }
  absl::StatusOr<bool> TakeOutOfDueDays(absl::Time now) {
    return Do(now, [&](Change& change) { return domains().days.TakeOut(change); });
  }
  absl::StatusOr<Step> TakeOutOfEnding(const PbxRegistry::EndingPbx& ending, absl::Time now) {
    return StepOf(Do(now, [&](Change& change) { return domains().pbx_ender.TakeOut(ending, change); }));
  }
  absl::StatusOr<std::vector<RowRun>> RowsOfEnding(const PbxId& pbx) const {
    return PbxEnder::RowsOf(pbx, *store_.Snapshot(), counts(), policy());
  }
  absl::Status FinishEnding(const PbxId& pbx, std::span<const RowRun> runs, absl::Time now) {
    return Do(now, [&](Change& change) { return domains().pbx_ender.Finish(pbx, runs, change); });
  }
  absl::Status CloseDay(DueDay day, absl::Time now) {
    absl::Status closed = Do(now, [&](Change& change) { return domains().days.Close(day, change); });
    while (closed.ok()) {
      const auto more = Do(now, [&](Change& change) { return domains().days.OrderStep(day, change); });
      if (!more.ok() || !*more) return more.status();
    }
    return closed;
  }
  absl::Status Release(const CohortDays& cohort, const CountedCohort* counted, absl::Time now) {
    return Do(now, [&](Change& change) { return domains().cohorts.Release(cohort, counted, change); });
  }
  // With a step of TakeOutOfDueDays before it; FAILED_PRECONDITION with reason kKeptFirst if that was not enough.
  absl::StatusOr<std::vector<EndingDay>> EndDays(absl::Time now) {
    if (policies().refiling_since().has_value()) return RefileUnderWay();
    DayEnder& days = domains().days;
    const auto destroyed = days.DestroyDueKeys(now, days.UnorderedObjects(holdings().LastDue(now), now));
    if (!destroyed.ok()) return destroyed.status();
    const auto more = TakeOutOfDueDays(now);
    if (!more.ok()) return more.status();
    for (bool rest = !*more; rest;) {
      const auto ordered = Do(now, [&](Change& change) { return days.OrderRestStep(change); });
      if (!ordered.ok()) return ordered.status();
      rest = *ordered;
    }
    auto ended = Do(now, [&](Change& change) { return domains().days.End(change); });
    if (!ended.ok()) return ended.status();
    if (ended->others_first) return ErrorWithReason(absl::StatusCode::kFailedPrecondition, kKeptFirst, "kept first");
    return std::move(ended->days);
  }

  // Addresses of extensions that are remembered.
  size_t AddressesRemembered() { return domains().recorder.extensions().addresses(); }

 private:
  Domains& domains() { return engine_->domains(); }
  Commands At(absl::Time now) {
    thread_.now = now;
    return Commands(thread_, engine_->writer());
  }
  static absl::StatusOr<Step> StepOf(const absl::StatusOr<HoldKeeping::Step>& step) {
    if (!step.ok()) return step.status();
    return Step{.more = step->more(), .values = step->values};
  }

  Store& store_;
  std::unique_ptr<Engine> engine_;
  RunnersThread thread_{[](std::function<absl::Status()> task) { return task(); }};
};

// A sweeper whose commands go through a runner.
class TestSweeper {
 public:
  TestSweeper(TestEngine& engine, CommandRunner run, Sweeper::Options options)
      : thread_(std::move(run)),
        sweeper_(engine.engine().enders(), Commands(thread_, engine.engine().writer()), std::move(options)) {}
  absl::StatusOr<SweepOutcome> RunOnce(absl::Time now, bool scrub_now) { return sweeper_.RunOnce(now, scrub_now); }

 private:
  RunnersThread thread_;
  Sweeper sweeper_;
};

inline absl::StatusOr<uint64_t> EndPbx(TestEngine& engine, const CommandRunner& run, std::string_view pbx_id,
                                       std::string_view reason, absl::Time now) {
  RunnersThread thread(run);
  return EndPbx(engine.engine().enders(), Commands(thread, engine.engine().writer()), pbx_id, reason, now);
}

inline absl::StatusOr<uint64_t> ReleaseHold(TestEngine& engine, const CommandRunner& run, std::string_view hold_id,
                                            absl::Time now) {
  RunnersThread thread(run);
  return ReleaseHold(engine.engine().enders(), Commands(thread, engine.engine().writer()), hold_id, now);
}

inline absl::Status LetGo(TestEngine& engine, const CommandRunner& run, absl::Time now) {
  RunnersThread thread(run);
  return LetGo(engine.engine().enders(), Commands(thread, engine.engine().writer()), now);
}

inline absl::StatusOr<v1::PlanPolicyResponse> PlanPolicy(TestEngine& engine, const v1::PlanPolicyRequest& request,
                                                         absl::Time now) {
  return engine.engine().planner().Plan(request, now);
}

inline absl::StatusOr<PlannedPolicy> CheckPlan(TestEngine& engine, const v1::ApplyPolicyRequest& request,
                                               absl::Time now) {
  return engine.engine().planner().CheckPlan(request, now);
}

inline absl::StatusOr<v1::ApplyPolicyResponse> ApplyPlanned(TestEngine& engine, const CommandRunner& run,
                                                            const PlannedPolicy& planned, absl::Time now) {
  RunnersThread thread(run);
  return Commands(thread, engine.engine().writer()).Do(now, [&](Change& change) {
    return engine.engine().planner().Apply(planned, change);
  });
}

inline absl::StatusOr<v1::GetPolicyResponse> DescribePolicy(TestEngine& engine, const v1::GetPolicyRequest& request) {
  return engine.engine().planner().Describe(request);
}

inline absl::StatusOr<v1::ListDueDaysResponse> Forecast(const TestEngine& engine, const v1::ListDueDaysRequest& request,
                                                        absl::Time now, size_t page_rows = kForecastPageRows) {
  const Engine& of = const_cast<TestEngine&>(engine).engine();
  return Forecast(of.store(), of.holdings(), of.holds(), of.logs(), request, now, page_rows);
}

// All that can be read.
class Reader : public MeetingReader, public PbxReader {
 public:
  explicit Reader(TestEngine& engine)
      : MeetingReader(engine.store(), engine.holdings()),
        PbxReader(engine.store(), engine.holdings()),
        engine_(engine) {}

  absl::StatusOr<v1::ListDueDaysResponse> ListDueDays(const v1::ListDueDaysRequest& request, absl::Time now) const {
    return Forecast(engine_, request, now);
  }
  absl::StatusOr<v1::QueryStatisticsResponse> QueryStatistics(const v1::QueryStatisticsRequest& request,
                                                              absl::Time now) const {
    const PolicyVersion& version = engine_.policies().current();
    return QueryReleased(engine_.store(), version.policy, version.profiles, engine_.ring().cohorts_destroyed_through(),
                         request, now);
  }

 private:
  TestEngine& engine_;
};

inline LogReader LogReaderOf(const TestEngine& engine) {
  const Engine& of = const_cast<TestEngine&>(engine).engine();
  return LogReader(of.store(), of.holdings(), of.logs());
}

inline HoldReader HoldReaderOf(const TestEngine& engine) {
  const Engine& of = const_cast<TestEngine&>(engine).engine();
  return HoldReader(of.store(), of.holdings(), of.holds());
}

}  // namespace retention

#endif  // RETENTION_TESTS_ENGINE_TEST_ENGINE_H_
