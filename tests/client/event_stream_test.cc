#include "client/event_stream.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "retention/v1/event.pb.h"
#include "retention/v1/event_service.pb.h"
#include "tests/client/fake_connection.h"

namespace retention {
namespace {

v1::RecordEventsRequest Batch(int events) {
  v1::RecordEventsRequest batch;
  for (int i = 0; i < events; ++i) batch.add_events()->set_event_id("e" + std::to_string(i));
  return batch;
}

class EventStreamTest : public ::testing::Test {
 protected:
  EventStreamOptions Options() {
    EventStreamOptions options;
    options.retry = NotedRetries(&waits_);
    return options;
  }

  std::shared_ptr<FakeConnection> connection_ = std::make_shared<FakeConnection>();
  std::vector<absl::Duration> waits_;
};

TEST_F(EventStreamTest, Finish_WaitsForEveryAnswerAndCounts) {
  connection_->streams.push_back({[](const auto& batch, auto* answers) {
    v1::RecordEventsResponse answer;
    answer.set_batch_id(batch.batch_id());
    answer.mutable_result()->set_accepted(batch.events_size() - 2);
    answer.mutable_result()->set_duplicates(1);
    answer.mutable_result()->set_values_past_due(3);
    answer.mutable_result()->add_rejections()->set_index(1);
    answers->push_back(answer);
    return true;
  }});
  std::vector<uint64_t> first_events;
  EventStream stream(connection_, Options(),
                     [&](const BatchAnswer& answer) { first_events.push_back(answer.first_event); });
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(stream.Send(Batch(10)).ok());
  ASSERT_TRUE(stream.Finish().ok());
  EXPECT_EQ(stream.totals().sent, 500);
  EXPECT_EQ(stream.totals().accepted, 400);
  EXPECT_EQ(stream.totals().duplicates, 50);
  EXPECT_EQ(stream.totals().rejected, 50);
  EXPECT_EQ(stream.totals().values_past_due, 150);
  ASSERT_EQ(first_events.size(), 50);
  EXPECT_EQ(first_events[0], 0);
  EXPECT_EQ(first_events[49], 490);
  EXPECT_EQ(connection_->streams_opened, 1);
}

TEST_F(EventStreamTest, Add_GathersBatchesOfTheSizeAskedForAndSplitsByBytes) {
  std::vector<int> sizes;
  connection_->streams.push_back({[&](const auto& batch, auto* answers) {
    sizes.push_back(batch.events_size());
    EXPECT_LE(batch.ByteSizeLong(), 4u << 20);
    answers->push_back(AcceptAll(batch));
    return true;
  }});
  EventStreamOptions options = Options();
  options.batch_events = 4;
  EventStream stream(connection_, options);
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(stream.Add(v1::Event()).ok());
  ASSERT_TRUE(stream.Flush().ok());
  v1::Event large;
  large.mutable_chat_message_sent()->set_text(std::string(3 << 20, 'x'));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(stream.Add(large).ok());
  ASSERT_TRUE(stream.Finish().ok());
  EXPECT_EQ(sizes, (std::vector<int>{4, 2, 1, 1}));
}

TEST_F(EventStreamTest, Send_NeverHasMoreUnansweredBatchesThanAllowed) {
  // A stream that answers nothing gets no more than the window, however much there is to send.
  int unanswered = 0;
  connection_->streams.push_back({[&](const auto&, auto*) {
    ++unanswered;
    return true;
  }});
  EventStreamOptions options = Options();
  options.unanswered_batches_max = 3;
  options.answer_timeout = absl::Milliseconds(1);
  options.retry.attempts_max = 1'000'000;
  EventStream stream(connection_, options);
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(stream.Send(Batch(1)).ok());
  ASSERT_TRUE(stream.Finish().ok());
  EXPECT_EQ(unanswered, 3);
  EXPECT_EQ(stream.totals().accepted, 9);
}

TEST_F(EventStreamTest, Send_BrokenStreamIsReplacedAndUnansweredBatchesSentAgainInOrder) {
  std::vector<uint64_t> second_stream;
  connection_->streams.push_back({[](const auto& batch, auto* answers) {
                                    // Two are answered, two are lost, then the stream breaks.
                                    if (batch.batch_id() <= 2) answers->push_back(AcceptAll(batch));
                                    return batch.batch_id() < 4;
                                  },
                                  absl::UnavailableError("server went away")});
  connection_->streams.push_back({[&](const auto& batch, auto* answers) {
    second_stream.push_back(batch.batch_id());
    answers->push_back(AcceptAll(batch));
    return true;
  }});
  EventStream stream(connection_, Options());
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(stream.Send(Batch(5)).ok());
  ASSERT_TRUE(stream.Finish().ok());
  EXPECT_EQ(stream.totals().accepted, 30);
  EXPECT_EQ(stream.totals().reconnections, 1);
  EXPECT_EQ(stream.totals().answered(), stream.totals().sent);
  ASSERT_GE(second_stream.size(), 4);
  EXPECT_TRUE(std::is_sorted(second_stream.begin(), second_stream.end()));
  EXPECT_EQ(second_stream[0], 3);
  EXPECT_EQ(std::set(second_stream.begin(), second_stream.end()).size(), second_stream.size());
  EXPECT_EQ(waits_.size(), 1);
}

TEST_F(EventStreamTest, Send_AFullQueueIsWaitedForAndNoBatchOvertakesAnother) {
  std::vector<uint64_t> taken;
  for (int i = 0; i < 2; ++i) {
    connection_->streams.push_back({[&taken](const auto& batch, auto* answers) {
                                      if (batch.batch_id() == 2) return false;
                                      taken.push_back(batch.batch_id());
                                      answers->push_back(AcceptAll(batch));
                                      return true;
                                    },
                                    RichError(absl::StatusCode::kResourceExhausted, "QUEUE_FULL", absl::Seconds(7))});
  }
  connection_->streams.push_back({[&taken](const auto& batch, auto* answers) {
    taken.push_back(batch.batch_id());
    answers->push_back(AcceptAll(batch));
    return true;
  }});
  EventStream stream(connection_, Options());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(stream.Send(Batch(1)).ok());
  ASSERT_TRUE(stream.Finish().ok());
  EXPECT_EQ(stream.totals().accepted, 3);
  EXPECT_EQ(taken, (std::vector<uint64_t>{1, 2, 3}));
  ASSERT_EQ(waits_.size(), 2);
  for (const absl::Duration wait : waits_) EXPECT_GE(wait, absl::Seconds(7));
}

TEST_F(EventStreamTest, Finish_AStreamThatEndsWhenAllIsAnsweredIsNoFailure) {
  connection_->streams.push_back({[](const auto& batch, auto* answers) {
                                    answers->push_back(AcceptAll(batch));
                                    return false;
                                  },
                                  absl::UnavailableError("shutting down")});
  EventStream stream(connection_, Options());
  ASSERT_TRUE(stream.Send(Batch(1)).ok());
  ASSERT_TRUE(stream.Finish().ok());
  EXPECT_EQ(stream.totals().accepted, 1);
  EXPECT_EQ(connection_->streams_opened, 1);
  EXPECT_TRUE(waits_.empty());
}

TEST_F(EventStreamTest, Finish_InvalidArgumentIsFinal) {
  connection_->streams.push_back(
      {[](const auto&, auto*) { return false; }, RichError(absl::StatusCode::kInvalidArgument, "BATCH_TOO_LARGE")});
  EventStream stream(connection_, Options());
  ASSERT_TRUE(stream.Send(Batch(1)).ok());
  const absl::Status status = stream.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DecodeErrorDetails(status).reason, "BATCH_TOO_LARGE");
  EXPECT_EQ(stream.Send(Batch(1)), status);
  EXPECT_EQ(connection_->streams_opened, 1);
  EXPECT_TRUE(waits_.empty());
}

TEST_F(EventStreamTest, Finish_GivesUpWhenAttemptsAreUsedUp) {
  for (int i = 0; i < 10; ++i) {
    connection_->streams.push_back({[](const auto&, auto*) { return false; }, absl::UnavailableError("down")});
  }
  EventStream stream(connection_, Options());
  ASSERT_TRUE(stream.Send(Batch(1)).ok());
  EXPECT_EQ(stream.Finish().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(connection_->streams_opened, 6);
  EXPECT_EQ(stream.totals().answered(), 0);
}

TEST_F(EventStreamTest, Finish_AnswersResetTheCountOfAttempts) {
  // Each stream answers one batch and breaks: more breaks than attempts, but always progress.
  for (int i = 0; i < 20; ++i) {
    connection_->streams.push_back({[](const auto& batch, auto* answers) {
                                      answers->push_back(AcceptAll(batch));
                                      return false;
                                    },
                                    absl::UnavailableError("flapping")});
  }
  EventStream stream(connection_, Options());
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(stream.Send(Batch(1)).ok());
  ASSERT_TRUE(stream.Finish().ok());
  EXPECT_EQ(stream.totals().accepted, 12);
}

TEST_F(EventStreamTest, Finish_OrderlyEndWithBatchesUnansweredIsABreak) {
  connection_->streams.push_back({[](const auto&, auto*) { return false; }, absl::OkStatus()});
  EventStream stream(connection_, Options());
  ASSERT_TRUE(stream.Send(Batch(1)).ok());
  ASSERT_TRUE(stream.Finish().ok());
  EXPECT_EQ(stream.totals().accepted, 1);
  EXPECT_EQ(stream.totals().reconnections, 1);
}

TEST_F(EventStreamTest, Finish_SilentServerCountsAsBroken) {
  connection_->streams.push_back({[](const auto&, auto*) { return true; }});  // Takes all, answers nothing.
  EventStreamOptions options = Options();
  options.answer_timeout = absl::Milliseconds(1);
  options.retry.attempts_max = 1'000'000;  // A busy machine can be silent for so long too.
  EventStream stream(connection_, options);
  ASSERT_TRUE(stream.Send(Batch(1)).ok());
  ASSERT_TRUE(stream.Finish().ok());
  EXPECT_EQ(stream.totals().accepted, 1);
  EXPECT_GE(connection_->streams_opened, 2);
}

TEST_F(EventStreamTest, TakeAnswer_AnswersToUnknownBatchesAreIgnored) {
  connection_->streams.push_back({[](const auto& batch, auto* answers) {
    v1::RecordEventsResponse stray = AcceptAll(batch);
    stray.set_batch_id(999);
    answers->push_back(stray);
    answers->push_back(AcceptAll(batch));
    answers->push_back(AcceptAll(batch));
    return true;
  }});
  EventStream stream(connection_, Options());
  ASSERT_TRUE(stream.Send(Batch(1)).ok());
  ASSERT_TRUE(stream.Finish().ok());
  EXPECT_EQ(stream.totals().accepted, 1);
}

// An answer that was counted before its callback had run left Drain waiting for the next one until the time-out.
TEST_F(EventStreamTest, Drain_NoticesAnAnswerWhoseCallbackIsSlow) {
  EventStream stream(connection_, Options(), [](const BatchAnswer&) {
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
  });
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(stream.Send(Batch(1)).ok());
    ASSERT_TRUE(stream.Drain().ok());
    ASSERT_EQ(stream.totals().reconnections, 0);
  }
  ASSERT_TRUE(stream.Finish().ok());
}

TEST_F(EventStreamTest, Destructor_CancelsWhatWasNotFinished) {
  connection_->streams.push_back({[](const auto&, auto*) { return true; }});
  EventStream stream(connection_, Options());
  ASSERT_TRUE(stream.Send(Batch(1)).ok());
}

}  // namespace
}  // namespace retention
