// The controllers that are described: who answers for the data of which PBXs, and what the notice says of them.
#ifndef RETENTION_SERVER_CONTROLLERS_CONTROLLERS_H_
#define RETENTION_SERVER_CONTROLLERS_CONTROLLERS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/stored/v1/controller.pb.h"
#include "retention/v1/controller_service.pb.h"
#include "server/rows/change.h"
#include "storage/mutex.h"

namespace retention {

// A PBX names its controller by an identifier, whether that is described or not: nothing that comes in waits for it.
//
// Commands belong to the writer's thread; what is const is thread-safe.
class Controllers {
 public:
  // Descriptions at a time: a company has some, a provider some hundred; 48 MiB of memory at most.
  static constexpr size_t kMaxControllers = 1000;
  static constexpr int kDefaultControllersPerPage = 20;
  static constexpr int kMaxControllersPerPage = 100;  // of 48 KiB at most each: under 5 MiB
  static constexpr size_t kMaxUndescribed = 1000;     // in one answer

  // REQUIRES: outlived by the holdings.
  explicit Controllers(const Holdings& holdings) : holdings_(holdings) {}

  // Replaces what is in memory with what the store says. A description that nobody can read is none: it is to be given
  // again.
  absl::Status Load();
  // Of those, the ones that it found damaged or lost, and not taken away.
  size_t damaged() const { return damaged_; }

  // See ControllerService.
  absl::StatusOr<v1::Controller> Create(const v1::Controller& asked, Change& change);
  absl::StatusOr<v1::Controller> Update(const v1::Controller& asked, Change& change);
  absl::Status Delete(const std::string& controller_id, Change& change);
  // What these would do at `now`, and whether they may.
  absl::StatusOr<v1::Controller> TryCreate(const v1::Controller& asked, absl::Time now) const;
  absl::StatusOr<v1::Controller> TryUpdate(const v1::Controller& asked, absl::Time now) const;
  absl::Status TryDelete(const std::string& controller_id, absl::Time now) const;

  absl::StatusOr<v1::GetControllerResponse> Get(const v1::GetControllerRequest& request, absl::Time now) const;
  absl::StatusOr<v1::ListControllersResponse> List(const v1::ListControllersRequest& request, absl::Time now) const;
  // PBXs whose controller is not described.
  uint64_t CountUndescribedPbxs(absl::Time now) const;

 private:
  using Described = std::shared_ptr<const stored::v1::StoredController>;

  // Null if it is not described.
  Described Find(std::string_view controller_id) const;
  v1::Controller Describe(const stored::v1::StoredController& stored, uint32_t pbx_count) const;
  v1::Controller Describe(const stored::v1::StoredController& stored, absl::Time now) const;
  // As it is to be stored; its number, if it is new, is not drawn yet.
  absl::StatusOr<stored::v1::StoredController> PlanCreate(const v1::Controller& asked, absl::Time now) const;
  absl::StatusOr<stored::v1::StoredController> PlanUpdate(const v1::Controller& asked, absl::Time now) const;
  void Put(const stored::v1::StoredController& stored, stored::v1::LedgerEntry::Kind kind, Change& change);

  const Holdings& holdings_;
  size_t damaged_ = 0;
  mutable Mutex mutex_;
  std::map<std::string, Described, std::less<>> described_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace retention

#endif  // RETENTION_SERVER_CONTROLLERS_CONTROLLERS_H_
