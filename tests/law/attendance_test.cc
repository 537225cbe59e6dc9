#include "server/law/attendance.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace retention {
namespace {

using Kind = RoomEventKind;

// Minutes since the sitting began.
RoomEvent Minute(int64_t minute, Kind kind, uint64_t participant = 0, uint64_t connection = 0) {
  RoomEvent event;
  event.time_us = minute * 60'000'000;
  event.kind = kind;
  event.participant = participant;
  event.connection = connection;
  return event;
}

// "1: 40 min +0; 2: 30 min +1 presumed"; participants from 10 on are the person of their tens.
std::string Report(const std::vector<RoomEvent>& events) {
  Attendance attendance;
  for (const RoomEvent& event : events) attendance.Step(event);
  const auto lines =
      attendance.Lines([](uint64_t participant) { return participant < 10 ? participant : participant / 10; });
  return absl::StrJoin(lines, "; ", [](std::string* out, const PersonAttendance& line) {
    absl::StrAppend(out, line.person, ": ", LengthOfUnion(line.connections) / 60'000'000, " min +", line.reconnections,
                    line.presumed ? " presumed" : "");
  });
}

TEST(Attendance, CountsFromJoinToLeave) {
  EXPECT_EQ(Report({Minute(0, Kind::kJoined, 1), Minute(5, Kind::kJoined, 2), Minute(30, Kind::kLeft, 2),
                    Minute(40, Kind::kLeft, 1)}),
            "1: 40 min +0; 2: 25 min +0");
}

TEST(Attendance, TwoDevicesCountOnce) {
  EXPECT_EQ(Report({Minute(0, Kind::kJoined, 1), Minute(10, Kind::kJoined, 1), Minute(20, Kind::kLeft, 1),
                    Minute(30, Kind::kLeft, 1)}),
            "1: 30 min +1");
  EXPECT_EQ(Report({Minute(0, Kind::kJoined, 1, 7), Minute(10, Kind::kJoined, 1, 8), Minute(20, Kind::kLeft, 1, 7),
                    Minute(30, Kind::kLeft, 1, 8)}),
            "1: 30 min +1");
}

TEST(Attendance, AnAbsenceIsNotCounted_AndComingBackIs) {
  EXPECT_EQ(Report({Minute(0, Kind::kJoined, 1), Minute(10, Kind::kLeft, 1), Minute(20, Kind::kReconnected, 1),
                    Minute(30, Kind::kLeft, 1)}),
            "1: 20 min +1");
  EXPECT_EQ(Report({Minute(0, Kind::kJoined, 1), Minute(10, Kind::kJoined, 1), Minute(10, Kind::kLeft, 1),
                    Minute(40, Kind::kLeft, 1)}),
            "1: 40 min +1")
      << "one of no length is none";
}

TEST(Attendance, WhoNeverLeftIsCountedToTheLastSignOfLife) {
  EXPECT_EQ(Report({Minute(0, Kind::kJoined, 1), Minute(5, Kind::kJoined, 2), Minute(55, Kind::kQuality, 1),
                    Minute(50, Kind::kLeft, 2)}),
            "1: 55 min +0 presumed; 2: 45 min +0");
}

TEST(Attendance, WhoLeftWithAConnectionStillCountedOpenIsCountedToTheirLastLeave) {
  const std::vector<RoomEvent> open = {Minute(0, Kind::kJoined, 1), Minute(1, Kind::kJoined, 1),
                                       Minute(2, Kind::kJoined, 2), Minute(30, Kind::kLeft, 1)};
  EXPECT_EQ(Report(open), "1: 30 min +1 presumed; 2: 28 min +0 presumed");
  std::vector<RoomEvent> ended = open;
  ended.push_back(Minute(60, Kind::kEnded));
  EXPECT_EQ(Report(ended), "1: 30 min +1 presumed; 2: 58 min +0");
}

TEST(Attendance, WhoIsHeardOfAfterALeaveIsThereStill) {
  // A page that was refreshed: the leave of the former session comes after the join of the next one.
  std::vector<RoomEvent> events = {Minute(0, Kind::kJoined, 1), Minute(5, Kind::kJoined, 1), Minute(6, Kind::kLeft, 1),
                                   Minute(7, Kind::kQuality, 1), Minute(59, Kind::kQuality, 1)};
  EXPECT_EQ(Report(events), "1: 59 min +1 presumed");
  events.push_back(Minute(60, Kind::kEnded));
  EXPECT_EQ(Report(events), "1: 60 min +1");
}

TEST(Attendance, ParticipantsOfOnePersonAreOneLine) {
  EXPECT_EQ(Report({Minute(0, Kind::kJoined, 31), Minute(10, Kind::kJoined, 32), Minute(20, Kind::kLeft, 31),
                    Minute(30, Kind::kLeft, 32), Minute(40, Kind::kJoined, 31), Minute(50, Kind::kLeft, 31)}),
            "3: 40 min +2");
}

TEST(Attendance, ALeaveOfSomebodyWhoIsNotThereChangesNothing) {
  EXPECT_EQ(Report({Minute(0, Kind::kLeft, 1), Minute(1, Kind::kJoined, 2), Minute(2, Kind::kLeft, 2),
                    Minute(9, Kind::kLeft, 2)}),
            "2: 1 min +0");
}

}  // namespace
}  // namespace retention
