// Where the objects lie that erasure orders name.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "retention/v1/erasure_order_service.pb.h"

namespace retention {

// What became of one object.
struct Erasure {
  v1::ErasureOutcome outcome = v1::ERASURE_OUTCOME_FAILED;
  // Why it failed, for people: a constant of the source or a code, never the reference.
  std::string why;
};

inline Erasure ErasedObject() { return {v1::ERASURE_OUTCOME_ERASED, ""}; }
inline Erasure NoSuchObject() { return {v1::ERASURE_OUTCOME_NOT_FOUND, ""}; }
inline Erasure FailedErasure(std::string why) { return {v1::ERASURE_OUTCOME_FAILED, std::move(why)}; }

// The object at the root of a store that says that it is one: without it, an empty directory in the place of a volume
// that is not mounted, or another bucket, would be taken for a store in which nothing is left to erase.
inline constexpr char kStoreMarker[] = ".retention-store";

// Thread-safe.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // Whether the place itself is there. To be asked before anything is erased: in a wrong place nothing is found, and an
  // order whose object is not found is done for ever.
  virtual absl::Status Check() = 0;

  // Whether the store bears its marker. Errors: those of Check, and what the store says to looking.
  virtual absl::StatusOr<bool> HasMarker() = 0;

  // Puts the marker there, durably. OK if it is there.
  virtual absl::Status WriteMarker() = 0;

  // Deletes the object at `object_ref`. ERASED and NOT_FOUND are durable: the object does not come back after a crash.
  // Idempotent. Ends within the time-outs of the store. The marker is none of its objects: FAILED.
  virtual Erasure Erase(const std::string& object_ref) = 0;
};

// References are paths: parts between slashes, none of them empty, "." or "..". False for anything else.
bool IsPlainPath(const std::string& object_ref);

// What keeps `object_ref` from being that of an object; empty if nothing does.
std::string ReferenceFault(const std::string& object_ref);

}  // namespace retention
