// The server as a process that can be killed.
#ifndef RETENTION_TESTS_CRASH_SERVER_PROCESS_H_
#define RETENTION_TESTS_CRASH_SERVER_PROCESS_H_

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/client.h"
#include "tests/testing/fresh_directory.h"

namespace retention::crash {

// A data directory and a key ring that outlive the processes that serve them.
class Machine {
 public:
  std::filesystem::path data() const { return directory_ / "data"; }
  std::filesystem::path ring() const { return directory_ / "ring"; }
  std::filesystem::path backups() const { return directory_ / "backups"; }

 private:
  FreshDirectory directory_;
};

class ServerProcess {
 public:
  // Starts the server with its clock standing at `now`; the process kills itself at `crash_point`, if one is named.
  // Returns once it serves, or has ended.
  ServerProcess(const Machine& machine, absl::Time now, const std::string& crash_point = "",
                const std::vector<std::string>& flags = {});
  // Kills what still runs.
  ~ServerProcess();

  bool serving() const { return !address_.empty(); }
  // REQUIRES: serving().
  const Client& client() const { return *client_; }

  // SIGKILL, and waits for the end.
  void Kill();
  // The signal that ended the process, or -1 - its exit code. Waits for the end.
  int WaitForEnd();
  // SIGTERM; returns the exit code.
  int Stop();

 private:
  pid_t pid_ = 0;  // 0: has ended
  int output_ = -1;
  std::string address_;
  std::unique_ptr<Client> client_;
};

// Makes a PBX known.
void SyncPbx(const Client& client, const std::string& pbx_id = "pbx");

}  // namespace retention::crash

#endif  // RETENTION_TESTS_CRASH_SERVER_PROCESS_H_
