// What gRPC and Protocol Buffers would write to standard error by themselves, as lines of this log.
//
// Their texts hold what peers send, and who those are: addresses, headers, values. Of what they report the place in
// their sources is told, which says the same to whoever has them, and nothing of a person.
#ifndef RETENTION_SERVER_RPC_LIBRARY_LOG_H_
#define RETENTION_SERVER_RPC_LIBRARY_LOG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "storage/mutex.h"

namespace retention {

// Which of the reports are told: of each place one a minute, however often a peer provokes it. Thread-safe.
class LibraryReports {
 public:
  static constexpr absl::Duration kInterval = absl::Minutes(1);
  // Places beyond that are told as one.
  static constexpr size_t kMaxPlaces = 1000;

  struct Told {
    std::string place;      // "grpc chttp2_transport.cc:123"
    uint64_t not_told = 0;  // reports of it since the last that was told
  };
  // nullopt: it is counted only. `file`: the last part of it counts.
  std::optional<Told> Take(absl::Time now, std::string_view library, std::string_view file, int line);

 private:
  struct Place {
    absl::Time told;
    uint64_t not_told = 0;
  };
  Mutex mutex_;
  std::map<std::string, Place> places_ ABSL_GUARDED_BY(mutex_);
};

// From now on, for the whole process, nothing of them goes to standard error but through this log. Call it before they
// are used.
void TakeLibraryLogs();

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_LIBRARY_LOG_H_
