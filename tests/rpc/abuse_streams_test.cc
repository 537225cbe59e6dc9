// Peers whose streams say nothing, send half, or take no answers; and what that may take of the server.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/pbx_service.pb.h"
#include "retention/v1/retention_service.pb.h"
#include "server/rpc/batch_stream.h"
#include "server/rpc/wire.h"
#include "tests/engine/harness.h"
#include "tests/rpc/held_committer.h"
#include "tests/rpc/raw_peer.h"
#include "tests/rpc/rejected_batch.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

constexpr char kRecord[] = "/retention.v1.EventService/RecordEvents";

bool AnswersPolicy(Caller& caller) {
  return caller.Call("/retention.v1.RetentionService/GetPolicy", v1::GetPolicyRequest()).ok();
}

// A server that is reached over loopback by abusers, and by a Unix socket by the portal, which is another peer.
class AbuseStreams : public ::testing::Test {
 protected:
  void Start(const std::function<void(RpcLimits&)>& edit = {}) {
    const std::string socket = "unix:" + (directory_ / "socket").string();
    server_.emplace([&](ServerOptions& options) {
      options.listen_addresses.push_back(socket);
      if (edit) edit(options.limits);
    });
    server_->SyncPbx();
    portal_.emplace(socket);
  }
  size_t held() { return server_->server().endpoint().held_bytes(); }
  void ExpectPortalGoesOn() {
    EXPECT_TRUE(AnswersPolicy(*portal_));
    v1::BatchRecordEventsRequest request;
    *request.add_events() = Joined("portals", absl::StrCat("p", ++recorded_), kMonday, "p1");
    EXPECT_TRUE(portal_->Call("/retention.v1.EventService/BatchRecordEvents", request).ok());
  }

  const FreshDirectory directory_;
  std::optional<RunningServer> server_;
  std::optional<Caller> portal_;
  int recorded_ = 0;
};

TEST_F(AbuseStreams, OnWhichNothingComesEnd) {
  Start([](RpcLimits& limits) {
    limits.streams.idle = absl::Milliseconds(20);
    limits.streams.look_interval = absl::Milliseconds(5);
  });
  for (const char* method : {kRecord, "/retention.v1.LogService/AppendLogs"}) {
    auto stream = server_->caller().Open(method);
    std::string response;
    EXPECT_FALSE(stream->Read(response));
    EXPECT_EQ(stream->Finish().Summary(), "UNAVAILABLE STREAM_IDLE");
  }
  // Nor does a message that never comes to its end keep one.
  RawPeer half(server_->server().address());
  ASSERT_TRUE(half.Send(Preface() + CallHeaders(1, kRecord) + Frame(0, 0, 1, MessageBegin(1 << 20, "begun"))));
  half.AwaitText("nothing came for so long");
  ExpectPortalGoesOn();
}

TEST_F(AbuseStreams, WithABatchThatIsNotAnsweredDoNotEndAsIdle) {
  Start([](RpcLimits& limits) {
    limits.streams.idle = absl::Milliseconds(500);
    limits.streams.look_interval = absl::Milliseconds(5);
  });
  HeldCommitter held_up(server_->server().committer());
  v1::RecordEventsRequest batch;
  *batch.add_events() = Joined("meeting", "e1", kMonday, "p1");
  auto stream = server_->Record();
  ASSERT_TRUE(stream->Write(batch));
  AwaitTrue([&] { return held() > 0; });
  // One that came later has ended meanwhile.
  auto later = server_->Record();
  v1::RecordEventsResponse response;
  EXPECT_FALSE(later->Read(response));
  held_up.Release();
  EXPECT_TRUE(stream->Read(response));
}

TEST_F(AbuseStreams, OfOnePeerLeaveRoomForThoseOfAnother) {
  Start([](RpcLimits& limits) { limits.streams = {.in_all = 6, .per_peer = 4}; });
  std::vector<std::unique_ptr<CallerStream>> streams;
  v1::RecordEventsRequest batch;
  *batch.add_events() = Joined("meeting", "e1", kMonday, "p1");
  v1::RecordEventsResponse response;
  for (int i = 0; i < 4; ++i) {
    streams.push_back(server_->Record());
    ASSERT_TRUE(streams.back()->Write(batch) && streams.back()->Read(response));
  }
  auto refused = server_->Record();
  EXPECT_FALSE(refused->Read(response));
  EXPECT_EQ(refused->Finish().Summary(), "RESOURCE_EXHAUSTED TOO_MANY_STREAMS");
  auto portals = portal_->Open(kRecord);
  EXPECT_TRUE(portals->Write(batch) && portals->Read(response));
}

TEST_F(AbuseStreams, ThatNeverReadHoldTheirAnswersAndNothingElse) {
  Start();
  constexpr size_t kStreams = 16;
  const v1::RecordEventsRequest batch = RejectedBatch(kMaxBatchEvents, 1000);
  v1::RecordEventsResponse answer;
  auto portals = portal_->Open(kRecord);
  ASSERT_TRUE(portals->Write(batch) && portals->Read(answer));
  const size_t answers = BatchStream::kMaxUnanswered * answer.ByteSizeLong();
  ASSERT_LT(answers, batch.ByteSizeLong());
  AwaitTrue([&] { return held() == 0; });
  const size_t before = ResidentBytes();
  std::vector<std::unique_ptr<CallerStream>> streams;
  for (size_t i = 0; i < kStreams; ++i) {
    const size_t held_before = held();
    HeldCommitter held_up(server_->server().committer());
    streams.push_back(server_->Record());
    for (size_t j = 0; j < BatchStream::kMaxUnanswered; ++j) ASSERT_TRUE(streams.back()->Write(batch));
    AwaitTrue(
        [&] { return server_->server().committer().queued_events() == BatchStream::kMaxUnanswered * kMaxBatchEvents; });
    EXPECT_GT(held(), held_before + BatchStream::kMaxUnanswered * batch.ByteSizeLong());
    held_up.Release();
    // Any one that were not dead would hold more.
    AwaitTrue([&] { return held() <= held_before + answers; });
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(held(), kStreams * answers / 2);
  EXPECT_LT(ResidentBytes() - before, 160u << 20);
  ExpectPortalGoesOn();
  streams.clear();
  AwaitTrue([&] { return held() == 0; });
}

TEST_F(AbuseStreams, WhoseAnswersAreNotTakenAreBrokenOff) {
  Start([](RpcLimits& limits) {
    limits.streams.unread = absl::Milliseconds(20);
    limits.streams.look_interval = absl::Milliseconds(5);
  });
  const v1::RecordEventsRequest batch = RejectedBatch(kMaxBatchEvents, 0);
  auto stream = server_->Record();
  // Nothing is read once enough is unanswered: what is written then waits until the end.
  while (stream->Write(batch)) {
  }
  v1::RecordEventsResponse response;
  while (stream->Read(response)) {
  }
  EXPECT_EQ(stream->Finish().code, absl::StatusCode::kCancelled);
  AwaitTrue([&] { return held() == 0; });
  ExpectPortalGoesOn();
}

TEST_F(AbuseStreams, APeerWhoseShareOfMemoryIsFullIsRefusedAndNobodyElse) {
  constexpr size_t kShare = 2u << 20;
  Start([](RpcLimits& limits) { limits.bytes = {.in_all = 4 * kShare, .per_peer = kShare}; });
  const Committer& committer = server_->server().committer();
  const v1::RecordEventsRequest batch = RejectedBatch(100, 1000);
  auto stream = server_->Record();
  auto portals = portal_->Open(kRecord);
  size_t taken = 0;
  v1::RecordEventsResponse response;
  {
    HeldCommitter held_up(server_->server().committer());
    do {
      ASSERT_TRUE(stream->Write(batch));
      ++taken;
      AwaitTrue([&] { return committer.queued_events() == 100 * taken; });
      if (HasFatalFailure()) return;
    } while (held() + batch.ByteSizeLong() * ByteLimits::kParsedFactor <= kShare);
    EXPECT_LE(held(), kShare);

    v1::BatchRecordEventsRequest request;
    *request.mutable_events() = batch.events();
    const CallEnd end = server_->Call("/retention.v1.EventService/BatchRecordEvents", request);
    EXPECT_EQ(end.Summary(), "RESOURCE_EXHAUSTED MEMORY_FULL");
    EXPECT_EQ(end.retry_delay, ByteLimits::kRetryDelay);
    auto another = server_->Record();
    EXPECT_TRUE(another->Write(batch));
    EXPECT_FALSE(another->Read(response));
    EXPECT_EQ(another->Finish().Summary(), "RESOURCE_EXHAUSTED MEMORY_FULL");

    EXPECT_TRUE(AnswersPolicy(*portal_));
    ASSERT_TRUE(portals->Write(batch));
    AwaitTrue([&] { return committer.queued_events() == 100 * (taken + 1); });
  }
  EXPECT_TRUE(portals->Read(response));
  // What was taken in is answered; then what is more than the whole share ends the stream.
  EXPECT_TRUE(stream->Write(RejectedBatch(300, 1000)));
  for (; taken > 0; --taken) EXPECT_TRUE(stream->Read(response));
  EXPECT_FALSE(stream->Read(response));
  EXPECT_EQ(stream->Finish().Summary(), "RESOURCE_EXHAUSTED MEMORY_FULL");
  AwaitTrue([&] { return held() == 0; });
  ExpectPortalGoesOn();
}

TEST_F(AbuseStreams, RequestsAreMeasuredBeforeTheyAreParsed) {
  Start();
  v1::GetMeetingRequest large;
  large.set_meeting_id(std::string(65 << 10, 'm'));
  EXPECT_EQ(server_->Call("/retention.v1.MeetingService/GetMeeting", large).Summary(),
            "INVALID_ARGUMENT REQUEST_TOO_LARGE");
  v1::SyncPbxRequest bomb;
  for (size_t i = 0; i <= kMaxParts; ++i) bomb.add_extensions();
  EXPECT_EQ(server_->Call("/retention.v1.PbxService/SyncPbx", bomb).Summary(), "INVALID_ARGUMENT TOO_MANY_PARTS");
  // Of a field that nobody knows, and of groups, the same.
  std::string unknown;
  for (size_t i = 0; i <= kMaxParts; ++i) unknown += "\xf8\x7f\x01";
  EXPECT_EQ(server_->caller().CallBytes("/retention.v1.PbxService/SyncPbx", unknown, nullptr).Summary(),
            "INVALID_ARGUMENT TOO_MANY_PARTS");
  EXPECT_EQ(server_->caller().CallBytes("/retention.v1.PbxService/SyncPbx", std::string(1 << 20, '\x0b'), nullptr).code,
            absl::StatusCode::kInvalidArgument);
  ExpectPortalGoesOn();
}

// Some KiB that would be many MiB: nothing is inflated, whoever is called.
TEST_F(AbuseStreams, OrCallsWhoseMessagesAreCompressedAreRefused) {
  Start();
  constexpr size_t kInflated = 48u << 20;
  const std::string message = MessageOfZeros(kInflated);
  ASSERT_LT(message.size(), 60'000u) << "more than the window of a stream at first";
  const std::string unknown = "/retention.v1.EventService/NoSuchMethod";
  for (const std::string& method : {std::string(kRecord), std::string("/retention.v1.PbxService/SyncPbx"), unknown}) {
    for (const std::string encoding : {"gzip", "deflate"}) {
      ForgetPeak();
      const size_t before = ResidentBytes();
      RawPeer peer(server_->server().address());
      std::string sent = Preface() + CallHeaders(1, method, encoding);
      for (size_t at = 0; at < message.size(); at += 16'000) sent += Frame(0, 0, 1, message.substr(at, 16'000));
      ASSERT_TRUE(peer.Send(sent + Frame(0, 1, 1, "")));
      std::string heard;
      peer.AwaitText("grpc-status", &heard);
      EXPECT_NE(heard.find("grpc-status\00212"), std::string::npos) << method << " is not UNIMPLEMENTED";
      EXPECT_LT(PeakBytes(), before + kInflated / 2) << method;
    }
  }
  ExpectPortalGoesOn();
}

TEST_F(AbuseStreams, OrCallsThatLookAtMuchAreForEachCallerSoManyInATime) {
  Start([](RpcLimits& limits) { limits.rates.expensive = {.per_second = 1e-3, .burst = 3}; });
  constexpr char kDueDays[] = "/retention.v1.RetentionService/ListDueDays";
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(server_->Call(kDueDays, v1::ListDueDaysRequest()).ok()) << i;
  const auto refused = server_->Call(kDueDays, v1::ListDueDaysRequest());
  EXPECT_EQ(refused.code, absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.reason, "RATE_EXCEEDED");
  ASSERT_TRUE(refused.retry_delay.has_value());
  EXPECT_GT(*refused.retry_delay, absl::ZeroDuration());
  EXPECT_TRUE(portal_->Call(kDueDays, v1::ListDueDaysRequest()).ok());
  ExpectPortalGoesOn();
}

// gRPC looks at the length of a message only when all of it has come: who never sends the end is hung up on.
TEST_F(AbuseStreams, OrCallsWhoseMessageNeverComesToItsEndTakeSoMuchAndNoMore) {
  Start([](RpcLimits& limits) { limits.connections.unfinished_of_connection = 32 << 10; });
  const Endpoint& endpoint = server_->server().endpoint();
  for (const char* method : {kRecord, "/retention.v1.PbxService/SyncPbx"}) {
    const uint64_t ended = endpoint.ended_connections();
    RawPeer half(server_->server().address());
    ASSERT_TRUE(half.Send(Preface() + CallHeaders(1, method) + Frame(0, 0, 1, MessageBegin(1u << 31, ""))));
    for (int i = 0; i < 3; ++i) half.Send(Frame(0, 0, 1, std::string(16'000, '\n')));
    half.AwaitEnd();
    AwaitTrue([&] { return endpoint.ended_connections() > ended; });
  }
  ExpectPortalGoesOn();
}

TEST_F(AbuseStreams, OrCallsWhoseMessagesAreWholeAreNotCounted) {
  Start([](RpcLimits& limits) {
    limits.connections.unfinished_of_connection = 32 << 10;
    limits.connections.unfinished_of_peer = 48 << 10;
    limits.connections.unfinished_in_all = 64 << 10;
  });
  v1::GetMeetingRequest request;
  request.set_meeting_id(std::string(8 << 10, 'm'));
  v1::RecordEventsRequest batch;
  *batch.add_events() = Joined("meeting", "e1", kMonday, "p1", std::string(200, 'n'));
  auto stream = server_->Record();
  v1::RecordEventsResponse response;
  for (int i = 0; i < 200; ++i) {
    EXPECT_NE(server_->Call("/retention.v1.MeetingService/GetMeeting", request).code, absl::StatusCode::kUnavailable);
    ASSERT_TRUE(stream->Write(batch) && stream->Read(response));
  }
  EXPECT_EQ(server_->server().endpoint().ended_connections(), 0u);
}

// Frames that are none, streams that are reset as soon as they are opened, header fields with line breaks.
TEST_F(AbuseStreams, OfNonsenseDoNoHarm) {
  Start();
  const std::string address = server_->server().address();
  RawPeer noise(address);
  noise.Send(std::string(1 << 16, '\xff'));
  noise.AwaitEnd();
  for (uint8_t type = 0; type < 12; ++type) {
    RawPeer frames(address);
    frames.Send(Preface() + Frame(type, 0xff, 1, std::string(32, '\xa5')) + Frame(type, 0, 0, "") +
                Frame(0xee, 0, 0x7fffffff, "x"));
  }
  RawPeer injected(address);
  injected.Send(Preface() + CallHeaders(1, "/retention.v1.RetentionService/GetPolicy\r\nx-role: operator\r\n") +
                Frame(0, 1, 1, MessageBegin(0, "")));
  {
    RawPeer resets(address);
    std::string storm = Preface();
    for (uint32_t stream = 1; stream < 10'000; stream += 2) {
      storm +=
          CallHeaders(stream, "/retention.v1.RetentionService/GetPolicy") + Frame(3, 0, stream, std::string(4, '\0'));
    }
    resets.Send(storm);
  }
  ExpectPortalGoesOn();
  EXPECT_TRUE(AnswersPolicy(server_->caller()));
  AwaitTrue([&] { return held() == 0; });
}

}  // namespace
}  // namespace retention
