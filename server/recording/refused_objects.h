// Objects of events that are refused: the portal stores them all the same, and is told to delete them.
#ifndef RETENTION_SERVER_RECORDING_REFUSED_OBJECTS_H_
#define RETENTION_SERVER_RECORDING_REFUSED_OBJECTS_H_

#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "retention/stored/v1/stored.pb.h"
#include "retention/v1/event_service.pb.h"
#include "server/rows/change.h"

namespace retention {

// Of one part. Belongs to the writer's thread.
class RefusedObjects {
 public:
  // REQUIRES: both outlive it.
  RefusedObjects(const Holdings& holdings, Change& change) : holdings_(holdings), change_(change) {}

  // An event of the part brings this one, and was not refused.
  void NoteTaken(CategoryNumber category, std::string_view pbx_id, const stored::v1::StoredObjectRef& object);
  // Whether an object is to be ordered away because its event was refused. Where a hold concerns its PBX, not while it
  // is held: then its row has it ordered away when it ends, unless the hold keeps it.
  absl::StatusOr<bool> IsToGo(CategoryNumber category, std::string_view pbx_id,
                              const stored::v1::StoredObjectRef& object);

 private:
  // The internal id, also if it is ending.
  std::optional<PbxId> PbxOf(std::string_view pbx_id) const;
  // Takes up what is held of a category, unless that was done.
  absl::Status Read(CategoryNumber category, std::string_view pbx_id, const PbxId& pbx);

  const Holdings& holdings_;
  Change& change_;
  std::set<std::pair<PbxId, CategoryNumber>> read_;
  std::set<OwnerId> held_;  // ObjectName
};

}  // namespace retention

#endif  // RETENTION_SERVER_RECORDING_REFUSED_OBJECTS_H_
