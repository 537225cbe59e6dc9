// The files that say who may call what, while the server runs: looked at again and again, and taken up when they
// change. What is broken is not taken up, and said.
#ifndef RETENTION_SERVER_OPS_ACCESS_FILES_H_
#define RETENTION_SERVER_OPS_ACCESS_FILES_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/access/gate.h"
#include "server/access/tls_files.h"
#include "server/ops/repeater.h"
#include "storage/mutex.h"

namespace retention {

// Thread-safe.
class AccessFiles {
 public:
  // How often they are looked at, real time.
  static constexpr absl::Duration kInterval = absl::Seconds(5);

  struct Paths {
    std::string roles;  // empty: no roles are in force
    TlsFiles tls;       // empty: no TLS
  };
  struct Callbacks {
    // What was read is in force from now on. May be empty.
    std::function<absl::Status(const TlsMaterial&)> on_tls;
    std::function<void()> on_roles;
    std::function<void()> on_look;  // every time
  };

  // Reads them, and tells `gate`. The errors of ReadRolesFile and ReadTlsFiles. REQUIRES: `gate` outlives it.
  static absl::StatusOr<std::unique_ptr<AccessFiles>> Open(Paths paths, Gate& gate);

  // As they were read last, and were sound. REQUIRES: there are paths of TLS.
  TlsMaterial tls() const;

  // From now on they are looked at. REQUIRES: once.
  void Start(Callbacks callbacks);
  // Looks now.
  void Look();
  void Stop();

  // Files that are broken, or that cannot be read, of which what they held before is in force.
  bool roles_stale() const { return roles_stale_.load(); }
  bool tls_stale() const { return tls_stale_.load(); }

 private:
  AccessFiles(Paths paths, Gate& gate);
  void LookAtRoles() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LookAtTls() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Paths paths_;
  Gate& gate_;
  Callbacks callbacks_;
  std::atomic<bool> roles_stale_ = false;
  std::atomic<bool> tls_stale_ = false;
  mutable Mutex mutex_;
  std::string roles_text_ ABSL_GUARDED_BY(mutex_);
  TlsMaterial tls_ ABSL_GUARDED_BY(mutex_);
  std::string last_roles_failure_ ABSL_GUARDED_BY(mutex_);
  std::string last_tls_failure_ ABSL_GUARDED_BY(mutex_);
  Repeater repeater_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_ACCESS_FILES_H_
