// The world of the table of the law: a real server on a simulated clock, name servers, and its disk.
#ifndef RETENTION_TESTS_PRIVACY_NOTICE_WORLD_H_
#define RETENTION_TESTS_PRIVACY_NOTICE_WORLD_H_

#include <filesystem>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/ops/dns_servers.h"
#include "tests/privacy/disk_search.h"
#include "tests/privacy/notice_table.h"
#include "tests/rpc/running_server.h"

namespace retention::privacy {

// A stored row as a finder of the disk has it.
struct FoundRow {
  std::string text;   // opened; of a cube "cube of 2026-03-04"; empty if it does not open
  std::string bytes;  // as they are on the disk
};
// The rows of a copy of a data directory, opened with a copy of a key ring. Changes neither's contents.
std::vector<FoundRow> RowsOf(const std::filesystem::path& data, const std::filesystem::path& ring);

class NoticeWorld {
 public:
  // Of a call: its answer in text format, or how it failed.
  struct Answer {
    bool ok = false;
    std::string text;
  };

  explicit NoticeWorld(absl::Time start);

  void Do(const Steps& steps);
  // Does nothing if it is later.
  void AdvanceTo(absl::Time time);
  // Returns when everything is done that is due, purges included.
  void Sweep();
  // All that the API shows of the PBX, its meeting, the servers' logs and the statistics.
  std::string Read();
  // The erasure orders that are not confirmed.
  std::string Orders();

  // Copies data and ring as a stopped server leaves them, and goes on.
  void Keep(const std::string& name);
  // The copy's data and ring.
  std::filesystem::path Data(const std::string& name) const { return server_.directory() / name / "data"; }
  std::filesystem::path Ring(const std::string& name) const { return server_.directory() / name / "ring"; }
  // Canaries in any file that the server or a copy of it ever wrote.
  std::vector<std::string> PlainCanaries() const;

  RunningServer& server() { return server_; }

 private:
  void Options(ServerOptions& options);
  Answer Do(const Step& step);

  absl::Time now_;
  int events_ = 0;
  ScriptedDnsServer dns_;
  RunningServer server_;
};

}  // namespace retention::privacy

#endif  // RETENTION_TESTS_PRIVACY_NOTICE_WORLD_H_
