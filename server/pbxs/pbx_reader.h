// What is shown of PBXs.
#ifndef RETENTION_SERVER_PBXS_PBX_READER_H_
#define RETENTION_SERVER_PBXS_PBX_READER_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/pbx_service.pb.h"
#include "server/rows/holdings.h"
#include "storage/secrets/personal.h"
#include "storage/store.h"

namespace retention {

// Thread-safe; every call sees one consistent state. Errors: NOT_FOUND with reason PBX_UNKNOWN; INVALID_ARGUMENT naming
// the field.
class PbxReader {
 public:
  static constexpr int kMaxPbxsPerPage = 1000;
  static constexpr int kDefaultPbxsPerPage = 100;

  // REQUIRES: both outlive it; `store` is what the holdings are of.
  PbxReader(const Store& store, const Holdings& holdings) : store_(store), holdings_(holdings) {}

  absl::StatusOr<v1::GetPbxResponse> GetPbx(const v1::GetPbxRequest& request, absl::Time now) const;
  absl::StatusOr<v1::ListPbxsResponse> ListPbxs(const v1::ListPbxsRequest& request, absl::Time now) const;

  // The controller that the record of a PBX names; nullopt if the PBX is not known.
  absl::StatusOr<std::optional<std::string>> ControllerOf(std::string_view pbx_id, absl::Time now) const;

  // The FQDN of a PBX; empty if it has none, or has ended.
  absl::StatusOr<Personal> FqdnOf(const PbxId& pbx) const;

 private:
  absl::StatusOr<v1::Pbx> ReadPbx(const StoreView& view, const PbxId& pbx, bool with_extensions, absl::Time now) const;
  // What ends it soon, and by what. PBX_UNKNOWN if it has ended.
  absl::Status DescribeLife(const PbxId& pbx, absl::Time now, v1::Pbx& described) const;

  const Store& store_;
  const Holdings& holdings_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_PBXS_PBX_READER_H_
