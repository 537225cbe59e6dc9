// Months of a platform's life, drawn from one seed: events, time, sweeps and faults, judged by the oracle after every
// step.
//
// RETENTION_SEED replays a seed, RETENTION_STEPS changes the number of steps, RETENTION_TRACE=1 prints every step.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <string>

#include "server/engine/errors.h"
#include "tests/engine/harness.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/comparison.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/model.h"
#include "tests/simulation/workload.h"

namespace retention::simulation {
namespace {

constexpr uint64_t kDefaultSteps = 250;

// Eves of what is odd in a calendar: 29 February, both changes of the clocks, ends of months of different length.
absl::Time StartOf(uint64_t seed) {
  static constexpr absl::CivilSecond kStarts[] = {
      absl::CivilSecond(2027, 12, 20, 9, 0, 0), absl::CivilSecond(2026, 8, 28, 14, 0, 0),
      absl::CivilSecond(2026, 3, 20, 22, 30, 0), absl::CivilSecond(2026, 12, 27, 8, 0, 0),
      absl::CivilSecond(2026, 10, 20, 23, 10, 0)};
  return absl::FromCivil(kStarts[seed % std::size(kStarts)], Berlin());
}

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

class Months {
 public:
  explicit Months(uint64_t seed)
      : seed_(seed),
        dice_(seed),
        directory_(FreshDirectory()),
        machine_(directory_, PatientPolicy(), seed),
        workload_(dice_, model_),
        now_(StartOf(seed)),
        first_day_(DayAt(now_)) {}
  ~Months() {
    machine_.Stop();
    std::filesystem::remove_all(directory_);
  }

  void Go(uint64_t steps) {
    std::cout << "seed " << seed_ << ", " << steps << " steps" << std::endl;
    Must(machine_.Start(now_));
    for (int i = 0; i < 3; ++i) Sync("pbx-" + std::to_string(i));
    for (step_ = 0; step_ < steps && !::testing::Test::HasFailure(); ++step_) {
      {
        SCOPED_TRACE(Where() + ", in the step after " + last_);
        Step();
      }
      Trace(last_);
      SCOPED_TRACE(Where() + ", after " + last_);
      Judge();
    }
    std::cout << "seed " << seed_ << " reached " << absl::FormatTime(now_, Berlin()) << ": " << events_ << " events, "
              << sweeps_ << " sweeps, " << restarts_ << " restarts, " << failures_ << " failed commands, "
              << witness_.cohorts() << " cohorts" << std::endl;
  }

 private:
  static std::filesystem::path FreshDirectory() {
    std::string pattern = (std::filesystem::path(::testing::TempDir()) / "simulation-XXXXXX").string();
    return mkdtemp(pattern.data());
  }
  static void Must(const absl::Status& status) { EXPECT_TRUE(status.ok()) << status; }

  std::string Where() const {
    return "RETENTION_SEED=" + std::to_string(seed_) + " step " + std::to_string(step_) + " at " +
           absl::FormatTime(absl::RFC3339_full, now_, Berlin());
  }

  void Trace(const std::string& text) const {
    if (tracing_) std::cout << Where() << ": " << text << std::endl;
  }

  void Step() {
    const uint64_t kind = dice_.Below(100);
    if (kind < 55) {
      RecordBatch();
    } else if (kind < 75) {
      now_ = workload_.NextInstant(now_);
      model_.AdvanceTo(now_);
      last_ = "time";
    } else if (kind < 89) {
      Sweep();
    } else if (kind < 92) {
      Sync(workload_.AnyPbx());
    } else if (kind < 94) {
      RemoveExtension();
    } else if (kind < 95) {
      Deregister();
    } else {
      last_ = "restart";
      Restart();
    }
  }

  void RecordBatch() {
    const std::vector<v1::Event> batch = workload_.NextBatch(now_);
    if (batch.empty()) return;
    last_ = "record";
    Trace(Describe(batch));
    events_ += batch.size();
    v1::RecordResult result;
    // Commands on PBXs, and the deletion of a poll, split a batch into several durable writes.
    const bool one_write = std::none_of(batch.begin(), batch.end(), [](const v1::Event& event) {
      return event.has_pbx_synced() || event.has_extension_synced() || event.has_extension_removed() ||
             event.has_poll_deleted() || event.has_meeting_deleted();
    });
    const bool first = Execute(one_write, [&] {
      absl::Status status;
      result = machine_.Record(batch, now_, status);
      return status;
    });
    const Prediction expected = model_.Record(batch, now_);
    CompareResult(batch, result, expected, first);
  }

  static std::string Describe(const std::vector<v1::Event>& batch) {
    std::string text;
    for (const v1::Event& event : batch) text += event.ShortDebugString() + "\n";
    return text;
  }

  // A batch that was sent again may find its events recorded; what it is refused then, for polls, follows from that.
  static void CompareResult(const std::vector<v1::Event>& batch, const v1::RecordResult& result,
                            const Prediction& expected, bool first) {
    std::map<int, v1::RejectionReason> rejections;
    for (const v1::Rejection& rejection : result.rejections()) {
      rejections[static_cast<int>(rejection.index())] = rejection.reason();
    }
    EXPECT_EQ(result.accepted() + result.duplicates() + rejections.size(), batch.size());
    uint32_t either = 0;
    for (size_t i = 0; i < batch.size(); ++i) {
      const int index = static_cast<int>(i);
      const bool poll = batch[i].has_poll_created() || batch[i].has_poll_answered() || batch[i].has_poll_deleted();
      if (!first && poll) continue;
      const auto found = rejections.find(index);
      const auto wanted = expected.rejections.find(index);
      if (wanted != expected.rejections.end() && wanted->second == v1::REJECTION_REASON_UNSPECIFIED) {
        ++either;
        continue;
      }
      EXPECT_EQ(found == rejections.end() ? 0 : found->second, wanted == expected.rejections.end() ? 0 : wanted->second)
          << "rejection of " << batch[i].ShortDebugString();
    }
    if (!first) return;
    EXPECT_EQ(result.accepted(), expected.accepted);
    EXPECT_GE(result.duplicates(), expected.duplicates);
    EXPECT_LE(result.duplicates(), expected.duplicates + either);
    EXPECT_GE(result.values_past_due(), expected.past_due_min) << Describe(batch);
    EXPECT_LE(result.values_past_due(), expected.past_due_max) << Describe(batch);
  }

  void Sync(const std::string& pbx_id) {
    last_ = "sync " + pbx_id;
    const v1::PbxSynced synced = workload_.NextSync();
    absl::StatusOr<PbxDesk::SyncOutcome> outcome;
    const bool first = Execute(true, [&] {
      outcome = machine_.engine().SyncPbx(pbx_id, synced, now_);
      return outcome.status();
    });
    const bool created = !model_.pbxs().contains(pbx_id);
    if (!created && model_.pbxs().at(pbx_id).synced_us > absl::ToUnixMicros(now_)) {
      EXPECT_TRUE(outcome->stale);
      return;
    }
    const uint32_t removed = model_.SyncPbx(pbx_id, synced, absl::ToUnixMicros(now_));
    if (!first) return;
    EXPECT_EQ(outcome->created, created);
    EXPECT_EQ(outcome->extensions_removed, removed);
  }

  void RemoveExtension() {
    last_ = "remove extension";
    const std::string pbx_id = workload_.AnyPbx();
    const std::string number = workload_.AnyExtension();
    last_ += " " + pbx_id + " " + number;
    absl::StatusOr<PbxDesk::RemovalOutcome> outcome;
    const bool first = Execute(true, [&] {
      outcome = machine_.engine().RemoveExtension(pbx_id, number, kReasonExtensionRemoved, now_);
      return absl::IsNotFound(outcome.status()) ? absl::OkStatus() : outcome.status();
    });
    const auto expected = model_.RemoveExtension(pbx_id, number, absl::ToUnixMicros(now_));
    if (!first) return;
    EXPECT_EQ(outcome.ok(), expected.has_value());
    if (!outcome.ok() || !expected.has_value()) return;
    EXPECT_EQ(outcome->polls, expected->first);
    EXPECT_EQ(outcome->pdfs, expected->second);
  }

  void Deregister() {
    last_ = "deregister";
    const std::string pbx_id = workload_.AnyPbx();
    absl::Status status;
    const bool first = Execute(false, [&] {
      status = machine_.EndPbx(pbx_id, now_);
      return absl::IsNotFound(status) ? absl::OkStatus() : status;
    });
    const bool ended = model_.Deregister(pbx_id);
    EXPECT_TRUE(!first || status.ok() == ended);
    // An end that was cut short is finished by the sweeper.
    if (!first) Sweep();
  }

  void Sweep() {
    last_ = "sweep";
    ++sweeps_;
    std::set<absl::CivilDay> ending;
    for (const auto& [day, counts] : machine_.engine().counts().Read()) {
      if (!day.is_civil() || now_ < DueAfter(day.civil())) continue;
      // The rest may move to a later day, or end with its meeting or its PBX, in the sweep itself.
      if (counts[kHistory].rows > 0) ending.insert(day.civil());
    }
    const bool scrub = dice_.Chance(50);
    Execute(false, [&] { return machine_.Sweep(now_, scrub).status(); });
    CheckSwept(machine_.engine(), model_, now_);
    witness_.Look(machine_.engine(), now_);
    witness_.ExpectEnded(ending);
    witness_.ExpectReleased(first_day_, now_);
  }

  void Restart() {
    ++restarts_;
    const bool power = dice_.Chance(60);
    absl::Status status = machine_.Restart(now_, power, dice_.Pick(std::vector<uint64_t>{0, 7, 1000, 1 << 20}));
    Must(status);
  }

  // Runs a command, now and then on a machine that fails. True if it took only one attempt.
  bool Execute(bool one_write, const std::function<absl::Status()>& command) {
    if (dice_.Chance(20)) {
      const uint64_t nth = 1 + dice_.Below(dice_.Chance(50) ? 6 : 80);
      const bool full = dice_.Chance(50);
      switch (dice_.Below(4)) {
        case 0:
          machine_.CrashAtWrite(nth);
          break;
        case 1:
          machine_.CrashAtRingStep(1 + dice_.Below(5));
          break;
        case 2:
          machine_.FailFromWrite(nth, full ? FaultFileSystem::Fault::kDiskFull : FaultFileSystem::Fault::kIoError);
          break;
        default:
          machine_.FailFromRingStep(1 + dice_.Below(3), full ? absl::ResourceExhaustedError("disk full")
                                                             : absl::UnavailableError("disk failed"));
      }
    }
    for (int attempt = 1;; ++attempt) {
      const absl::Status status = command();
      if (!status.ok()) ++failures_;
      if (machine_.crashed()) {
        last_ += " (crashed)";
        Restart();
        // A server sweeps before it serves.
        if (!::testing::Test::HasFailure() && dice_.Chance(70)) Must(machine_.Sweep(now_, false).status());
      } else if (!status.ok()) {
        last_ += " (failed)";
        EXPECT_TRUE(absl::IsResourceExhausted(status) || absl::IsUnavailable(status)) << "not typed: " << status;
        // Nothing of it is visible, and reading goes on.
        if (one_write) CompareWithModel(machine_.engine(), model_, now_);
      }
      machine_.Heal();
      if (status.ok() || ::testing::Test::HasFailure()) return attempt == 1;
      if (attempt == 4) {
        ADD_FAILURE() << "fails on a sound machine: " << status;
        return false;
      }
    }
  }

  void Judge() {
    CompareWithModel(machine_.engine(), model_, now_);
    if (step_ % 5 != 0) return;
    witness_.Look(machine_.engine(), now_);
    EXPECT_EQ(witness_.pbxs_ended(), model_.pbxs_ended());
  }

  const uint64_t seed_;
  const bool tracing_ = FromEnvironment("RETENTION_TRACE", 0) != 0;
  Dice dice_;
  const std::filesystem::path directory_;
  Machine machine_;
  Model model_;
  Workload workload_;
  absl::Time now_;
  const absl::CivilDay first_day_;
  Witness witness_;
  std::string last_;
  uint64_t step_ = 0;
  uint64_t events_ = 0;
  uint64_t sweeps_ = 0;
  uint64_t restarts_ = 0;
  uint64_t failures_ = 0;
};

class Simulation : public ::testing::TestWithParam<uint64_t> {};

TEST_P(Simulation, InvariantsHoldAfterEveryStep) {
  Months(GetParam()).Go(FromEnvironment("RETENTION_STEPS", kDefaultSteps));
}

INSTANTIATE_TEST_SUITE_P(Seeds, Simulation, ::testing::Range<uint64_t>(1, 6));

TEST(SimulationReplay, SeedOfTheEnvironment) {
  const uint64_t seed = FromEnvironment("RETENTION_SEED", 0);
  if (seed == 0) GTEST_SKIP() << "RETENTION_SEED is not set";
  Months(seed).Go(FromEnvironment("RETENTION_STEPS", kDefaultSteps));
}

}  // namespace
}  // namespace retention::simulation
