#include "tests/simulation/machine.h"

#include <utility>

#include "server/rows/ring_generation.h"
#include "storage/rocksdb/rocksdb_store.h"
#include "storage/secrets/root_file.h"

namespace retention::simulation {

Machine::Machine(const std::filesystem::path& directory, Policy policy, uint64_t seed)
    : directory_(directory),
      policy_(std::move(policy)),
      random_(seed * 2 + 1),
      ring_random_(seed * 2 + 2),
      rooted_(seed % 2 == 1) {}

Machine::~Machine() { Stop(); }

absl::Status Machine::Start(absl::Time now) {
  auto opened_store =
      OpenRocksDbStore((directory_ / "data").string(),
                       {.block_cache_bytes = 8 << 20, .memtable_bytes = 8 << 20, .file_system = disk_.file_system()});
  if (!opened_store.ok()) return opened_store.status();
  store_ = *std::move(opened_store);
  const auto seen = SeenRingGeneration(*store_);
  if (!seen.ok()) return seen.status();
  const std::string ring = (directory_ / "ring").string();
  KeyRing::Options options;
  options.opening = {.known_generation = *seen};
  options.random = [this](uint8_t* bytes, size_t size) { return ring_random_.Fill(bytes, size); };
  options.on_io = [this](size_t, RingFile, RingReplica::Io) { return OnRingStep(); };
  if (rooted_) options.root = OpenRootFile((directory_ / "root").string(), ring_random_);
  auto opened_ring = std::filesystem::exists(ring) ? KeyRing::Open(ring, options) : KeyRing::Create(ring, options);
  if (!opened_ring.ok()) return opened_ring.status();
  ring_ = *std::move(opened_ring);
  auto witness = StoreWitness::Open({ring});
  if (!witness.ok()) return witness.status();
  witness_ = *std::move(witness);
  if (time_ != nullptr) {
    clock_.emplace(*time_, GuardedClock::Trust::kKernel);
    if (witness_->known_clock().has_value()) clock_->Resume(witness_->known_clock()->anchor);
  }
  if (witness_->ring_generation() > ring_->generation())
    return absl::FailedPreconditionError("a crash took ring writes");
  const auto finding = witness_->Meet(*store_, store_->Found(), *ring_);
  if (!finding.ok()) return finding.status();
  witness_->Follow(*store_);
  if (absl::Status lost = StoreWitness::Refusal(*finding); !lost.ok()) return lost;
  auto opened = TestEngine::Open(*store_, *ring_, random_, policy_, now);
  if (!opened.ok()) return opened.status();
  engine_ = *std::move(opened);
  Remember(now);
  return absl::OkStatus();
}

void Machine::Remember(absl::Time now) {
  if (crashed()) return;
  // Of a store that fails there is nothing new.
  const ClockAnchor anchor = clock_.has_value() ? clock_->Anchor() : ClockAnchor{.instant = now};
  witness_->Note(stored::v1::LedgerEntry::CLOCK_SYSTEM, anchor).IgnoreError();
}

void Machine::Stop() {
  engine_.reset();
  witness_.reset();
  store_.reset();
  ring_.reset();
}

absl::Status Machine::Restart(absl::Time now, bool power, uint64_t torn_bytes) {
  Stop();
  if (power) {
    if (absl::Status status = disk_.LosePower(torn_bytes); !status.ok()) return status;
  }
  disk_.Restart();
  ring_crash_at_ = UINT64_MAX;
  ring_crashed_ = false;
  ring_fail_from_ = UINT64_MAX;
  return Start(now);
}

void Machine::FailFromRingStep(uint64_t nth, absl::Status failure) {
  ring_fail_from_ = ring_steps_ + nth;
  ring_failure_ = std::move(failure);
}

void Machine::CallOffCrash() {
  disk_.CrashAt(UINT64_MAX / 2);
  ring_crash_at_ = UINT64_MAX;
}

void Machine::Heal() {
  disk_.Heal();
  ring_fail_from_ = UINT64_MAX;
}

absl::Status Machine::OnRingStep() {
  ++ring_steps_;
  if (ring_steps_ >= ring_crash_at_ && !ring_crashed_) {
    ring_crashed_ = true;
    disk_.CrashAt(1);
  }
  if (ring_crashed_ || disk_.crashed()) return absl::UnavailableError("crashed");
  if (ring_steps_ >= ring_fail_from_) return ring_failure_;
  return absl::OkStatus();
}

v1::RecordResult Machine::Record(const std::vector<v1::Event>& events, absl::Time now, absl::Status& status) {
  const google::protobuf::RepeatedPtrField<v1::Event> batch(events.begin(), events.end());
  EventBatch queued;
  queued.events = &batch;
  status = queued.Prepare(now);
  if (!status.ok()) return {};
  EventBatch* const group[] = {&queued};
  status = engine_->Record(group, now);
  Remember(now);
  return queued.result;
}

absl::StatusOr<SweepOutcome> Machine::Sweep(absl::Time now, bool scrub, const std::function<void()>& between) {
  const auto run = [this, now, &between](std::function<absl::Status()> task) {
    const absl::Status status = task();
    Remember(now);
    if (between) between();
    return status;
  };
  TestSweeper sweeper(*engine_, run, {});
  return sweeper.RunOnce(now, scrub);
}

absl::Status Machine::Append(const std::vector<v1::LogLine>& lines, absl::Time now, v1::AppendLogsResponse& response) {
  const google::protobuf::RepeatedPtrField<v1::LogLine> batch(lines.begin(), lines.end());
  LineBatch queued;
  queued.lines = &batch;
  if (absl::Status status = queued.Prepare(now); !status.ok()) return status;
  LineBatch* const group[] = {&queued};
  const absl::Status status = engine_->Record({}, group, now);
  response = queued.result;
  return status;
}

absl::Status Machine::LetGo(absl::Time now) {
  return retention::LetGo(
      *engine_, [](std::function<absl::Status()> task) { return task(); }, now);
}

absl::Status Machine::EndPbx(const std::string& pbx_id, const std::string& reason, absl::Time now) {
  return retention::EndPbx(
             *engine_, [](std::function<absl::Status()> task) { return task(); }, pbx_id, reason, now)
      .status();
}

}  // namespace retention::simulation
