// An engine in a fresh directory, on a map or on RocksDB, with the default policy, a clock that is a variable and no
// threads.
#ifndef RETENTION_TESTS_ENGINE_HARNESS_H_
#define RETENTION_TESTS_ENGINE_HARNESS_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/errors.h"
#include "tests/engine/test_engine.h"
#include "tests/testing/fresh_directory.h"
#include "tests/testing/map_store.h"

namespace retention {

// The policy of deploy/policy.txtpb, with `edit` applied.
Policy DefaultPolicy(const std::function<void(v1::Policy&)>& edit = {});
// As if there had never been another.
const CutHistory& DefaultCuts();
// "2026-03-02T10:00:00+01:00"; the offset is part of the text.
absl::Time At(absl::string_view rfc3339);
// The step of the clock: the engine's instants are microseconds.
inline constexpr absl::Duration kTick = absl::Microseconds(1);
// The Monday on which most tests begin.
inline const absl::Time kMonday = At("2026-03-02T10:00:00+01:00");
// Of the default policy: who is back within that was not away.
inline constexpr absl::Duration kRefreshWithin = absl::Seconds(30);
// Seven days after it, the day by which most of its values go.
inline const DueDay kNextMonday(absl::CivilDay(2026, 3, 9));

// Events, by what matters in tests. Times are set by Harness::Record where they are missing.
v1::Event NewEvent(absl::string_view meeting, absl::string_view id, absl::Time time);
v1::Event Scheduled(absl::string_view meeting, absl::string_view id, absl::Time time, absl::Time start,
                    absl::Duration length, absl::string_view organizer = "100");
v1::Event Rescheduled(absl::string_view meeting, absl::string_view id, absl::Time time, absl::Time start,
                      absl::Duration length);
v1::Event Started(absl::string_view meeting, absl::string_view id, absl::Time time);
v1::Event Ended(absl::string_view meeting, absl::string_view id, absl::Time time);
v1::Event Deleted(absl::string_view meeting, absl::string_view id, absl::Time time);
v1::Event Joined(absl::string_view meeting, absl::string_view id, absl::Time time, absl::string_view participant,
                 absl::string_view name = "", absl::string_view email = "", absl::string_view ip = "");
v1::Event Left(absl::string_view meeting, absl::string_view id, absl::Time time, absl::string_view participant);
v1::Event Reconnected(absl::string_view meeting, absl::string_view id, absl::Time time, absl::string_view participant);
v1::Event File(absl::string_view meeting, absl::string_view id, absl::Time time, absl::string_view ref);
v1::Event Pdf(absl::string_view meeting, absl::string_view id, absl::Time time, absl::string_view ref);
v1::Event Recording(absl::string_view meeting, absl::string_view id, absl::Time time, absl::string_view ref);
v1::Event Chat(absl::string_view meeting, absl::string_view id, absl::Time time, absl::string_view text);

// The same, but that a PBX does not end because nobody hears of it.
Policy PatientPolicy(const std::function<void(v1::Policy&)>& edit = nullptr);

// Expects that the rows of lists and notices are those that the locators say, and no more.
void ExpectNothingDangles(const Store& store, const Policy& policy);

class Harness {
 public:
  // What it keeps its rows in: what looks at files needs kRocksDb.
  enum class Backend { kMap, kRocksDb };

  explicit Harness(absl::Time start, Policy policy = PatientPolicy(), Sweeper::Options sweeper = {},
                   Backend backend = Backend::kMap);
  Harness(absl::Time start, Backend backend) : Harness(start, PatientPolicy(), {}, backend) {}
  ~Harness();

  // Closes everything and opens it again, as after a restart. Returns the status of TestEngine::Open.
  absl::Status Reopen();
  absl::Status Reopen(Policy policy);
  // Until it is opened again.
  void Close();

  v1::RecordResult Record(std::vector<v1::Event> events);
  v1::RecordResult Record(const v1::Event& event) { return Record(std::vector<v1::Event>{event}); }
  void SyncPbx(absl::string_view pbx_id = "pbx", std::vector<std::string> extensions = {"100", "101"});
  SweepOutcome Sweep(bool scrub = true);
  // Ends a PBX to the last row.
  absl::StatusOr<uint64_t> EndPbx(absl::string_view pbx_id);

  absl::StatusOr<v1::MeetingReport> Report(absl::string_view meeting);
  absl::StatusOr<v1::Meeting> Get(absl::string_view meeting);
  // By identifier.
  std::vector<v1::Participant> Participants(absl::string_view meeting);
  // Values held under the due day of a category; 0 if none.
  uint64_t Values(CategoryNumber category);
  // Due day of the only bucket of a category as "2026-03-09"; "none", "open" or "many".
  std::string DueDayOf(CategoryNumber category);
  // Erasure orders that were issued.
  size_t Orders();

  TestEngine& engine() { return *engine_; }
  Reader reader() { return Reader(*engine_); }
  Store& store() { return *store_; }
  KeyRing& ring() { return *ring_; }
  // What a map keeps its rows on, for faults.
  MapDisk& disk() { return *disk_; }
  // Asked before each write and sync of the ring.
  std::function<absl::Status(size_t replica, RingFile, RingReplica::Io)> on_ring_io;
  const std::filesystem::path& directory() const { return directory_.path(); }

  absl::Time now;

 private:
  FreshDirectory directory_;
  const Backend backend_;
  const std::shared_ptr<MapDisk> disk_ = std::make_shared<MapDisk>();
  Policy policy_;
  Sweeper::Options sweeper_options_;
  std::unique_ptr<KeyRing> ring_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<TestEngine> engine_;
};

}  // namespace retention

#endif  // RETENTION_TESTS_ENGINE_HARNESS_H_
