// Logs of made-up meetings as each platform would write them, drawn from a seed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace retention {

using Lines = std::vector<std::string>;

// 2026-03-02T08:00:00Z.
inline constexpr int64_t kLogsBegin = 1772438400;

inline std::string LogTime(int64_t second) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(second), absl::UTCTimeZone());
}

struct Stay {
  int person = 0;
  int session = 0;
  int64_t joined = 0;
  std::optional<int64_t> left;  // Nothing if nobody said so.
};

// One sitting, and what was planned for it.
struct Life {
  int64_t start = 0;
  std::optional<int64_t> end;
  std::vector<Stay> stays;
  bool is_planned = false;
  bool is_replanned = false;
  bool is_deleted = false;
  bool is_recorded = false;
};

// Same seed, same draws.
class Draw {
 public:
  explicit Draw(uint32_t seed) : random_(seed) {}
  // 0 to `below` - 1.
  int Below(int below) { return static_cast<int>(random_() % static_cast<uint32_t>(below)); }
  bool Once(int in) { return Below(in) == 0; }

  Life NextLife() {
    Life life;
    life.start = kLogsBegin + Below(3 * 3600);
    int64_t last = life.start;
    const int persons = 1 + Below(4);
    int session = 0;
    for (int person = 0; person < persons; ++person) {
      int64_t joined = life.start + Below(600);
      for (int stays = 1 + Below(3); stays > 0; --stays) {
        Stay stay = {.person = person, .session = ++session, .joined = joined};
        const int64_t left = joined + 1 + Below(1500);
        if (!Once(10)) stay.left = left;
        life.stays.push_back(stay);
        last = std::max(last, left);
        // Some come back, or with a second device, before they have gone, and some in the same second.
        constexpr int64_t kAway[] = {-300, -1, 0, 1, 5, 40, 300};
        joined = std::max(life.start, left + kAway[Below(7)]);
      }
    }
    if (!Once(5)) life.end = last + Below(100);
    life.is_planned = !Once(3);
    life.is_replanned = life.is_planned && Once(2);
    life.is_deleted = life.is_planned && Once(6);
    life.is_recorded = Once(2);
    return life;
  }

  template <typename Value>
  void Shuffle(std::vector<Value>& values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[Below(static_cast<int>(i))]);
  }

 private:
  std::mt19937 random_;
};

namespace logs {

// A line and when it was written.
struct Line {
  int64_t second = 0;
  std::string text;
};

inline Lines InOrder(std::vector<Line> lines) {
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.second < b.second; });
  Lines texts;
  for (Line& line : lines) texts.push_back(std::move(line.text));
  return texts;
}

inline void AddZoom(const Life& life, int number, std::vector<Line>& lines) {
  const auto add = [&](const std::string& event, int64_t second, const std::string& more, bool of_sitting) {
    const std::string uuid = of_sitting ? absl::StrCat(R"(,"uuid":"/U)", number, R"(//b+c==","topic":"Runde")") : "";
    lines.push_back({second, absl::StrCat(R"({"event":")", event, R"(","event_ts":)", second * 1000,
                                          R"(,"payload":{"object":{"id":97700)", number, uuid, more, "}}}")});
  };
  const auto start = [](int64_t second) { return absl::StrCat(R"(,"start_time":")", LogTime(second), R"(")"); };
  if (life.is_planned) {
    add("meeting.created", life.start - 5000, start(life.start) + R"(,"duration":30,"topic":"Runde")", false);
  }
  if (life.is_replanned) add("meeting.updated", life.start - 4000, start(life.start + 600), false);
  if (life.is_replanned) add("meeting.updated", life.start - 3000, R"(,"duration":45)", false);
  add("meeting.started", life.start, start(life.start), true);
  for (const Stay& stay : life.stays) {
    const std::string who =
        absl::StrCat(R"(,"participant":{"user_id":"1677)", stay.session, R"(","user_name":"N)", stay.person,
                     R"(","id":")", stay.person % 2 == 0 ? absl::StrCat("acc", stay.person) : "",
                     R"(","registrant_id":"reg)", stay.person, R"(","email":"p)", stay.person, R"(@example.org")");
    add("meeting.participant_joined", stay.joined,
        absl::StrCat(who, R"(,"join_time":")", LogTime(stay.joined), R"("})"), true);
    if (!stay.left.has_value()) continue;
    add("meeting.participant_left", *stay.left, absl::StrCat(who, R"(,"leave_time":")", LogTime(*stay.left), R"("})"),
        true);
  }
  if (life.end.has_value()) {
    add("meeting.ended", *life.end, absl::StrCat(R"(,"end_time":")", LogTime(*life.end), R"(")"), true);
  }
  if (life.is_recorded) {
    add("recording.completed", life.start + 9000,
        absl::StrCat(R"(,"recording_files":[{"id":"rec)", number, R"(","recording_start":")", LogTime(life.start + 5),
                     R"("}])"),
        true);
  }
  if (life.is_deleted) add("meeting.deleted", life.start + 9500, "", false);
}

inline void AddWebex(const Life& life, int number, std::vector<Line>& lines) {
  const std::string series = absl::StrCat("ser", number);
  const std::string sitting = series + "_I_14";
  const auto add = [&](const std::string& resource, const std::string& event, int64_t second, const std::string& data) {
    lines.push_back({second, absl::StrCat(R"({"resource":")", resource, R"(","event":")", event,
                                          R"(","created":"2025-12-01T10:00:00Z","received":")", LogTime(second),
                                          R"(","data":{)", data, "}}")});
  };
  const auto plan = [&](int64_t start) {
    return absl::StrCat(R"("id":")", series, R"(","title":"Runde","start":")", LogTime(start), R"(","end":")",
                        LogTime(start + 1800), R"(")");
  };
  if (life.is_planned) add("meetings", "created", life.start - 5000, plan(life.start));
  if (life.is_replanned) add("meetings", "updated", life.start - 4000, plan(life.start - 600));
  if (life.is_replanned) add("meetings", "updated", life.start - 3000, plan(life.start + 600));
  const std::string id =
      absl::StrCat(R"("id":")", sitting, R"(","title":"Runde","start":")", LogTime(life.start), R"(")");
  add("meetings", "started", life.start, id);
  for (const Stay& stay : life.stays) {
    const std::string who =
        absl::StrCat(R"("id":")", sitting, "_p", stay.person, R"(","meetingId":")", sitting, R"(","displayName":"N)",
                     stay.person, R"(","joinedTime":")", LogTime(stay.joined), R"(")");
    add("meetingParticipants", "joined", stay.joined, who);
    if (!stay.left.has_value()) continue;
    add("meetingParticipants", "left", *stay.left, absl::StrCat(who, R"(,"leftTime":")", LogTime(*stay.left), R"(")"));
  }
  if (life.end.has_value()) {
    add("meetings", "ended", *life.end, absl::StrCat(id, R"(,"end":")", LogTime(*life.end), R"(")"));
  }
  if (life.is_recorded) {
    add("recordings", "created", life.start + 9000,
        absl::StrCat(R"("id":"rec)", number, R"(","meetingId":")", sitting, R"(","createTime":")",
                     LogTime(life.start + 60), R"(")"));
  }
  if (life.is_deleted) add("meetings", "deleted", life.start + 9500, plan(life.start));
}

inline void AddJitsi(const Life& life, int number, std::vector<Line>& lines) {
  const auto add = [&](const std::string& event, int64_t second, const std::string& more) {
    lines.push_back({second, absl::StrCat(R"({"event_name":"muc-)", event, R"(","room_name":"r","room_jid":"r)", number,
                                          R"(@conference.example.org")", more, "}")});
  };
  const std::string created = absl::StrCat(R"(,"created_at":)", life.start);
  add("room-created", life.start, created);
  for (const Stay& stay : life.stays) {
    const std::string known = stay.person % 2 == 0 ? absl::StrCat(R"("id":"uid)", stay.person, R"(",)") : "";
    const std::string who =
        absl::StrCat(R"(,"occupant":{)", known, R"("name":"N)", stay.person, R"(","occupant_jid":"j)", stay.session,
                     R"(@example.org/x","joined_at":)", stay.joined);
    add("occupant-joined", stay.joined, who + "}");
    if (stay.left.has_value()) add("occupant-left", *stay.left, absl::StrCat(who, R"(,"left_at":)", *stay.left, "}"));
  }
  if (life.end.has_value()) add("room-destroyed", *life.end, absl::StrCat(created, R"(,"destroyed_at":)", *life.end));
}

inline void AddBigBlueButton(const Life& life, int number, std::vector<Line>& lines) {
  const auto add = [&](const std::string& id, int64_t second, const std::string& meeting, const std::string& more) {
    lines.push_back(
        {second, absl::StrCat(R"({"data":{"id":")", id, R"(","attributes":{"meeting":{"internal-meeting-id":"m)",
                              number, "-", life.start, R"(000","external-meeting-id":"m)", number, R"(")", meeting, "}",
                              more, R"(},"event":{"ts":)", second * 1000, "}}}")});
  };
  const auto user = [](int session, int person) {
    return absl::StrCat(R"(,"user":{"internal-user-id":"w_)", session, R"(","external-user-id":"ext)", person,
                        R"(","name":"N)", person, R"("})");
  };
  add("meeting-created", life.start, R"(,"name":"Runde","duration":0,"voice-conf":"70001")", "");
  for (const Stay& stay : life.stays) {
    add("user-joined", stay.joined, "", user(stay.session, stay.person));
    if (stay.left.has_value()) add("user-left", *stay.left, "", user(stay.session, stay.person));
  }
  if (life.is_planned) {
    const std::string poll = absl::StrCat(R"(,"poll":{"id":"sl)", number, R"(/1")");
    add("poll-started", life.start + 100, "",
        absl::StrCat(poll, R"(,"question":"Q?","answers":[{"id":0,"key":"A"},{"id":1,"key":"B"}]})"));
    for (const Stay& stay : life.stays) {
      const std::string answer = absl::StrCat(poll, R"(,"answerIds":[)", stay.session % 2, "]}");
      const std::string session = absl::StrCat(R"(,"user":{"internal-user-id":"w_)", stay.session, R"("})");
      add("poll-responded", life.start + 100 + stay.session, "", session + answer);
      add("chat-group-message-sent", life.start + 150 + stay.session, "",
          absl::StrCat(R"(,"chat-id":"MAIN-PUBLIC-GROUP-CHAT","chat-message":{"id":"c)", stay.session,
                       R"(","message":"Text","sender":{"internal-user-id":"w_)", stay.session, R"("}})"));
    }
  }
  if (life.is_recorded) {
    add("meeting-recording-started", life.start + 20, "", "");
    add("meeting-recording-stopped", life.start + 200, "", "");
  }
  if (life.end.has_value()) add("meeting-ended", *life.end, "", "");
}

inline void AddBigBlueButtonXml(const Life& life, std::vector<Line>& lines) {
  const auto add = [&](const std::string& event, int64_t second, const std::string& more) {
    lines.push_back({second, absl::StrCat("<event timestamp='", second - life.start + 1000, "' eventname='", event,
                                          "'><timestampUTC>", second, "000</timestampUTC>", more, "</event>")});
  };
  for (const Stay& stay : life.stays) {
    const std::string who = absl::StrCat("<userId>w_", stay.session, "</userId>");
    add("ParticipantJoinEvent", stay.joined,
        absl::StrCat(who, "<name>N", stay.person, "</name><externalUserId>ext", stay.person, "</externalUserId>"));
    if (stay.left.has_value()) add("ParticipantLeftEvent", *stay.left, who);
    if (!life.is_planned) continue;
    add("UserRespondedToPollRecordEvent", life.start + 100 + stay.session,
        absl::StrCat(who, "<pollId>q</pollId><answer>Antwort ", stay.session % 3, "</answer>"));
  }
  if (life.is_planned) {
    add("PollStartedRecordEvent", life.start + 100, "<pollId>q</pollId><question>Q?</question><answers>[]</answers>");
  }
  if (life.is_recorded) add("RecordStatusEvent", life.start + 20, "<status>true</status>");
  if (life.end.has_value()) add("EndAndKickAllEvent", *life.end, "");
}

}  // namespace logs

// Two meetings at a time, in the order in which their lines were written.
inline Lines DrawLog(const std::string& format, Draw& draw) {
  std::vector<logs::Line> lines;
  for (int number = 0; number < 2; ++number) {
    const Life life = draw.NextLife();
    if (format == "zoom-webhooks") logs::AddZoom(life, number, lines);
    if (format == "webex-webhooks") logs::AddWebex(life, number, lines);
    if (format == "jitsi-events") logs::AddJitsi(life, number, lines);
    if (format == "bigbluebutton-webhooks") logs::AddBigBlueButton(life, number, lines);
    // A recording is of one meeting.
    if (format == "bigbluebutton-xml" && number == 0) logs::AddBigBlueButtonXml(life, lines);
  }
  return logs::InOrder(std::move(lines));
}

// The file of some lines of a log.
inline std::string FileOf(const std::string& format, const Lines& lines) {
  const bool is_xml = format == "bigbluebutton-xml";
  std::string text = is_xml ? "<recording meeting_id='m-1772438400000'>\n<meeting externalId='m'/>\n" : "";
  for (const std::string& line : lines) absl::StrAppend(&text, line, "\n");
  return text + (is_xml ? "</recording>\n" : "");
}

}  // namespace retention
