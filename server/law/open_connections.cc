#include "server/law/open_connections.h"

#include <algorithm>

namespace retention {

OpenConnections::Connections::const_iterator OpenConnections::FirstOf(uint64_t participant) const {
  const auto first = open_.lower_bound({participant, 0});
  return first != open_.end() && first->first.first == participant ? first : open_.end();
}

void OpenConnections::Open(const RoomEvent& event) {
  const bool is_present = IsPresent(event.participant);
  const bool counted = event.connection == 0;
  if (counted && event.kind == RoomEventKind::kReconnected && is_present) return;
  if (!is_present) ++participants_;
  Connection& connection = open_[{event.participant, event.connection}];
  if (connection.count == 0) connection.opened = {event.time_us, event.kind, event.id};
  if (counted) {
    ++connection.count;
    return;
  }
  if (connection.count > 0) connection.reopened_us = event.time_us;
  connection.count = 1;
}

bool OpenConnections::CanClose(const RoomEvent& event) const {
  const auto first = FirstOf(event.participant);
  if (first == open_.end()) return false;
  // The counted ones are first.
  return event.connection == 0 || first->first.second == 0 || open_.contains({event.participant, event.connection});
}

void OpenConnections::Close(const RoomEvent& event) {
  auto closed = open_.find({event.participant, event.connection});
  if (closed == open_.end()) {
    // Where only some of the events name connections: the one without a name, else the one that is open longest.
    closed = open_.lower_bound({event.participant, 0});
    if (closed->first.second != 0) {
      for (auto it = closed; it != open_.end() && it->first.first == event.participant; ++it) {
        if (it->second.opened < closed->second.opened) closed = it;
      }
    }
  }
  Connection& connection = closed->second;
  if (connection.reopened_us == event.time_us) {
    connection.reopened_us.reset();
    return;
  }
  if (--connection.count > 0) return;
  open_.erase(closed);
  if (!IsPresent(event.participant)) --participants_;
}

std::vector<CarriedConnection> OpenConnections::Carried() const {
  std::vector<Connections::const_iterator> in_order;
  for (auto it = open_.begin(); it != open_.end(); ++it) in_order.push_back(it);
  std::sort(in_order.begin(), in_order.end(),
            [](const auto& a, const auto& b) { return a->second.opened < b->second.opened; });
  const size_t from = in_order.size() - std::min(in_order.size(), kMaxCarriedConnections);
  std::vector<CarriedConnection> carried;
  for (size_t i = from; i < in_order.size(); ++i) {
    const auto& [name, connection] = *in_order[i];
    carried.push_back({.participant = name.first, .connection = name.second, .count = connection.count});
  }
  return carried;
}

void OpenConnections::OpenCarried(const std::vector<CarriedConnection>& carried, int64_t begin_us) {
  for (size_t i = 0; i < carried.size(); ++i) {
    if (!IsPresent(carried[i].participant)) ++participants_;
    Connection& connection = open_[{carried[i].participant, carried[i].connection}];
    connection.count = carried[i].count;
    connection.opened = {begin_us, RoomEventKind::kScheduled, i};
  }
}

}  // namespace retention
