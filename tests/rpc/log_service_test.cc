#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "retention/v1/log_service.pb.h"
#include "server/logs/log_intake.h"
#include "server/rpc/batch_stream.h"
#include "tests/engine/harness.h"
#include "tests/logs/log_fixture.h"
#include "tests/rpc/held_committer.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

v1::AppendLogsRequest BatchOf(uint64_t id, int lines, const std::string& text = "line") {
  v1::AppendLogsRequest request;
  request.set_batch_id(id);
  for (int i = 0; i < lines; ++i) *request.add_lines() = Line(kMcu, kMonday, text);
  return request;
}

std::unique_ptr<CallerStream> OpenAppend(RunningServer& server) {
  return server.caller().Open("/retention.v1.LogService/AppendLogs");
}

CallEnd Read(RunningServer& server, v1::ReadLogsResponse& page, const v1::ReadLogsRequest& request = {}) {
  return server.Call("/retention.v1.LogService/ReadLogs", request, &page);
}

CallEnd ExtendRetention(RunningServer& server, const v1::ExtendLogRetentionRequest& request,
                        v1::ExtendLogRetentionResponse* response = nullptr) {
  return server.Call("/retention.v1.LogService/ExtendLogRetention", request, response);
}

TEST(AppendLogs, BatchesAreAnsweredInOrderUnderTheirIds_AndRead) {
  RunningServer server;
  auto stream = OpenAppend(server);
  for (uint64_t id = 1; id <= 10; ++id) ASSERT_TRUE(stream->Write(BatchOf(id * 3, 2)));
  for (uint64_t id = 1; id <= 10; ++id) {
    v1::AppendLogsResponse answer;
    ASSERT_TRUE(stream->Read(answer));
    EXPECT_EQ(answer.batch_id(), id * 3);
    EXPECT_EQ(answer.accepted(), 2u);
  }
  stream->WritesDone();
  v1::AppendLogsResponse answer;
  EXPECT_FALSE(stream->Read(answer));
  EXPECT_TRUE(stream->Finish().ok());
  v1::ReadLogsResponse page;
  EXPECT_TRUE(Read(server, page).ok());
  EXPECT_EQ(page.lines_size(), 20);
}

TEST(AppendLogs, AFlawedLineIsRejectedByItself) {
  RunningServer server;
  auto stream = OpenAppend(server);
  auto batch = BatchOf(1, 2);
  batch.mutable_lines(0)->set_text(std::string(kMaxLogTextBytes + 1, 'x'));
  ASSERT_TRUE(stream->Write(batch));
  v1::AppendLogsResponse answer;
  ASSERT_TRUE(stream->Read(answer));
  EXPECT_EQ(answer.accepted(), 1u);
  ASSERT_EQ(answer.rejections_size(), 1);
  EXPECT_EQ(answer.rejections(0).field(), "text");
}

TEST(AppendLogs, ABatchOverALimitEndsTheStreamAfterTheAnswersBeforeIt) {
  RunningServer server;
  const std::vector<std::pair<std::string, std::string>> flawed{
      {BatchOf(2, 0).SerializeAsString(), "INVALID_ARGUMENT INVALID_FIELD lines"},
      {BatchOf(2, kMaxLogBatchLines + 1, "").SerializeAsString(), "INVALID_ARGUMENT INVALID_FIELD lines"},
      {BatchOf(2, 600, std::string(8000, 'x')).SerializeAsString(), "INVALID_ARGUMENT INVALID_FIELD lines"},
      {"\xff", "INVALID_ARGUMENT MALFORMED_MESSAGE"}};
  for (const auto& [bytes, expected] : flawed) {
    auto stream = OpenAppend(server);
    ASSERT_TRUE(stream->Write(BatchOf(1, 1)));
    ASSERT_TRUE(stream->Write(bytes));
    v1::AppendLogsResponse answer;
    ASSERT_TRUE(stream->Read(answer));
    EXPECT_EQ(answer.batch_id(), 1u);
    ASSERT_FALSE(stream->Read(answer));
    EXPECT_EQ(stream->Finish().Summary(), expected);
  }
}

TEST(AppendLogs, AFullQueueEndsTheStreamWithRetryInfo_AndTakesEventsAllTheSame) {
  RunningServer server;
  server.SyncPbx();
  Committer& committer = server.server().committer();
  HeldCommitter held(committer);
  auto stream = OpenAppend(server);
  for (uint64_t id = 1; id <= Committer::kMaxQueuedLines / kMaxLogBatchLines; ++id) {
    ASSERT_TRUE(stream->Write(BatchOf(id, kMaxLogBatchLines)));
  }
  AwaitTrue([&] { return committer.queued_lines() == Committer::kMaxQueuedLines; });
  auto second = OpenAppend(server);
  ASSERT_TRUE(second->Write(BatchOf(1, 1)));
  v1::AppendLogsResponse answer;
  ASSERT_FALSE(second->Read(answer));
  const CallEnd end = second->Finish();
  EXPECT_EQ(end.Summary(), "RESOURCE_EXHAUSTED QUEUE_FULL");
  EXPECT_TRUE(end.retry_delay.has_value());
  auto events = server.Record();
  v1::RecordEventsRequest batch;
  batch.set_batch_id(1);
  *batch.add_events() = Started("meeting", "e", kMonday);
  ASSERT_TRUE(events->Write(batch));
  AwaitTrue([&] { return committer.queued_events() == 1; });
  held.Release();
  v1::RecordEventsResponse recorded;
  ASSERT_TRUE(events->Read(recorded));
  EXPECT_EQ(recorded.result().accepted(), 1u);
  for (uint64_t id = 1; id <= Committer::kMaxQueuedLines / kMaxLogBatchLines; ++id) {
    ASSERT_TRUE(stream->Read(answer));
    EXPECT_EQ(answer.accepted(), static_cast<uint32_t>(kMaxLogBatchLines));
  }
}

TEST(AppendLogs, DrainsWhenTheServerShutsDown) {
  RunningServer server;
  auto stream = OpenAppend(server);
  ASSERT_TRUE(stream->Write(BatchOf(1, 1)));
  v1::AppendLogsResponse answer;
  ASSERT_TRUE(stream->Read(answer));
  server.server().Shutdown(absl::Seconds(60));
  ASSERT_FALSE(stream->Read(answer));
  EXPECT_EQ(stream->Finish().Summary(), "UNAVAILABLE SHUTTING_DOWN");
}

TEST(LogService, AnExtensionIsInForceListedAndEndsByItself) {
  RunningServer server;
  auto stream = OpenAppend(server);
  ASSERT_TRUE(stream->Write(BatchOf(1, 3)));
  v1::AppendLogsResponse answer;
  ASSERT_TRUE(stream->Read(answer));
  v1::ExtendLogRetentionResponse extended;
  ASSERT_TRUE(ExtendRetention(server, ExtensionUntil(kMcu, "2026-03-20", "why"), &extended).ok());
  EXPECT_EQ(extended.extension().reason(), "why");
  EXPECT_EQ(extended.extension().until().day(), 20);
  EXPECT_EQ(extended.extension().create_time().seconds(), absl::ToUnixSeconds(kMonday));
  v1::ListLogExtensionsResponse listed;
  const std::string list = "/retention.v1.LogService/ListLogExtensions";
  ASSERT_TRUE(server.Call(list, v1::ListLogExtensionsRequest(), &listed).ok());
  EXPECT_EQ(listed.extensions_size(), 1);
  server.AdvanceTo(At("2026-03-20T12:00:00+01:00"));
  v1::ReadLogsResponse page;
  ASSERT_TRUE(Read(server, page).ok());
  EXPECT_EQ(page.lines_size(), 3);
  server.AdvanceTo(At("2026-03-21T00:00:00+01:00"));
  ASSERT_TRUE(Read(server, page).ok());
  EXPECT_EQ(page.lines_size(), 0);
  ASSERT_TRUE(server.Call(list, v1::ListLogExtensionsRequest(), &listed).ok());
  EXPECT_EQ(listed.extensions_size(), 0);
}

TEST(LogService, RefusesNamingTheField) {
  RunningServer server;
  EXPECT_EQ(ExtendRetention(server, ExtensionUntil(v1::LOG_SERVER_UNSPECIFIED, "2026-03-20")).Summary(),
            "INVALID_ARGUMENT INVALID_FIELD server");
  EXPECT_EQ(ExtendRetention(server, ExtensionUntil(kMcu, "2999-03-20")).Summary(),
            "INVALID_ARGUMENT INVALID_FIELD until");
  EXPECT_EQ(ExtendRetention(server, ExtensionUntil(kMcu, "2026-03-20", "")).Summary(),
            "INVALID_ARGUMENT INVALID_FIELD reason");
  v1::ReadLogsRequest request;
  request.set_page_token("?");
  v1::ReadLogsResponse page;
  EXPECT_EQ(Read(server, page, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD page_token");
  EXPECT_EQ(server.Health("retention.v1.LogService"), 1);
}

}  // namespace
}  // namespace retention
