// The end of a PBX: its key first, then orders for its objects, then its rows.
//
// HISTORY and SERVER_LOG stay until their days; they are not sealed under the PBX's key. Objects, which are mere
// references of the portal, stay readable for their orders alone: the order key goes when those are out.
#ifndef RETENTION_SERVER_PBXS_PBX_ENDER_H_
#define RETENTION_SERVER_PBXS_PBX_ENDER_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/holds/hold_keeping.h"
#include "server/meetings/meeting_cache.h"
#include "server/rows/change.h"

namespace retention {

// Rows of a PBX that lie together.
struct RowRun {
  DueDay day;
  CategoryNumber category = 0;
  uint64_t rows = 0;
  uint64_t values = 0;
};

// Commands. Belongs to the writer's thread, but for RowsOf.
class PbxEnder {
 public:
  // REQUIRES: all outlive it.
  PbxEnder(Holdings& holdings, MeetingCache& cache, const HoldKeeping& keeping)
      : holdings_(holdings), cache_(cache), keeping_(keeping) {}

  // Once it is committed the PBX is unknown, and of its key only the order key is left, which its objects are sealed
  // under. They are still to be ordered (TakeOut), and its rows to be deleted (Finish). Where a hold concerns it, its
  // key waits until what is held has been taken out. A crash in between is found by the registry (Ending). Does nothing
  // if the PBX is not held.
  absl::Status Begin(std::string_view pbx_id, std::string_view reason, Change& change);
  // The same for one that has lost its key, or its name: in a copy from before it ended, say.
  absl::Status BeginLost(const PbxRegistry::LostPbx& lost, Change& change);
  // Takes up what of the registry was lost and is known again.
  absl::Status ReloadRegistry() { return holdings_.registry.Load(holdings_.store, holdings_.vault); }
  // The same for one that has come to its end by itself: licence, contact, name. It may have been renewed meanwhile.
  absl::Status BeginOver(std::string_view pbx_id, Change& change);
  // Narrows the keys of PBXs whose end has begun, where they live on after a crash and no hold needs them.
  absl::Status NarrowKeys();
  // A step of what comes between: see HoldKeeping::TakeOutOfEnding. Goes on where the last step came to.
  absl::StatusOr<HoldKeeping::Step> TakeOut(const PbxRegistry::EndingPbx& ending, Change& change);
  // The rows that are left of a PBX whose end has begun: none can come any more. Thread-safe.
  static absl::StatusOr<std::vector<RowRun>> RowsOf(const PbxId& pbx, const StoreView& view, const BucketCounts& counts,
                                                    const Policy& policy);
  // Destroys what is left of its keys, and deletes these rows and what else is left of the PBX, at once. Does nothing
  // if that was done.
  absl::Status Finish(const PbxId& pbx, std::span<const RowRun> runs, Change& change);
  // Forgets who ended so long ago that history of before is over; and whether there is anybody to forget.
  static absl::StatusOr<bool> HasFormerToForget(const StoreView& view, DueDay last_due);
  void ForgetFormer(Change& change);

 private:
  // `ended`: when it came to its end, which may begin later.
  absl::Status Begin(const PbxId& pbx, const std::string& pbx_id, const std::string& entry_key, std::string_view reason,
                     absl::Time ended, Change& change);
  absl::Status NarrowKey(const PbxId& pbx);
  absl::Status DestroyKey(const PbxId& pbx);

  Holdings& holdings_;
  MeetingCache& cache_;
  const HoldKeeping& keeping_;
  std::map<PbxId, WalkPosition> walks_;  // as committed
};

}  // namespace retention

#endif  // RETENTION_SERVER_PBXS_PBX_ENDER_H_
