// Who is in a room, and by how many connections, while its events pass by in order.
//
// Connections that the platform names are told apart by their names; of others a join adds one, a leave takes one,
// never below none, and a reconnect adds one only where there is none. Joins of one instant come before leaves, so an
// absence of no length is none.
#ifndef RETENTION_SERVER_LAW_OPEN_CONNECTIONS_H_
#define RETENTION_SERVER_LAW_OPEN_CONNECTIONS_H_

#include <cstdint>
#include <map>
#include <optional>

#include "server/law/room_event.h"

namespace retention {

class OpenConnections {
 public:
  bool empty() const { return present_.empty(); }
  // Participants who are there.
  size_t size() const { return present_.size(); }
  bool IsPresent(uint64_t participant) const { return present_.contains(participant); }

  // Of a joined or reconnected event.
  void Open(const RoomEvent& event);
  // Whether a left event speaks of something that is open.
  bool CanClose(const RoomEvent& event) const;
  // REQUIRES: CanClose(event).
  void Close(const RoomEvent& event);
  void CloseAll() { present_.clear(); }

 private:
  struct Connection {
    uint32_t count = 0;
    // When an open one was opened again: a leave of that instant is of the connection before, which it took over.
    std::optional<int64_t> reopened_us;
  };
  // By the platform's name; those without one are counted under 0.
  using Connections = std::map<uint64_t, Connection>;

  std::map<uint64_t, Connections> present_;  // by participant
};

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_OPEN_CONNECTIONS_H_
