#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/engine/committer.h"
#include "server/recording/event_intake.h"
#include "server/rpc/batch_stream.h"
#include "tests/engine/harness.h"
#include "tests/rpc/held_committer.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

v1::RecordEventsRequest BatchOf(uint64_t id, const std::vector<v1::Event>& events) {
  v1::RecordEventsRequest request;
  request.set_batch_id(id);
  for (const v1::Event& event : events) *request.add_events() = event;
  return request;
}

// A batch of `size` events of its own.
v1::RecordEventsRequest FreshBatch(uint64_t id, int size = 1, const std::string& meeting = "meeting") {
  std::vector<v1::Event> events;
  for (int i = 0; i < size; ++i) events.push_back(Joined(meeting, absl::StrCat("e", id, "-", i), kMonday, "p1"));
  return BatchOf(id, events);
}

TEST(RecordEvents, BatchesAreAnsweredInOrderUnderTheirIds) {
  RunningServer server;
  server.SyncPbx();
  auto stream = server.Record();
  for (uint64_t id = 1; id <= 40; ++id) {
    ASSERT_TRUE(stream->Write(FreshBatch(id * 7, 3)));
    if (id % 8 != 0) continue;
    for (uint64_t answered = id - 7; answered <= id; ++answered) {
      v1::RecordEventsResponse response;
      ASSERT_TRUE(stream->Read(response));
      EXPECT_EQ(response.batch_id(), answered * 7);
      EXPECT_EQ(response.result().accepted(), 3u);
    }
  }
  stream->WritesDone();
  v1::RecordEventsResponse response;
  EXPECT_FALSE(stream->Read(response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(RecordEvents, WhatASingleCallRecordedIsADuplicateOnTheStreamAndTheOtherWayRound) {
  RunningServer server;
  server.SyncPbx();
  const auto first = Joined("meeting", "e1", kMonday, "p1");
  const auto second = Joined("meeting", "e2", kMonday, "p2");
  server.Batch({first});
  auto stream = server.Record();
  ASSERT_TRUE(stream->Write(BatchOf(1, {first, second})));
  v1::RecordEventsResponse response;
  ASSERT_TRUE(stream->Read(response));
  EXPECT_EQ(response.result().accepted(), 1u);
  EXPECT_EQ(response.result().duplicates(), 1u);
  EXPECT_EQ(server.Batch({second}).duplicates(), 1u);
}

TEST(RecordEvents, AFlawedEventIsRejectedByItself) {
  RunningServer server;
  server.SyncPbx();
  auto stream = server.Record();
  ASSERT_TRUE(stream->Write(
      BatchOf(1, {Joined("meeting", "e1", kMonday, "no identifier"), Joined("meeting", "e2", kMonday, "p1")})));
  v1::RecordEventsResponse response;
  ASSERT_TRUE(stream->Read(response));
  EXPECT_EQ(response.result().accepted(), 1u);
  ASSERT_EQ(response.result().rejections_size(), 1);
  EXPECT_EQ(response.result().rejections(0).field(), "participant_joined.participant_id");
}

TEST(RecordEvents, ABatchOverALimitEndsTheStreamAfterTheAnswersBeforeIt) {
  RunningServer server;
  server.SyncPbx();
  const std::string too_many = FreshBatch(3, kMaxBatchEvents + 1).SerializeAsString();
  const std::string too_large =
      BatchOf(3, {Joined("meeting", "e", kMonday, "p1", std::string(kMaxBatchBytes, 'n'))}).SerializeAsString();
  uint64_t meeting = 0;
  for (const std::string& last : {too_many, too_large, BatchOf(3, {}).SerializeAsString(), std::string("\xff")}) {
    HeldCommitter held(server.server().committer());
    auto stream = server.Record();
    ++meeting;
    ASSERT_TRUE(stream->Write(FreshBatch(1, 1, absl::StrCat("m", meeting))));
    ASSERT_TRUE(stream->Write(FreshBatch(2, 1, absl::StrCat("m", meeting))));
    ASSERT_TRUE(stream->Write(FreshBatch(2, 1, absl::StrCat("m", meeting))));
    ASSERT_TRUE(stream->Write(last));
    held.Release();
    for (const uint64_t id : {1, 2, 2}) {
      v1::RecordEventsResponse response;
      ASSERT_TRUE(stream->Read(response));
      EXPECT_EQ(response.batch_id(), id);
    }
    v1::RecordEventsResponse response;
    ASSERT_FALSE(stream->Read(response));
    const std::string expected =
        last == "\xff" ? "INVALID_ARGUMENT MALFORMED_MESSAGE" : "INVALID_ARGUMENT INVALID_FIELD events";
    EXPECT_EQ(stream->Finish().Summary(), expected);
  }
}

// A stream of batches of so many events reads `batches` of them, and on once they are answered.
void ExpectReadsAhead(uint64_t batches, int events) {
  RunningServer server;
  server.SyncPbx();
  Committer& committer = server.server().committer();
  HeldCommitter held(committer);
  auto stream = server.Record();
  for (uint64_t id = 1; id <= batches + 1; ++id) ASSERT_TRUE(stream->Write(FreshBatch(id, events)));
  const size_t queued = batches * static_cast<size_t>(events);
  AwaitTrue([&] { return committer.queued_events() == queued; });
  // Calls go to and fro meanwhile; a server that read on would have read by now.
  for (int i = 0; i < 20; ++i) EXPECT_EQ(server.Health(""), 1);
  EXPECT_EQ(committer.queued_events(), queued);
  held.Release();
  for (uint64_t id = 1; id <= batches + 1; ++id) {
    v1::RecordEventsResponse response;
    ASSERT_TRUE(stream->Read(response));
    EXPECT_EQ(response.batch_id(), id);
  }
}

TEST(RecordEvents, StopsReadingWhileSixteenBatchesAreUnanswered) {
  ExpectReadsAhead(BatchStream::kMaxUnanswered, kMaxBatchEvents);
}

TEST(RecordEvents, ReadsMoreOfSmallBatchesWhileTheyAreUnanswered) {
  ExpectReadsAhead(BatchStream::kMaxUnansweredSmall, 1);
}

TEST(RecordEvents, StopsReadingSmallBatchesWhenTheyHoldMuchTogether) {
  ExpectReadsAhead(BatchStream::kMaxSmallSize / 200, 200);
}

TEST(RecordEvents, AFullQueueEndsTheStreamSoThatNoBatchOvertakesTheRefusedOne) {
  RunningServer server;
  server.SyncPbx();
  Committer& committer = server.server().committer();
  HeldCommitter held(committer);
  std::vector<std::unique_ptr<CallerStream>> streams;
  const int full = static_cast<int>(Committer::kMaxQueuedEvents) / kMaxBatchEvents;
  for (int batch = 0; batch < full; ++batch) {
    if (batch % BatchStream::kMaxUnanswered == 0) streams.push_back(server.Record());
    ASSERT_TRUE(streams.back()->Write(FreshBatch(batch, kMaxBatchEvents, absl::StrCat("m", batch))));
  }
  AwaitTrue([&] { return committer.queued_events() == Committer::kMaxQueuedEvents; });

  v1::BatchRecordEventsRequest request;
  *request.add_events() = Joined("other", "e1", kMonday, "p1");
  const CallEnd end = server.Call("/retention.v1.EventService/BatchRecordEvents", request);
  EXPECT_EQ(end.Summary(), "RESOURCE_EXHAUSTED QUEUE_FULL");
  EXPECT_EQ(end.retry_delay, Committer::kRetryDelay);

  auto refused = server.Record();
  ASSERT_TRUE(refused->Write(FreshBatch(1, 1, "other")));
  v1::RecordEventsResponse response;
  EXPECT_FALSE(refused->Read(response));
  const CallEnd stream_end = refused->Finish();
  EXPECT_EQ(stream_end.Summary(), "RESOURCE_EXHAUSTED QUEUE_FULL");
  EXPECT_EQ(stream_end.retry_delay, Committer::kRetryDelay);

  held.Release();
  AwaitTrue([&] { return committer.queued_events() == 0; });
  auto again = server.Record();
  ASSERT_TRUE(again->Write(FreshBatch(1, 1, "other")));
  ASSERT_TRUE(again->Read(response));
  EXPECT_EQ(response.result().accepted(), 1u);
}

TEST(RecordEvents, ABatchOfManySmallPartsIsRefusedBeforeItTakesMemory) {
  RunningServer server;
  server.SyncPbx();
  v1::RecordEventsRequest request;
  request.set_batch_id(1);
  v1::Event& event = *request.add_events();
  event = Joined("m1", "e1", kMonday, "p1");
  for (int i = 0; i < 1'500'000; ++i) event.mutable_meeting_scheduled()->add_invitees();
  ASSERT_LT(request.ByteSizeLong(), kMaxBatchBytes);
  auto stream = server.Record();
  ASSERT_TRUE(stream->Write(request));
  v1::RecordEventsResponse response;
  EXPECT_FALSE(stream->Read(response));
  const CallEnd end = stream->Finish();
  EXPECT_EQ(end.Summary(), "INVALID_ARGUMENT TOO_MANY_PARTS");
}

TEST(RecordEvents, ACallerThatBreaksOffLeavesItsBatchesRecorded) {
  RunningServer server;
  server.SyncPbx();
  Committer& committer = server.server().committer();
  HeldCommitter held(committer);
  auto stream = server.Record();
  for (uint64_t id = 1; id <= 8; ++id) ASSERT_TRUE(stream->Write(FreshBatch(id, 10)));
  AwaitTrue([&] { return committer.queued_events() == 80; });
  stream->Cancel();
  EXPECT_EQ(stream->Finish().code, absl::StatusCode::kCancelled);
  stream.reset();
  held.Release();
  auto again = server.Record();
  for (uint64_t id = 1; id <= 8; ++id) {
    ASSERT_TRUE(again->Write(FreshBatch(id, 10)));
    v1::RecordEventsResponse response;
    ASSERT_TRUE(again->Read(response));
    EXPECT_EQ(response.result().duplicates(), 10u);
  }
}

TEST(RecordEvents, ManyCallersThatComeAndBreakOffAtAnyMomentDoNoHarm) {
  RunningServer server;
  server.SyncPbx();
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&server, caller] {
      Caller own(server.server().address());
      for (int round = 0; round < 30; ++round) {
        auto stream = own.Open("/retention.v1.EventService/RecordEvents");
        const std::string meeting = absl::StrCat("m", caller, "-", round);
        for (int batch = 0; batch <= round % 5; ++batch) stream->Write(FreshBatch(batch, 20, meeting));
        v1::RecordEventsResponse response;
        for (int answer = 0; answer < std::min(round % 3, 1 + round % 5); ++answer) stream->Read(response);
        if (round % 2 == 0) stream->WritesDone();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(server.Batch({Joined("after", "e1", kMonday, "p1")}).accepted(), 1u);
}

TEST(RecordEvents, MoreStreamsOfOnePeerThanItsShareAreRefused) {
  RunningServer server;
  server.SyncPbx();
  std::vector<std::unique_ptr<CallerStream>> streams;
  for (size_t i = 0; i < StreamLimits().per_peer; ++i) {
    streams.push_back(server.Record());
    ASSERT_TRUE(streams.back()->Write(FreshBatch(i, 1, "m")));
    v1::RecordEventsResponse response;
    ASSERT_TRUE(streams.back()->Read(response));
  }
  v1::RecordEventsResponse response;
  auto refused = server.Record();
  EXPECT_FALSE(refused->Read(response));
  EXPECT_EQ(refused->Finish().Summary(), "RESOURCE_EXHAUSTED TOO_MANY_STREAMS");

  streams.pop_back();
  AwaitTrue([&] {
    auto stream = server.Record();
    return stream->Write(FreshBatch(1, 1, "m")) && stream->Read(response);
  });
}

TEST(RecordEvents, AServerThatShutsDownAnswersWhatItTookInAndSendsTheRestElsewhere) {
  RunningServer server;
  server.SyncPbx();
  Committer& committer = server.server().committer();
  HeldCommitter held(committer);
  auto stream = server.Record();
  for (uint64_t id = 1; id <= 3; ++id) ASSERT_TRUE(stream->Write(FreshBatch(id)));
  AwaitTrue([&] { return committer.queued_events() == 3; });
  std::thread shutdown([&] { server.server().Shutdown(absl::Seconds(60)); });
  held.Release();
  v1::RecordEventsResponse response;
  for (uint64_t id = 1; id <= 3; ++id) {
    ASSERT_TRUE(stream->Read(response));
    EXPECT_EQ(response.batch_id(), id);
    EXPECT_EQ(response.result().accepted(), 1u);
  }
  EXPECT_FALSE(stream->Read(response));
  EXPECT_EQ(stream->Finish().Summary(), "UNAVAILABLE SHUTTING_DOWN");
  shutdown.join();
}

TEST(RecordEvents, BatchesOfAStreamThatBrokeOffAreWrittenBeforeTheServerIsGone) {
  RunningServer server;
  server.SyncPbx();
  HeldCommitter held(server.server().committer());
  auto stream = server.Record();
  for (uint64_t id = 1; id <= 3; ++id) ASSERT_TRUE(stream->Write(FreshBatch(id)));
  AwaitTrue([&] { return server.server().committer().queued_events() == 3; });
  stream->Cancel();
  EXPECT_FALSE(stream->Finish().ok());
  // The stream is gone, and its batches are still to be answered.
  std::thread stop([&] { server.Stop(); });
  held.Release();
  stop.join();
  ASSERT_TRUE(server.Restart().ok());
  v1::BatchRecordEventsRequest again;
  for (uint64_t id = 1; id <= 3; ++id) *again.add_events() = FreshBatch(id).events(0);
  v1::BatchRecordEventsResponse response;
  ASSERT_TRUE(server.Call("/retention.v1.EventService/BatchRecordEvents", again, &response).ok());
  EXPECT_EQ(response.result().duplicates(), 3u);
}

}  // namespace
}  // namespace retention
