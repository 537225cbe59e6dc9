// Who is in a room, and by how many connections, while its events pass by in order.
//
// Connections that the platform names are told apart by their names; of others a join adds one, a leave takes one,
// never below none, and a reconnect adds one only where there is none. Joins of one instant come before leaves, so an
// absence of no length is none.
#ifndef RETENTION_SERVER_LAW_OPEN_CONNECTIONS_H_
#define RETENTION_SERVER_LAW_OPEN_CONNECTIONS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "server/law/room_event.h"

namespace retention {

// One that goes over into the next sitting, or several that are counted.
struct CarriedConnection {
  uint64_t participant = 0;
  uint64_t connection = 0;  // 0: counted
  uint32_t count = 0;

  friend bool operator==(const CarriedConnection&, const CarriedConnection&) = default;
};

// So many go over at most: the locator of a sitting says which.
inline constexpr size_t kMaxCarriedConnections = 200;

// Until when nobody had come to a sitting, where nobody has.
inline constexpr int64_t kNobodyCame = INT64_MAX;

class OpenConnections {
 public:
  bool empty() const { return open_.empty(); }
  // Connections that are there.
  size_t size() const { return open_.size(); }
  // Participants who are.
  size_t participants() const { return participants_; }
  bool IsPresent(uint64_t participant) const { return FirstOf(participant) != open_.end(); }
  // Whether any of a participant's has no name, but is counted: the leave of one that was lost is not missed.
  bool IsCounted(uint64_t participant) const { return open_.contains({participant, 0}); }

  // Of a joined or reconnected event.
  void Open(const RoomEvent& event);
  // Whether a left event speaks of something that is open.
  bool CanClose(const RoomEvent& event) const;
  // REQUIRES: CanClose(event).
  void Close(const RoomEvent& event);
  void CloseAll() { *this = {}; }

  // Those that go over, in the order in which they were opened; of too many the latest.
  std::vector<CarriedConnection> Carried() const;
  // Opens what came over into a sitting that begins at that time. REQUIRES: empty().
  void OpenCarried(const std::vector<CarriedConnection>& carried, int64_t begin_us);

  friend bool operator==(const OpenConnections&, const OpenConnections&) = default;

 private:
  struct Connection {
    uint32_t count = 0;
    // When it was opened, in the order of the walk; what came over, first of its instant.
    std::tuple<int64_t, RoomEventKind, uint64_t> opened;
    // When an open one was opened again: a leave of that instant is of the connection before, which it took over.
    std::optional<int64_t> reopened_us;

    friend bool operator==(const Connection&, const Connection&) = default;
  };
  // By participant and the platform's name; those without one are counted under 0.
  using Connections = std::map<std::pair<uint64_t, uint64_t>, Connection>;

  Connections::const_iterator FirstOf(uint64_t participant) const;

  Connections open_;
  size_t participants_ = 0;
};

}  // namespace retention

#endif  // RETENTION_SERVER_LAW_OPEN_CONNECTIONS_H_
