// The register of callers: which name an opaque id of the ledger is. It lies outside of the ledger, so that it can be
// erased, and the ledger then names nobody.
#ifndef RETENTION_SERVER_ACCESS_PRINCIPALS_H_
#define RETENTION_SERVER_ACCESS_PRINCIPALS_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "storage/mutex.h"
#include "storage/random_source.h"

namespace retention {

// A file (mode 0600) of lines: 16 hexadecimal digits, a space, the name. Who deletes lines, and starts the server anew,
// has forgotten whose those ids were; who comes again gets another. Thread-safe.
class Principals {
 public:
  static constexpr size_t kIdBytes = 8;

  // Made if it is missing. INVALID_ARGUMENT, one line with path and errno, if it cannot be read or written, or has a
  // line that is none; FAILED_PRECONDITION if others may read it. REQUIRES: `random` outlives it.
  static absl::StatusOr<std::unique_ptr<Principals>> Open(std::string path, RandomSource& random);

  // The id of a name: drawn, and durable, the first time. UNAVAILABLE if it cannot be made so.
  absl::StatusOr<std::string> IdOf(const std::string& name);

 private:
  Principals(std::string path, RandomSource& random) : path_(std::move(path)), random_(random) {}
  absl::Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  RandomSource& random_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, std::string> ids_ ABSL_GUARDED_BY(mutex_);  // by name
};

}  // namespace retention

#endif  // RETENTION_SERVER_ACCESS_PRINCIPALS_H_
