// The services, each in a file of its own: validate, command, reply.
//
// REQUIRES of all: the backend outlives the service, and the service outlives its server's shutdown.
#ifndef RETENTION_SERVER_RPC_SERVICES_H_
#define RETENTION_SERVER_RPC_SERVICES_H_

#include <grpcpp/impl/service_type.h>

#include <memory>

#include "server/rpc/backend.h"
#include "server/rpc/batch_stream.h"

namespace retention {

std::unique_ptr<grpc::Service> NewBackupService(const Backend& backend);
std::unique_ptr<grpc::Service> NewControllerService(const Backend& backend);
std::unique_ptr<grpc::Service> NewDeletionService(const Backend& backend);
std::unique_ptr<grpc::Service> NewErasureOrderService(const Backend& backend);
std::unique_ptr<grpc::Service> NewHoldService(const Backend& backend);
std::unique_ptr<grpc::Service> NewLedgerService(const Backend& backend);
// REQUIRES: the roster outlives the service too.
std::unique_ptr<grpc::Service> NewLogService(const Backend& backend, StreamRoster& streams);
std::unique_ptr<grpc::Service> NewMeetingService(const Backend& backend);
std::unique_ptr<grpc::Service> NewPbxService(const Backend& backend);
std::unique_ptr<grpc::Service> NewRetentionService(const Backend& backend);
std::unique_ptr<grpc::Service> NewRingService(const Backend& backend);
std::unique_ptr<grpc::Service> NewServerService(const Backend& backend);
std::unique_ptr<grpc::Service> NewStatisticsService(const Backend& backend);
std::unique_ptr<grpc::Service> NewClockService(const Backend& backend);

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_SERVICES_H_
