// Rooms are named anew every month, and nobody notices: their meeting ids lead to them as before, and from an old copy
// to nothing any more.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/days/room_renamer.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/orders/orders.h"
#include "tests/testing/copy_decoder.h"
#include "tests/testing/map_store.h"

namespace retention {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);

class RoomNamesTest : public ::testing::Test {
 protected:
  RoomNamesTest() : harness_(kMonday) { harness_.SyncPbx(); }

  void Meet(const std::string& room) {
    const std::string nth = absl::StrCat(++events_);
    harness_.Record({Joined(room, absl::StrCat("join", nth), harness_.now - absl::Minutes(20), "p1"),
                     Left(room, absl::StrCat("left", nth), harness_.now - absl::Minutes(10), "p1")});
  }
  // Sweeps daily.
  void Pass(int days) {
    for (int day = 0; day < days; ++day) {
      harness_.now += kDay;
      harness_.Sweep();
    }
  }
  DecodedRing Ring() { return DecodeRing((harness_.directory() / "ring" / "a").string()); }
  MapStore::Rows Copy() { return MapStore::RowsOf(harness_.store()); }
  static size_t NamesIn(const MapStore::Rows& rows) {
    size_t names = 0;
    for (const auto& [key, value] : rows[static_cast<size_t>(Family::kState)]) names += key[0] == 'J' ? 1 : 0;
    return names;
  }
  size_t Names() { return NamesIn(Copy()); }

  Harness harness_;
  int events_ = 0;
};

TEST_F(RoomNamesTest, AMonthLaterAnOldCopyTellsOfNoMeeting) {
  Meet("standing");
  Meet("once");
  const MapStore::Rows before = Copy();
  EXPECT_TRUE(TellsOfMeeting(before, Ring(), "standing"));
  EXPECT_TRUE(TellsOfMeeting(before, Ring(), "once"));
  EXPECT_FALSE(TellsOfMeeting(before, Ring(), "never"));
  for (int week = 0; week < 6; ++week) {
    Pass(7);
    Meet("standing");
  }
  EXPECT_FALSE(TellsOfMeeting(before, Ring(), "standing"));
  EXPECT_FALSE(TellsOfMeeting(before, Ring(), "once"));
  // Both are held, and found.
  EXPECT_TRUE(TellsOfMeeting(Copy(), Ring(), "standing"));
  EXPECT_TRUE(harness_.Get("standing").ok());
  EXPECT_TRUE(harness_.Get("once").ok());
  // What lives is where it was: the room is one.
  v1::ListMeetingsRequest list;
  list.set_pbx_id("pbx");
  list.set_meeting_id("standing");
  const auto meetings = harness_.reader().ListMeetings(list, harness_.now);
  ASSERT_TRUE(meetings.ok()) << meetings.status();
  EXPECT_EQ(meetings->meetings_size(), 7);
}

TEST_F(RoomNamesTest, ANameIsNotMovedWithoutNeed) {
  Meet("m");
  const MapStore::Rows before = Copy();
  Pass(RoomRenamer::kDaysOfKey - 1);
  EXPECT_EQ(harness_.ring().NamesKeys().size(), 1u);
  Pass(1);
  EXPECT_EQ(harness_.ring().NamesKeys().size(), 2u);
  EXPECT_EQ(Names(), 1u);
  // A backup of a week ago opens as it was.
  Pass(RoomRenamer::kDaysKept - 1);
  EXPECT_TRUE(TellsOfMeeting(before, Ring(), "m"));
  Pass(1);
  EXPECT_EQ(harness_.ring().NamesKeys().size(), 1u);
  EXPECT_FALSE(TellsOfMeeting(before, Ring(), "m"));
  EXPECT_TRUE(harness_.Get("m").ok());
}

TEST_F(RoomNamesTest, ARoomOfWhichNothingIsHeldLosesItsName) {
  Meet("m");
  Pass(100);
  EXPECT_FALSE(harness_.Get("m").ok());
  EXPECT_EQ(Names(), 0u);
  // And is as good as new.
  Meet("m");
  EXPECT_TRUE(harness_.Get("m").ok());
  EXPECT_EQ(harness_.Participants("m").size(), 1u);
}

// Who asked for it before, and in memory, does not find it by a name that is gone.
TEST_F(RoomNamesTest, ANameThatIsLostIsForgotten) {
  Pass(5);
  Meet("m");
  Pass(3 * RoomRenamer::kDaysOfKey - 5 - 1);
  EXPECT_EQ(Names(), 1u);
  harness_.now += kDay;
  EXPECT_FALSE(harness_.engine().DeleteObject("pbx", "m", kRecording, "none", "asked for", harness_.now).ok());
  // As when a sweep that failed before it is tried again.
  RunnersThread thread([](std::function<absl::Status()> task) { return task(); });
  Engine& engine = harness_.engine().engine();
  ASSERT_TRUE(engine.enders().names.Run(Commands(thread, engine.writer()), harness_.now).ok());
  EXPECT_EQ(Names(), 0u);
  Meet("m");
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_TRUE(harness_.Get("m").ok());
}

TEST_F(RoomNamesTest, WhatOutlivesHistoryIsFoundByItsMeetingId) {
  const absl::Time time = harness_.now - absl::Minutes(20);
  harness_.Record({Joined("pdf", "1", time, "p1"), Pdf("pdf", "2", time, "reference"), Left("pdf", "3", time, "p1")});
  harness_.Record({Joined("deleted", "4", time, "p1"), Left("deleted", "5", time + absl::Minutes(1), "p1"),
                   Deleted("deleted", "6", time + absl::Minutes(2))});
  Pass(150);
  EXPECT_FALSE(harness_.Get("pdf").ok());
  EXPECT_EQ(harness_.Orders(), 0u);
  ASSERT_TRUE(harness_.engine().DeleteMeeting("pbx", "pdf", "asked for", harness_.now).ok());
  EXPECT_EQ(harness_.Orders(), 1u);
  // What was deleted is not taken in by a room that was forgotten.
  harness_.Record(Pdf("deleted", "7", time, "late"));
  EXPECT_EQ(harness_.Values(kPdfShare), 0u);
  EXPECT_EQ(harness_.Orders(), 2u);
}

TEST_F(RoomNamesTest, AVoteReplacesTheFormerOneMonthsLater) {
  v1::Event poll = NewEvent("m", "poll", harness_.now);
  poll.mutable_poll_created()->set_poll_id("lunch");
  poll.mutable_poll_created()->set_owner_extension("100");
  poll.mutable_poll_created()->set_question("where?");
  for (const char* option : {"here", "there"}) poll.mutable_poll_created()->add_options(option);
  const auto vote = [&](const std::string& id) {
    v1::Event event = NewEvent("m", id, harness_.now);
    event.mutable_poll_answered()->set_poll_id("lunch");
    event.mutable_poll_answered()->set_participant_id("p1");
    event.mutable_poll_answered()->add_option_indexes(0);
    return event;
  };
  EXPECT_EQ(harness_.Record({poll, vote("first")}).accepted(), 2u);
  EXPECT_EQ(harness_.Values(kPoll), 2u);
  Pass(150);
  EXPECT_EQ(harness_.Record(vote("second")).accepted(), 1u);
  EXPECT_EQ(harness_.Values(kPoll), 2u);
}

// What it covers is known by its room.
TEST_F(RoomNamesTest, AHoldGoesOnWhenNothingButWhatItKeepsIsLeft) {
  Meet("m");
  const PbxId pbx = *harness_.engine().registry().Held("pbx");
  const RoomId room = harness_.engine().RoomNamed(pbx, "m");
  ASSERT_TRUE(harness_.engine().CreateHold(MeetingHold("case", harness_.now, "m"), harness_.now).ok());
  Pass(150);
  EXPECT_FALSE(harness_.Get("m").ok());
  EXPECT_EQ(harness_.engine().RoomNamed(pbx, "m"), room);
}

TEST_F(RoomNamesTest, WhatIsToldOfDaysGoneByIsFoundToo) {
  harness_.Record(Pdf("late", "1", harness_.now - 100 * kDay, "reference"));
  EXPECT_EQ(harness_.Values(kPdfShare), 1u);
  Pass(RoomRenamer::kDaysOfKey + RoomRenamer::kDaysKept);
  ASSERT_TRUE(harness_.engine().DeleteMeeting("pbx", "late", "asked for", harness_.now).ok());
  EXPECT_EQ(harness_.Orders(), 1u);
}

// As when it is damaged in both replicas.
TEST_F(RoomNamesTest, ARingThatLostItsKeyOfNamesGetsAnother) {
  Meet("m");
  const PbxId pbx = *harness_.engine().registry().Held("pbx");
  const RoomId room = harness_.engine().RoomNamed(pbx, "m");
  ASSERT_TRUE(harness_.ring().DestroyNamesBefore(100).ok());
  for (int start = 0; start < 2; ++start) {
    ASSERT_TRUE(harness_.Reopen().ok());
    EXPECT_EQ(harness_.engine().RoomNamed(pbx, "m"), room);
    EXPECT_TRUE(harness_.Get("m").ok());
  }
  EXPECT_EQ(Names(), 1u);
  Pass(RoomRenamer::kDaysOfKey + RoomRenamer::kDaysKept);
  EXPECT_TRUE(harness_.Get("m").ok());
}

TEST_F(RoomNamesTest, WithTheirPbxNamesGo) {
  Meet("m");
  const MapStore::Rows before = Copy();
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  Pass(RoomRenamer::kDaysOfKey + RoomRenamer::kDaysKept);
  EXPECT_EQ(Names(), 0u);
  EXPECT_FALSE(TellsOfMeeting(before, Ring(), "m"));
}

// Whatever of the ring or the store fails in between, it goes on with the next sweep, and rooms are found all the time.
TEST_F(RoomNamesTest, AFailureIsMadeUpFor) {
  for (const bool of_ring : {false, true}) {
    for (int nth = 0; nth < 6; ++nth) {
      const std::string room = absl::StrCat("m", of_ring, nth);
      Meet(room);
      const MapStore::Rows before = Copy();
      for (uint32_t day = 0; day < RoomRenamer::kDaysOfKey + RoomRenamer::kDaysKept + 1; ++day) {
        harness_.now += kDay;
        int left = nth;
        if (of_ring) {
          harness_.on_ring_io = [&](size_t, RingFile, RingReplica::Io) {
            return left-- > 0 ? absl::OkStatus() : absl::UnavailableError("the ring's disk");
          };
        } else {
          harness_.disk().FailWrites(absl::UnavailableError("the store's disk"), static_cast<uint64_t>(nth) + 1);
        }
        TestSweeper(harness_.engine(), [](std::function<absl::Status()> task) { return task(); }, {})
            .RunOnce(harness_.now, true)
            .status()
            .IgnoreError();
        harness_.on_ring_io = nullptr;
        harness_.disk().Heal();
        EXPECT_TRUE(harness_.Get(room).ok());
        harness_.Sweep();
        EXPECT_TRUE(harness_.Get(room).ok());
      }
      EXPECT_FALSE(TellsOfMeeting(before, Ring(), room));
    }
  }
}

// A row that does not parse, or whose key is not there, leads nowhere: that is not passed over in silence.
TEST_F(RoomNamesTest, NamesThatCannotBeReadAreCounted) {
  for (const char* room : {"m", "n", "o"}) Meet(room);
  Pass(RoomRenamer::kDaysOfKey - 1);
  MapStore::Rows rows = Copy();
  Batch batch;
  int nth = 0;
  for (const auto& [key, value] : rows[static_cast<size_t>(Family::kState)]) {
    if (key[0] != 'J') continue;
    ++nth;
    if (nth == 1) batch.Put(Family::kState, key, value.substr(1));
    if (nth != 2) continue;
    batch.Delete(Family::kState, key);
    auto parts = *DecodeRoomNameKey(key);
    parts.names_key = 0;
    batch.Put(Family::kState, RoomNameKey(parts), value);
  }
  ASSERT_EQ(nth, 3);
  ASSERT_TRUE(harness_.store().Commit(batch).ok());
  harness_.now += kDay;
  RunnersThread thread([](std::function<absl::Status()> task) { return task(); });
  Engine& engine = harness_.engine().engine();
  RoomRenamer& names = engine.enders().names;
  ASSERT_TRUE(names.Run(Commands(thread, engine.writer()), harness_.now).ok());
  EXPECT_EQ(names.TakeDropped(), 2u);
  EXPECT_EQ(names.TakeDropped(), 0u);
  EXPECT_EQ(Names(), 1u);
}

TEST_F(RoomNamesTest, OneThatLeadsToNothingIsDroppedWithoutAWord) {
  Meet("m");
  Pass(100);
  EXPECT_EQ(Names(), 0u);
  EXPECT_EQ(harness_.engine().engine().enders().names.TakeDropped(), 0u);
}

// A store of months ago beside the ring of today: its rooms are named as their occurrences say.
TEST_F(RoomNamesTest, AnOldStoreIsNamedAnew) {
  Meet("m");
  Meet("n");
  MapStore copy(Copy());
  Pass(RoomRenamer::kDaysOfKey + RoomRenamer::kDaysKept);
  ASSERT_FALSE(TellsOfMeeting(MapStore::RowsOf(copy), Ring(), "m"));
  for (int start = 0; start < 2; ++start) {
    const auto opened = TestEngine::Open(copy, harness_.ring(), SystemRandom(), PatientPolicy(), harness_.now);
    ASSERT_TRUE(opened.ok()) << opened.status();
    Reader reader(**opened);
    for (const char* room : {"m", "n"}) {
      v1::GetMeetingRequest get;
      get.set_pbx_id("pbx");
      get.set_meeting_id(room);
      const auto meeting = reader.GetMeeting(get, harness_.now);
      EXPECT_TRUE(meeting.ok()) << meeting.status();
    }
  }
  EXPECT_EQ(NamesIn(MapStore::RowsOf(copy)), 2u);
}

// So are those of which nothing but PDFs is left: else no deletion would find them, and they would stay for ever.
TEST_F(RoomNamesTest, APdfNamesItsRoomAnew) {
  Meet("m");
  harness_.Record(Pdf("m", "pdf", harness_.now, "store/pdf"));
  const PbxId pbx = *harness_.engine().registry().Held("pbx");
  const RoomId room = harness_.engine().RoomNamed(pbx, "m");
  Pass(80);  // its history is over
  ASSERT_FALSE(harness_.Get("m").ok());
  ASSERT_EQ(harness_.Values(kPdfShare), 1u);
  ASSERT_TRUE(harness_.ring().DestroyNamesBefore(100).ok());
  ASSERT_TRUE(harness_.Reopen().ok());
  EXPECT_EQ(harness_.engine().RoomNamed(pbx, "m"), room);
  EXPECT_TRUE(harness_.engine().DeleteMeeting("pbx", "m", "asked for", harness_.now).ok());
  EXPECT_EQ(harness_.Values(kPdfShare), 0u);
  EXPECT_EQ(harness_.Orders(), 1u);
}

}  // namespace
}  // namespace retention
