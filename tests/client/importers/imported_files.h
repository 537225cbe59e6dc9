// What tests of importers ask of a file.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "client/commands/event_json.h"
#include "client/human_units.h"
#include "client/importers/meeting_import.h"
#include "retention/v1/event.pb.h"

namespace retention {

inline ImportOptions WithOwner() {
  ImportOptions options;
  options.owner_extension = "1001";
  return options;
}

inline ImportedEvents ImportStream(std::istream& input, const std::string& format, const ImportOptions& options) {
  const auto& formats = ImportFormats();
  const auto one = std::find_if(formats.begin(), formats.end(), [&](const auto& f) { return f.name == format; });
  auto imported = one->import(input, options);
  EXPECT_TRUE(imported.ok()) << imported.status();
  return imported.ok() ? *imported : ImportedEvents();
}

inline ImportedEvents ImportText(const std::string& text, const std::string& format, const ImportOptions& options) {
  std::istringstream input(text);
  return ImportStream(input, format, options);
}

inline ImportedEvents ImportFixture(const std::string& file, const std::string& format, const ImportOptions& options) {
  std::ifstream input(RETENTION_CLIENT_FIXTURES + file);
  return ImportStream(input, format, options);
}

inline std::string PayloadName(const v1::Event& event) {
  const auto* oneof = v1::Event::descriptor()->FindOneofByName("payload");
  return event.GetReflection()->GetOneofFieldDescriptor(event, oneof)->name();
}

// "meeting_started@0 participant_joined@1000 ", in milliseconds of the clock's last 100 seconds.
inline std::string Payloads(const ImportedEvents& imported) {
  std::string text;
  for (const auto& event : imported.events) {
    text += PayloadName(event) + "@" + std::to_string(ToUnixMillis(FromTimestamp(event.time())) % 100000) + " ";
  }
  return text;
}

inline std::string AllText(const ImportedEvents& imported) {
  std::string text;
  for (const auto& event : imported.events) text += EventLine(event) + "\n";
  return text;
}

inline std::set<std::string> EventIds(const ImportedEvents& imported) {
  std::set<std::string> ids;
  for (const auto& event : imported.events) ids.insert(event.event_id());
  return ids;
}

// "3:data.id: missing ".
inline std::string LinesLeftOut(const ImportedEvents& imported) {
  std::string text;
  for (const auto& line : imported.left_out) {
    text += DescribeFault("", static_cast<uint64_t>(line.line), {line.field, line.reason}).substr(1) + "; ";
  }
  return text;
}

// Who was there for how many seconds with how many reconnections, as the server counts it: "w_ada 1799 0; ". Events of
// several imports count once each.
inline std::string Attendance(const std::vector<ImportedEvents>& imports) {
  struct Participant {
    absl::Time since;
    absl::Duration total;
    std::multiset<std::string> open;  // Connections.
    int joins = 0;
  };
  std::map<std::string, v1::Event> by_id;
  for (const auto& imported : imports) {
    for (const auto& event : imported.events) by_id.try_emplace(event.event_id(), event);
  }
  std::vector<v1::Event> events;
  for (const auto& [id, event] : by_id) events.push_back(event);
  // Joins of one instant come before leaves.
  const auto place = [](const v1::Event& event) {
    return std::make_pair(FromTimestamp(event.time()), event.payload_case());
  };
  std::stable_sort(events.begin(), events.end(), [&](const auto& a, const auto& b) { return place(a) < place(b); });
  std::map<std::string, Participant> participants;
  for (const auto& event : events) {
    const absl::Time time = FromTimestamp(event.time());
    if (event.has_participant_joined()) {
      Participant& who = participants[event.participant_joined().participant_id()];
      if (who.open.empty()) who.since = time;
      who.open.insert(event.connection_id());
      ++who.joins;
    }
    if (event.has_participant_left()) {
      Participant& who = participants[event.participant_left().participant_id()];
      const auto open = who.open.find(event.connection_id());
      if (open == who.open.end()) continue;
      who.open.erase(open);
      if (who.open.empty()) who.total += time - who.since;
    }
    if (!event.has_meeting_ended()) continue;
    for (auto& [id, who] : participants) {
      if (!std::exchange(who.open, {}).empty()) who.total += time - who.since;
    }
  }
  std::string text;
  for (const auto& [id, who] : participants) {
    if (who.joins == 0) continue;
    text += id + " " + std::to_string(absl::ToInt64Seconds(who.total)) + " " + std::to_string(who.joins - 1) + "; ";
  }
  return text;
}

}  // namespace retention
