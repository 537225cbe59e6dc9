#include "server/law/open_connections.h"

namespace retention {

void OpenConnections::Open(const RoomEvent& event) {
  Connections& connections = present_[event.participant];
  const bool counted = event.connection == 0;
  if (counted && event.kind == RoomEventKind::kReconnected && !connections.empty()) return;
  Connection& connection = connections[event.connection];
  if (counted) {
    ++connection.count;
    return;
  }
  if (connection.count > 0) connection.reopened_us = event.time_us;
  connection.count = 1;
}

bool OpenConnections::CanClose(const RoomEvent& event) const {
  const auto present = present_.find(event.participant);
  if (present == present_.end()) return false;
  return event.connection == 0 || present->second.contains(event.connection) || present->second.contains(0);
}

void OpenConnections::Close(const RoomEvent& event) {
  const auto present = present_.find(event.participant);
  Connections& connections = present->second;
  auto closed = connections.find(event.connection);
  // Where only some of the events name connections.
  if (closed == connections.end() && event.connection != 0) closed = connections.find(0);
  if (closed == connections.end()) closed = connections.begin();
  Connection& connection = closed->second;
  if (connection.reopened_us == event.time_us) {
    connection.reopened_us.reset();
    return;
  }
  if (--connection.count == 0) connections.erase(closed);
  if (connections.empty()) present_.erase(present);
}

}  // namespace retention
