// What became of a batch of events, and its limits.
#include <xxhash.h>

#include "server/base/errors.h"
#include "server/recording/event_intake.h"

namespace retention {
namespace {

// Whether what an event needs may be there when it is sent again.
bool CanComeAgain(v1::RejectionReason reason) {
  return reason == v1::REJECTION_REASON_PBX_UNKNOWN || reason == v1::REJECTION_REASON_CHAT_NOT_PROTOCOLLED ||
         reason == v1::REJECTION_REASON_EXTENSION_UNKNOWN || reason == v1::REJECTION_REASON_POLL_UNKNOWN ||
         reason == v1::REJECTION_REASON_FROM_FUTURE || reason == v1::REJECTION_REASON_UNREADABLE;
}

}  // namespace

uint64_t FingerprintOf(std::string_view event_id) { return XXH3_64bits(event_id.data(), event_id.size()); }

void Reject(int index, v1::RejectionReason reason, std::string_view field, std::string_view description,
            v1::RecordResult& result) {
  v1::Rejection& rejection = *result.add_rejections();
  rejection.set_index(static_cast<uint32_t>(index));
  rejection.set_reason(reason);
  rejection.set_field(std::string(field));
  rejection.set_description(std::string(description));
  rejection.set_retryable(CanComeAgain(reason));
}

void RejectValues(int index, const EventBatch::Mended& mended, v1::RecordResult& result) {
  const size_t values = mended.bad_values.size() + mended.unnamed_bad_values;
  result.set_values_rejected(result.values_rejected() + static_cast<uint32_t>(values));
  for (const v1::Rejection& value : mended.bad_values) {
    if (result.value_rejections_size() >= kMaxValueRejections) return;
    v1::Rejection& rejection = *result.add_value_rejections();
    rejection = value;
    rejection.set_index(static_cast<uint32_t>(index));
  }
}

void AddResult(v1::RecordResult part, v1::RecordResult& result) {
  result.set_accepted(result.accepted() + part.accepted());
  result.set_duplicates(result.duplicates() + part.duplicates());
  result.set_values_past_due(result.values_past_due() + part.values_past_due());
  result.mutable_rejections()->MergeFrom(part.rejections());
  result.set_values_rejected(result.values_rejected() + part.values_rejected());
  for (const v1::Rejection& value : part.value_rejections()) {
    if (result.value_rejections_size() < kMaxValueRejections) *result.add_value_rejections() = value;
  }
  result.set_objects_ordered_away(result.objects_ordered_away() + part.objects_ordered_away());
}

absl::Status CheckBatchBytes(size_t bytes) {
  return bytes <= kMaxBatchBytes ? absl::OkStatus() : InvalidField("events", "at most 4 MiB together");
}

absl::Status CheckBatchMemory(size_t bytes) {
  return bytes <= kMaxBatchMemory ? absl::OkStatus()
                                  : InvalidField("events", "too many parts: over 32 MiB in memory together");
}

}  // namespace retention
