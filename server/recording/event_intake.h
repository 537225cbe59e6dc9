// Events as the engine takes them in: checked and fingerprinted. event_cutting.h cuts them.
#ifndef RETENTION_SERVER_RECORDING_EVENT_INTAKE_H_
#define RETENTION_SERVER_RECORDING_EVENT_INTAKE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "retention/v1/event.pb.h"
#include "retention/v1/event_service.pb.h"
#include "server/base/field_checks.h"

namespace retention {

// Limits of one event, each with its rejection. Bytes unless named otherwise.
inline constexpr size_t kMaxNameBytes = 256;
inline constexpr size_t kMaxMeetingNameBytes = 512;
inline constexpr size_t kMaxCommentBytes = 4096;
inline constexpr size_t kMaxFqdnBytes = 253;  // RFC 1035, 2.3.4
inline constexpr size_t kMaxObjectRefBytes = 1024;
inline constexpr size_t kMaxChatBytes = 4096;
inline constexpr size_t kMaxQuestionBytes = 1024;
inline constexpr int kMaxPollOptions = 50;
inline constexpr int kMaxDialInNumbers = 50;
inline constexpr int kMaxInvitees = 1000;
inline constexpr int kMaxExtensions = 10000;
inline constexpr int kMaxBatchEvents = 1000;
inline constexpr size_t kMaxBatchBytes = 4u << 20;
// What a batch may take once it is parsed: many small parts take more there than on the wire.
inline constexpr size_t kMaxBatchMemory = 32u << 20;
inline constexpr uint32_t kMaxMillis = 60000;
inline constexpr uint32_t kMaxPpm = 1000000;
inline constexpr absl::Duration kMaxPlannedAhead = absl::Hours(24 * 3653);
// Events of one meeting id of which nothing was due yet, since its last deletion: bounds the memory of its cut.
inline constexpr size_t kMaxMeetingEvents = 100000;
// So many more, of those that end or withdraw something, or bring an object that must end: everybody can leave.
inline constexpr size_t kMaxEndingEvents = 100000;
// Samples of quality, beside, with what was deleted: they must not keep out who comes and goes. Of 1,000 people who are
// there for three hours, with one each ten seconds, there are 1,080,000; one takes about 60 bytes of memory.
inline constexpr size_t kMaxQualitySamples = 2000000;
// All other events together, with what was deleted. Deletions are always taken in.
inline constexpr size_t kMaxRoomEvents = 400000;

// Value rejections that are listed of one batch.
inline constexpr int kMaxValueRejections = 1000;

// Why `event` cannot be taken in as it stands, whatever the engine holds. Pure.
std::optional<v1::Rejection> CheckEvent(const v1::Event& event, absl::Time now);
// Takes those values out of `event` that are malformed or over a limit and that it can do without; says which. Of those
// beyond a bound it names their field, and counts the others in `unnamed`. Pure.
std::vector<v1::Rejection> DropBadValues(v1::Event& event, uint32_t& unnamed);

// The same checks for what comes outside events; the answer names the field, behind `prefix`.
absl::Status CheckPbxSynced(const v1::PbxSynced& synced, std::string_view prefix);

// The limits of a batch as a whole: on the wire, and once it is parsed.
absl::Status CheckBatchBytes(size_t bytes);
absl::Status CheckBatchMemory(size_t bytes);

// A batch on its way through the committer.
struct EventBatch {
  // The events. REQUIRES: outlives the call of `done`.
  const google::protobuf::RepeatedPtrField<v1::Event>* events = nullptr;
  // Called once, on the committer's thread: OK with `result`, or why nothing of the batch was recorded for certain.
  std::function<void(absl::Status)> done;

  // Checks and fingerprints the events; done in the caller's thread so that the committer need not.
  // INVALID_ARGUMENT if the batch as a whole is over a limit.
  absl::Status Prepare(absl::Time now);

  size_t size() const { return static_cast<size_t>(events->size()); }
  // An event without its bad values.
  const v1::Event& EventAt(int index) const {
    const auto mended = without_bad_values.find(index);
    return mended == without_bad_values.end() ? (*events)[index] : mended->second.event;
  }

  v1::RecordResult result;
  std::vector<uint64_t> fingerprints;                  // by event
  std::vector<std::optional<v1::Rejection>> rejected;  // by event: failed its check
  struct Mended {
    v1::Event event;
    std::vector<v1::Rejection> bad_values;
    uint32_t unnamed_bad_values = 0;  // more of them
  };
  std::map<int, Mended> without_bad_values;  // by event, where there were any
};

// Add to `result` an event that was recorded now, or before, and values that were due when they came.
inline void CountAccepted(v1::RecordResult& result) { result.set_accepted(result.accepted() + 1); }
inline void CountDuplicate(v1::RecordResult& result) { result.set_duplicates(result.duplicates() + 1); }
inline void CountPastDue(uint32_t values, v1::RecordResult& result) {
  result.set_values_past_due(result.values_past_due() + values);
}
// Adds a rejection of event `index` to `result`.
void Reject(int index, v1::RejectionReason reason, std::string_view field, std::string_view description,
            v1::RecordResult& result);
// Adds the bad values of event `index` to `result`.
void RejectValues(int index, const EventBatch::Mended& mended, v1::RecordResult& result);
// Adds what became of some events of a batch to what became of the others.
void AddResult(v1::RecordResult part, v1::RecordResult& result);

// Fingerprint of an event id: compared within one meeting only.
uint64_t FingerprintOf(std::string_view event_id);

}  // namespace retention

#endif  // RETENTION_SERVER_RECORDING_EVENT_INTAKE_H_
