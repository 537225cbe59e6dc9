// The way in: batches of events, by single calls and by streams.
#ifndef RETENTION_SERVER_RPC_EVENT_SERVICE_H_
#define RETENTION_SERVER_RPC_EVENT_SERVICE_H_

#include <memory>

#include "retention/v1/event_service.grpc.pb.h"
#include "server/rpc/backend.h"
#include "server/rpc/record_stream.h"

namespace retention {

using EventServiceBase = v1::EventService::WithRawCallbackMethod_RecordEvents<
    v1::EventService::WithRawCallbackMethod_BatchRecordEvents<v1::EventService::Service>>;

// Neither method blocks: what is received is checked in gRPC's thread, and answered in the committer's.
//
// REQUIRES: the backend outlives the service, and the service outlives its server's shutdown.
class EventService final : public EventServiceBase {
 public:
  explicit EventService(const Backend& backend) : backend_(backend) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* RecordEvents(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* BatchRecordEvents(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) override;

  // Ends all streams once what they have sent is answered. Their callers send the rest to the next server.
  void Drain() { streams_.Drain(); }

 private:
  const Backend& backend_;
  StreamRoster streams_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_EVENT_SERVICE_H_
