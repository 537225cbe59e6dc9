// What the client needs of a transport: small enough to be replaced by a fake.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/messages.h"
#include "client/target.h"

namespace retention {

// One stream of batches that are answered in order. One thread may write while another reads; Cancel may be called from
// any.
template <typename Batch, typename Answer>
class BatchCall {
 public:
  virtual ~BatchCall() = default;

  // False once the stream is broken. Blocks while the transport is full.
  virtual bool Write(const Batch& batch) = 0;

  // Blocks until an answer came. False once the stream has ended; then Finish says why.
  virtual bool Read(Answer* answer) = 0;

  // No more batches follow; the server answers what it has and ends the stream.
  virtual void WritesDone() = 0;

  // REQUIRES: Read returned false. Errors carry their details (status_details.h).
  virtual absl::Status Finish() = 0;

  // Ends the stream at once; Read returns false soon.
  virtual void Cancel() = 0;
};
using RecordEventsCall = BatchCall<v1::RecordEventsRequest, v1::RecordEventsResponse>;
using AppendLogsCall = BatchCall<v1::AppendLogsRequest, v1::AppendLogsResponse>;

// One stream of messages to whoever asked for it. Cancel may be called from any thread.
template <typename Message>
class WatchCall {
 public:
  // Cancels what has not ended.
  virtual ~WatchCall() = default;

  // Blocks until a message came. False once the stream has ended; then Finish says why.
  virtual bool Read(Message* message) = 0;

  // REQUIRES: Read returned false. Errors carry their details (status_details.h).
  virtual absl::Status Finish() = 0;

  // Ends the stream at once; Read returns false soon.
  virtual void Cancel() = 0;
};
using WatchErasureOrdersCall = WatchCall<v1::WatchErasureOrdersResponse>;
using WatchReportsCall = WatchCall<v1::WatchReportsResponse>;
using ExportStatisticsCall = WatchCall<v1::ExportStatisticsResponse>;

// A way to a server. Thread-safe. Makes no attempt of its own to try again: that is the client's part.
class Connection {
 public:
  virtual ~Connection() = default;

  // Calls `method` ("/retention.v1.MeetingService/GetMeeting") once. DEADLINE_EXCEEDED after `timeout`. Errors carry
  // their details (status_details.h); `response` is then unspecified.
  virtual absl::Status Call(const std::string& method, const google::protobuf::Message& request,
                            google::protobuf::Message* response, absl::Duration timeout) = 0;

  // Open a stream. Never fail: a stream that could not be opened is broken from the start.
  virtual std::unique_ptr<RecordEventsCall> RecordEvents() = 0;
  virtual std::unique_ptr<WatchErasureOrdersCall> WatchErasureOrders(const v1::WatchErasureOrdersRequest& request) = 0;
  virtual std::unique_ptr<WatchReportsCall> WatchReports(const v1::WatchReportsRequest& request) = 0;
  virtual std::unique_ptr<ExportStatisticsCall> ExportStatistics(const v1::ExportStatisticsRequest& request) = 0;
  virtual std::unique_ptr<AppendLogsCall> AppendLogs() = 0;
};

// A connection to a server, made at the first call. A connection of its own: two of them to one server use two sockets.
// What the target's files hold is read now; the certificate of the server must bear the name or address that it is
// reached by. Errors: those of CheckTarget.
absl::StatusOr<std::shared_ptr<Connection>> ConnectTo(const Target& target);

// What gRPC has to say of its own on standard error is not said; calls say it. For programs, at their start.
void SilenceTransport();

}  // namespace retention
