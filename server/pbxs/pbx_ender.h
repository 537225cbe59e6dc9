// The end of a PBX: its key first, then orders for its objects, then its rows.
//
// HISTORY and SERVER_LOG stay until their days; they are not sealed under the PBX's key. Objects, which are mere
// references of the portal, stay readable for their orders alone: the order key goes when those are out.
#ifndef RETENTION_SERVER_PBXS_PBX_ENDER_H_
#define RETENTION_SERVER_PBXS_PBX_ENDER_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/meetings/meeting_book.h"
#include "server/rows/change.h"
#include "server/rows/pbx_registry.h"

namespace retention {

// Where the registry keeps a PBX that is held.
std::string PbxEntryKeyOf(const Vault& vault, std::string_view pbx_id);

// Rows of a PBX that lie together.
struct RowRun {
  DueDay day;
  CategoryNumber category = 0;
  uint64_t rows = 0;
  uint64_t values = 0;
};

// Not thread-safe: belongs to the committer's thread, but for RowsOf. Any error but NOT_FOUND means that the holdings
// must be loaded anew.
class PbxEnder {
 public:
  PbxEnder(Holdings& holdings, PbxRegistry& registry, MeetingBook& book)
      : holdings_(holdings), registry_(registry), book_(book) {}

  // After OK the PBX is unknown, and of its key only the order key is left, which its objects are sealed under. They
  // are still to be ordered (HoldDesk::TakeOutOfEnding), and its rows to be deleted (Finish). Where a hold concerns it,
  // its key waits until what is held has been taken out. A crash in between is found by the registry (Ending). Does
  // nothing if the PBX is not held.
  absl::Status Begin(std::string_view pbx_id, std::string_view reason, absl::Time now);
  // Narrows the key of a PBX whose end has begun, where it lives on after a crash and no hold needs it.
  absl::Status NarrowKeyOf(const PbxRegistry::EndingPbx& ending);
  // The rows that are left of a PBX whose end has begun: none can come any more. Thread-safe.
  static absl::StatusOr<std::vector<RowRun>> RowsOf(const PbxId& pbx, const StoreView& view, const BucketCounts& counts,
                                                    const Policy& policy);
  // Destroys what is left of its keys, and deletes these rows and what else is left of the PBX, at once. Does nothing
  // if that was done.
  absl::Status Finish(const PbxId& pbx, std::span<const RowRun> runs, absl::Time now);

 private:
  absl::Status NarrowKey(const PbxId& pbx);
  absl::Status DestroyKey(const PbxId& pbx);

  Holdings& holdings_;
  PbxRegistry& registry_;
  MeetingBook& book_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_PBXS_PBX_ENDER_H_
