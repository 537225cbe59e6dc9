// The one place where the engine's errors become gRPC's.
#ifndef RETENTION_SERVER_RPC_STATUS_CODEC_H_
#define RETENTION_SERVER_RPC_STATUS_CODEC_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace retention {

// The same code and message, with google.rpc.Status details (`grpc-status-details-bin`): ErrorInfo of domain
// `retention.v1` always, its reason derived from the code where the status carries none; BadRequest for a field;
// RetryInfo where waiting helps. OK stays OK.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_STATUS_CODEC_H_
