// What tests of importers ask of a file.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
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
    bool present = false;
    int reconnections = 0;
  };
  std::vector<v1::Event> events;
  std::set<std::string> ids;
  for (const auto& imported : imports) {
    for (const auto& event : imported.events) {
      if (ids.insert(event.event_id()).second) events.push_back(event);
    }
  }
  std::stable_sort(events.begin(), events.end(),
                   [](const auto& a, const auto& b) { return FromTimestamp(a.time()) < FromTimestamp(b.time()); });
  std::map<std::string, Participant> participants;
  const auto come = [&](const std::string& id, absl::Time time) {
    Participant& participant = participants[id];
    if (!participant.present) participant.since = time;
    participant.present = true;
  };
  const auto go = [](Participant& participant, absl::Time time) {
    if (participant.present) participant.total += time - participant.since;
    participant.present = false;
  };
  for (const auto& event : events) {
    const absl::Time time = FromTimestamp(event.time());
    if (event.has_participant_joined()) come(event.participant_joined().participant_id(), time);
    if (event.has_participant_reconnected()) {
      ++participants[event.participant_reconnected().participant_id()].reconnections;
      come(event.participant_reconnected().participant_id(), time);
    }
    if (event.has_participant_left()) go(participants[event.participant_left().participant_id()], time);
    if (!event.has_meeting_ended()) continue;
    for (auto& [id, participant] : participants) go(participant, time);
    break;
  }
  std::string text;
  for (const auto& [id, participant] : participants) {
    text += id + " " + std::to_string(absl::ToInt64Seconds(participant.total)) + " " +
            std::to_string(participant.reconnections) + "; ";
  }
  return text;
}

}  // namespace retention
