#include "server/ops/ring_watch.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/ops/log.h"

namespace retention {

void RingWatch::Look() {
  KeyRing::Inspection step;
  ReportFailure(ring_.Inspect(step));
  for (const std::string& path : step.put_back) {
    Log(Severity::kError, "a file of the key ring was removed while it was open, and is put back", {{"file", path}});
  }
  metrics_.CountRingMended(step.put_back.size());
  if (step.mended > 0) {
    metrics_.CountRingMended(step.mended);
    Log(Severity::kWarning, "the key ring was damaged while it was open, and was mended",
        {{"entries_mended", absl::StrCat(step.mended)}});
  }
  if (step.lost > 0) {
    Log(Severity::kError, "keys were damaged in both replicas of the ring: what they seal is lost",
        {{"keys", absl::StrCat(step.lost)}});
  }
  differing_so_far_ += step.differing;
  if (!step.ends_round) return;
  const uint64_t differing = std::exchange(differing_so_far_, 0);
  if (differing_.exchange(differing) == differing) return;
  if (differing > 0) {
    Log(Severity::kError,
        "the replicas of the key ring are whole but not alike, and nothing tells which is right: look at their disks, "
        "and start without the one that is wrong",
        {{"differing", absl::StrCat(differing)}});
  } else {
    Log(Severity::kInfo, "the replicas of the key ring are alike again");
  }
}

void RingWatch::ReportFailure(const absl::Status& status) {
  std::string failure = status.ok() ? std::string() : DescribeStatus(status);
  if (!failure.empty() && failure != last_failure_) {
    Log(Severity::kError, "the key ring cannot be looked through for damage; it is tried again", {{"status", failure}});
  }
  if (failure.empty() && !last_failure_.empty()) Log(Severity::kInfo, "the key ring is looked through again");
  is_failing_ = !failure.empty();
  last_failure_ = std::move(failure);
}

}  // namespace retention
