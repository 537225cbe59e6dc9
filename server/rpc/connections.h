// The places for connections: how many there may be, in all and of one peer.
#ifndef RETENTION_SERVER_RPC_CONNECTIONS_H_
#define RETENTION_SERVER_RPC_CONNECTIONS_H_

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "server/rpc/limits.h"
#include "storage/mutex.h"

namespace retention {

// Whose a connection is, for who counts them.
struct Peer {
  std::string name;        // "192.0.2.7", "2001:db8:1:2::/64", "unix:uid=1000"
  bool is_local = false;   // of this machine
  std::string connection;  // as gRPC's contexts name it: "ipv4:192.0.2.7:50123"; empty of a Unix socket
};

// Of an address of IPv4 or IPv6; one of IPv4 that is written as IPv6 is the former.
Peer PeerAt(const sockaddr_storage& address);
Peer PeerOfUid(uid_t uid);

// A connection is handed over to gRPC, which closes it and tells nobody. So what is open is counted by looking: a
// descriptor that is not the same socket any more has ended. Thread-safe.
class Connections {
 public:
  explicit Connections(const ConnectionLimits& limits) : limits_(limits) {}

  enum class Outcome { kTaken, kFull, kPeerFull };
  // A place for the socket `fd`, as far as is known: those that have ended since the last Recount may be counted still.
  Outcome Take(int fd, const Peer& peer);
  // Finds out which have ended. Asks the kernel about each.
  void Recount();
  // Those that are open: recounts.
  size_t Count();

  // Whole messages may be accounted for with so much more than came: headers and frames are only guessed.
  static constexpr uint64_t kCreditMax = 1 << 20;

  // A message of so many bytes has come whole, over the connection that gRPC's contexts name so.
  void CountMessage(const std::string& connection, size_t bytes);
  // Ends connections on which too much came that is no whole message: half-sent ones, mostly, but all that nobody was
  // handed counts. Not those over Unix sockets, of which the kernel does not count.
  void EndUnfinished();
  uint64_t ended_unfinished() const;

 private:
  struct Place {
    uint64_t socket = 0;  // its number on this machine
    Peer peer;
    uint64_t accounted = 0;  // bytes of whole messages, and of what they come in
  };
  // Of a connection; 0 if that is not known. Takes credit beyond kCreditMax from it.
  static uint64_t UnfinishedOf(int fd, Place& place);
  void Give(int fd) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RecountLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ConnectionLimits limits_;
  mutable Mutex mutex_;
  uint64_t ended_unfinished_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, int> by_name_ ABSL_GUARDED_BY(mutex_);  // descriptors
  absl::flat_hash_map<int, Place> places_ ABSL_GUARDED_BY(mutex_);         // by descriptor
  absl::flat_hash_map<std::string, size_t> of_peer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_CONNECTIONS_H_
