// Previews: the code that erases, with nothing committed.
#ifndef RETENTION_SERVER_ENGINE_PREVIEW_H_
#define RETENTION_SERVER_ENGINE_PREVIEW_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/deletion_service.pb.h"
#include "server/engine/domains.h"
#include "server/holds/hold_names.h"
#include "server/rows/change.h"

namespace retention {

// One preview. Bounded in memory by a step of a walk, the objects of a day, and kMaxObjects, and in time by kMaxSteps.
class Preview {
 public:
  // Steps of at most 2,000 rows each: five million rows.
  static constexpr size_t kMaxSteps = 2500;
  // Objects that are remembered, lest one that is told of twice be counted twice: some 200 bytes each.
  static constexpr size_t kMaxObjects = 400'000;

  // `domains`: over a snapshot of `store`. REQUIRES: both outlive it.
  Preview(const Store& store, Domains& domains, absl::Time now);

  // Does what is asked about, and drops the change. Errors: see DeletionService.PreviewErasure.
  absl::Status Of(const v1::PreviewErasureRequest& request);
  absl::StatusOr<v1::PreviewErasureResponse> Response() const;

 private:
  absl::Status Try(absl::FunctionRef<absl::Status(Change&)> command);
  absl::Status OfPbx(const PbxId& pbx, const std::string& pbx_id);
  absl::Status OfDays(DueDay last);
  absl::Status Add(const Change& change);
  absl::Status AddOrders(const Change& change);
  absl::Status CountStep();

  const Store& store_;
  Domains& domains_;
  Holdings& holdings_;
  const absl::Time now_;
  size_t steps_ = 0;
  CategoryCounts erased_{};
  CategoryCounts kept_{};
  std::set<OwnerId> ordered_;  // objects, unless rows of them are left
  ObjectReferences references_;
  HoldNames names_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ENGINE_PREVIEW_H_
