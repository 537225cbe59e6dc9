#include "server/recording/arrivals.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace retention {

bool IsOfPbx(v1::Event::PayloadCase payload) {
  return payload == v1::Event::kPbxSynced || payload == v1::Event::kExtensionSynced ||
         payload == v1::Event::kExtensionRemoved;
}

bool ReadsAtLarge(v1::Event::PayloadCase payload) { return IsOfPbx(payload) || payload == v1::Event::kPollDeleted; }

bool IsOfPoll(v1::Event::PayloadCase payload) {
  return payload == v1::Event::kPollCreated || payload == v1::Event::kPollAnswered ||
         payload == v1::Event::kPollDeleted;
}

Arrivals InOrderOfRooms(const RecordPart& part) {
  Arrivals arrivals;
  absl::flat_hash_map<std::pair<std::string_view, std::string_view>, size_t> rooms;
  std::pair<std::string_view, std::string_view> last_name;
  size_t last = SIZE_MAX;
  for (size_t run = 0; run < part.size(); ++run) {
    for (int i = part[run].begin; i < part[run].end; ++i) {
      if (part[run].batch->rejected[static_cast<size_t>(i)].has_value()) {
        arrivals.refused.push_back({.run = run, .index = i});
        continue;
      }
      const v1::Event& event = part[run].batch->EventAt(i);
      if (IsOfPoll(event.payload_case())) {
        arrivals.of_polls.push_back({.run = run, .index = i});
        continue;
      }
      const std::pair<std::string_view, std::string_view> name(event.pbx_id(), event.meeting_id());
      if (last == SIZE_MAX || name != last_name) {
        const auto [it, is_new] = rooms.try_emplace(name, arrivals.of_rooms.size());
        if (is_new) arrivals.of_rooms.emplace_back();
        last = it->second;
        last_name = name;
      }
      arrivals.of_rooms[last].push_back({.run = run, .index = i});
    }
  }
  return arrivals;
}

}  // namespace retention
