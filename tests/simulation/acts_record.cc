// What the platform does every day: events, synchronisations, time, sweeps.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "server/base/errors.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/comparison.h"
#include "tests/simulation/months.h"

namespace retention::simulation {
namespace {

std::string Describe(const std::vector<v1::Event>& batch) {
  std::string text;
  for (const v1::Event& event : batch) text += event.ShortDebugString() + "\n";
  return text;
}

bool IsOfPoll(const v1::Event& event) {
  return event.has_poll_created() || event.has_poll_answered() || event.has_poll_deleted();
}

// A batch that was sent again may find its events recorded; what it is refused then, for polls, follows from that.
void CompareResult(const std::vector<v1::Event>& batch, const v1::RecordResult& result, const Prediction& expected,
                   bool first) {
  std::map<int, v1::RejectionReason> rejections;
  for (const v1::Rejection& rejection : result.rejections()) {
    rejections[static_cast<int>(rejection.index())] = rejection.reason();
  }
  EXPECT_EQ(result.accepted() + result.duplicates() + rejections.size(), batch.size());
  uint32_t either = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    const int index = static_cast<int>(i);
    if (!first && IsOfPoll(batch[i])) continue;
    auto found = rejections.find(index);
    const auto wanted = expected.rejections.find(index);
    if (wanted != expected.rejections.end() && wanted->second == v1::REJECTION_REASON_UNSPECIFIED) {
      ++either;
      continue;
    }
    // When the end of one that came to it by itself began, nobody but the engine can tell.
    if (found != rejections.end() && found->second == v1::REJECTION_REASON_PBX_ENDED) {
      found->second = v1::REJECTION_REASON_PBX_UNKNOWN;
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

}  // namespace

void Months::RecordBatch() {
  const std::vector<v1::Event> batch = workload_.NextBatch(now_);
  if (!batch.empty()) Record(batch);
}

void Months::Record(const std::vector<v1::Event>& batch) {
  last_ = "record";
  filed_.reset();
  Trace(Describe(batch));
  events_ += batch.size();
  v1::RecordResult result;
  // Commands on PBXs, the deletion of a poll, and meetings that are refiled first split a batch into several durable
  // writes.
  const bool one_write =
      !model_.refiled_from().has_value() && std::none_of(batch.begin(), batch.end(), [](const v1::Event& event) {
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
  if (!first) RecordLate(batch, result, expected);
  NamePbxs();
}

// A poll whose extension comes behind it in its batch is refused, but taken if the batch has to be sent again.
void Months::RecordLate(const std::vector<v1::Event>& batch, const v1::RecordResult& result,
                        const Prediction& expected) {
  std::set<size_t> refused;
  for (const v1::Rejection& rejection : result.rejections()) refused.insert(rejection.index());
  for (size_t i = 0; i < batch.size(); ++i) {
    if (!IsOfPoll(batch[i]) || refused.contains(i) || !expected.rejections.contains(static_cast<int>(i))) continue;
    if (expected.rejections.at(static_cast<int>(i)) == v1::REJECTION_REASON_UNSPECIFIED) continue;
    EXPECT_TRUE(model_.Record({batch[i]}, now_).rejections.empty()) << batch[i].ShortDebugString();
  }
}

void Months::SyncAny() {
  // A PBX that has ended comes back sooner or later.
  std::string pbx_id = workload_.AnyPbx();
  for (int i = 0; i < 3 && model_.pbxs().contains(pbx_id); ++i) pbx_id = workload_.AnyPbx();
  Sync(pbx_id);
}

void Months::Sync(const std::string& pbx_id) {
  last_ = "sync " + pbx_id;
  filed_.reset();
  const v1::PbxSynced synced = workload_.NextSync(pbx_id);
  absl::StatusOr<PbxCommands::SyncOutcome> outcome;
  // The end of a former one is a write of its own.
  const bool one_write = !machine_.engine().registry().Held(pbx_id).has_value() || model_.pbxs().contains(pbx_id);
  const bool first = Execute(one_write, [&] {
    outcome = machine_.engine().SyncPbx(pbx_id, synced, now_);
    return outcome.status();
  });
  const bool created = !model_.pbxs().contains(pbx_id);
  const std::optional<uint32_t> removed = model_.SyncPbx(pbx_id, synced, absl::ToUnixMicros(now_), now_);
  NamePbxs();
  if (!outcome.ok()) return;
  EXPECT_EQ(outcome->stale, !removed.has_value());
  if (!first) return;
  EXPECT_EQ(outcome->created, created);
  EXPECT_EQ(outcome->removed.size(), removed.value_or(0));
}

void Months::RemoveAnyExtension() { RemoveExtension(workload_.AnyPbx(), workload_.AnyExtension()); }

void Months::RemoveExtension(const std::string& pbx_id, const std::string& number) {
  last_ = "remove extension " + pbx_id + " " + number;
  const std::string reason = dice_.Chance(50) ? AnyOperatorReason() : std::string(kReasonExtensionRemoved);

  absl::StatusOr<PbxCommands::RemovalOutcome> outcome;
  const bool first = Execute(true, [&] {
    outcome = machine_.engine().RemoveExtension(pbx_id, number, reason, now_);
    return absl::IsNotFound(outcome.status()) ? absl::OkStatus() : outcome.status();
  });
  const bool known = model_.pbxs().contains(pbx_id);
  const auto expected = model_.RemoveExtension(pbx_id, number, absl::ToUnixMicros(now_));
  if (!first) return;
  EXPECT_EQ(outcome.ok(), expected.has_value());
  if (!outcome.ok()) {
    EXPECT_EQ(DetailsOf(outcome.status()).reason, known ? "EXTENSION_UNKNOWN" : "PBX_UNKNOWN");
    return;
  }
  if (!expected.has_value()) return;
  EXPECT_EQ(outcome->polls, expected->first);
  EXPECT_EQ(outcome->pdfs, expected->second);
}

void Months::PassTime() { MoveTo(workload_.NextInstant(now_)); }

void Months::Sweep() {
  last_ = "sweep";
  ++sweeps_;
  std::set<absl::CivilDay> ending;
  for (const auto& [day, counts] : machine_.engine().counts().Read()) {
    if (!day.is_civil() || now_ < DueAfter(day.civil())) continue;
    // Of some all may be kept, or refiled.
    if (!model_.holds().InForce().empty() || model_.refiled_from().has_value()) continue;
    // The rest may move to a later day, or end with its meeting or its PBX, in the sweep itself.
    if (counts[kHistory].rows > 0) ending.insert(day.civil());
  }
  const bool scrub = dice_.Chance(50);
  Execute(false, [&] { return TrySweep(scrub); });
  // A secret that could not be destroyed waits for the next.
  if (machine_.running() && machine_.engine().ring().unfinished()) {
    EXPECT_TRUE(TrySweep(false).ok());
  }
  portal_.Look(machine_.engine(), now_);
  CheckSwept(machine_.engine(), model_, portal_, now_);
  witness_.Look(machine_.engine(), cohorts_, model_.refiled_from().has_value(), now_);
  witness_.ExpectKeysGone(machine_.engine().ring());
  witness_.ExpectEnded(ending);
  witness_.ExpectReleased(cohorts_);
}

// What others ask for comes between the commands of a sweep.
void Months::SweepAmongOthers() {
  static const std::vector<void (Months::*)()>& others = *new std::vector<void (Months::*)()>{
      &Months::RecordBatch,      &Months::SyncAny,      &Months::RemoveAnyExtension, &Months::EndAnyPbx,
      &Months::ReportAnyLicence, &Months::Probe,        &Months::DeleteAnyMeeting,   &Months::DeleteAnyObject,
      &Months::DeleteAnyPoll,    &Months::Confirm,      &Months::AppendLogs,         &Months::ExtendLogs,
      &Months::FinishLate,       &Months::PlaceAnyHold, &Months::ChangeAnyHold,      &Months::ReleaseAnyHold};
  ++sweeps_;
  machine_.CallOffCrash();
  if (machine_.crashed()) Restart();  // by a write in the background
  // Not of the store: it cannot be opened anew while the sweeper reads.
  if (dice_.Chance(30)) machine_.FailFromRingStep(1 + dice_.Below(3), absl::UnavailableError("disk failed"));
  std::string story;
  int left = 4;
  sweeping_ = true;
  model_.NoteRefileBegun();
  const absl::Status status = machine_
                                  .Sweep(now_, dice_.Chance(50),
                                         [&] {
                                           NoticeRefile();
                                           if (left == 0 || ::testing::Test::HasFailure() || !dice_.Chance(30)) return;
                                           --left;
                                           (this->*dice_.Pick(others))();
                                           story += ", " + last_;
                                         })
                                  .status();
  sweeping_ = false;
  machine_.Heal();
  last_ = "sweep among" + story;
  filed_.reset();
  erased_min_.clear();
  if (status.ok()) {
    NoticeRefile();
    cohorts_.NoteSwept(now_);
    model_.holds().NoteDaysEnded();
    return model_.NoteSwept();
  }
  ++failures_;
  cohorts_.NoteFailed(now_);
  EXPECT_TRUE(absl::IsResourceExhausted(status) || absl::IsUnavailable(status)) << "not typed: " << status;
  Sweep();
  filed_.reset();
}

}  // namespace retention::simulation
