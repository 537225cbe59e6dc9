// A caller of the server, over real gRPC, that sees codes and typed details. Works on bytes, so that a test can send
// what no generated stub would; blocks; no gRPC header is needed to use it.
#ifndef RETENTION_TESTS_RPC_CALLER_H_
#define RETENTION_TESTS_RPC_CALLER_H_

#include <google/protobuf/message_lite.h>

#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace retention {

// How a call ended, details decoded.
struct CallEnd {
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string message;
  std::string domain;  // of ErrorInfo
  std::string reason;  // of ErrorInfo
  std::string field;   // of the first BadRequest violation
  std::optional<absl::Duration> retry_delay;

  bool ok() const { return code == absl::StatusCode::kOk; }
  // "INVALID_ARGUMENT INVALID_FIELD pbx_id".
  std::string Summary() const;
};
std::ostream& operator<<(std::ostream& out, const CallEnd& end);

// A bidirectional stream, one operation at a time.
class CallerStream {
 public:
  virtual ~CallerStream() = default;
  virtual bool Write(const std::string& bytes) = 0;
  bool Write(const google::protobuf::MessageLite& message) { return Write(message.SerializeAsString()); }
  // False once the server has ended the stream.
  virtual bool Read(std::string& bytes) = 0;
  bool Read(google::protobuf::MessageLite& message);
  virtual void WritesDone() = 0;
  virtual void Cancel() = 0;
  // REQUIRES: Read returned false, or Cancel.
  virtual CallEnd Finish() = 0;
};

// Files of a caller that speaks TLS.
struct CallerTls {
  std::string ca;           // of the server
  std::string certificate;  // its own; empty: it shows none
  std::string key;
};

class Caller {
 public:
  explicit Caller(const std::string& address);
  Caller(const std::string& address, const CallerTls& tls);
  ~Caller();

  // `method`: "/retention.v1.PbxService/SyncPbx".
  CallEnd CallBytes(const std::string& method, const std::string& request, std::string* response);
  CallEnd Call(const std::string& method, const google::protobuf::MessageLite& request,
               google::protobuf::MessageLite* response = nullptr);
  std::unique_ptr<CallerStream> Open(const std::string& method);

 private:
  struct Channel;
  std::shared_ptr<Channel> channel_;
};

}  // namespace retention

#endif  // RETENTION_TESTS_RPC_CALLER_H_
