// A server in this process: fresh directories, the default policy, a simulated clock, a free port.
#ifndef RETENTION_TESTS_RPC_RUNNING_SERVER_H_
#define RETENTION_TESTS_RPC_RUNNING_SERVER_H_

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "retention/v1/event_service.pb.h"
#include "server/app/server.h"
#include "tests/rpc/caller.h"
#include "tests/testing/fresh_directory.h"

namespace retention {

class RunningServer {
 public:
  using Edit = std::function<void(ServerOptions&)>;

  explicit RunningServer(const Edit& edit = {});
  ~RunningServer();

  // Closes the server and starts it again on the same directories.
  absl::Status Restart(const Edit& edit = {});
  void Stop();

  CallEnd Call(const std::string& method, const google::protobuf::MessageLite& request,
               google::protobuf::MessageLite* response = nullptr) {
    return caller_->Call(method, request, response);
  }
  // "/retention.v1.EventService/RecordEvents".
  std::unique_ptr<CallerStream> Record() { return caller_->Open("/retention.v1.EventService/RecordEvents"); }

  void SyncPbx(const std::string& pbx_id = "pbx");
  // Records over BatchRecordEvents; the call must succeed.
  v1::RecordResult Batch(const std::vector<v1::Event>& events);
  void AdvanceTo(absl::Time time);
  // SERVING is 1, NOT_SERVING 2 (grpc.health.v1); 0 if the service is unknown.
  int Health(const std::string& service);

  Server& server() { return *server_; }
  Caller& caller() { return *caller_; }
  const std::filesystem::path& directory() const { return directory_.path(); }

 private:
  FreshDirectory directory_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Caller> caller_;
};

// The answer of an HTTP server on this machine, head and body.
std::string HttpGet(int port, const std::string& path);

// Spins until `condition` holds; fails the test if it never does.
void AwaitTrue(const std::function<bool()>& condition);

}  // namespace retention

#endif  // RETENTION_TESTS_RPC_RUNNING_SERVER_H_
