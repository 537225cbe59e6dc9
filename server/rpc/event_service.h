// The way in: batches of events, by single calls and by streams.
#ifndef RETENTION_SERVER_RPC_EVENT_SERVICE_H_
#define RETENTION_SERVER_RPC_EVENT_SERVICE_H_

#include <memory>

#include "retention/v1/event_service.grpc.pb.h"
#include "server/rpc/backend.h"
#include "server/rpc/batch_stream.h"

namespace retention {

using EventServiceBase = v1::EventService::WithRawCallbackMethod_RecordEvents<
    v1::EventService::WithRawCallbackMethod_BatchRecordEvents<v1::EventService::Service>>;

// Neither method blocks: what is received is checked in gRPC's thread, and answered in the committer's.
//
// REQUIRES: backend and roster outlive the service, and the service outlives its server's shutdown.
class EventService final : public EventServiceBase {
 public:
  EventService(const Backend& backend, StreamRoster& streams) : backend_(backend), streams_(streams) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* RecordEvents(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* BatchRecordEvents(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) override;

 private:
  const Backend& backend_;
  StreamRoster& streams_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_EVENT_SERVICE_H_
