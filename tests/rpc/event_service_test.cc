#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/meetings/meeting_view.h"
#include "server/recording/event_intake.h"
#include "tests/engine/harness.h"
#include "tests/rpc/running_server.h"

namespace retention {
namespace {

constexpr char kBatch[] = "/retention.v1.EventService/BatchRecordEvents";

TEST(BatchRecordEvents, AcceptsOnceAndCountsTheRestAsDuplicates) {
  RunningServer server;
  server.SyncPbx();
  const auto joined = Joined("meeting", "e1", kMonday, "p1", "Ada");
  const auto left = Left("meeting", "e2", kMonday, "p1");
  v1::RecordResult result = server.Batch({joined, left, joined});
  EXPECT_EQ(result.accepted(), 2u);
  EXPECT_EQ(result.duplicates(), 1u);
  result = server.Batch({joined, left});
  EXPECT_EQ(result.accepted(), 0u);
  EXPECT_EQ(result.duplicates(), 2u);
  EXPECT_EQ(result.rejections_size(), 0);
}

TEST(BatchRecordEvents, NamesThePbxThatIsUnknownAndTakesAnyRoom) {
  RunningServer server;
  const auto shared = Pdf("nowhere", "e1", kMonday, "ref");
  const auto joined = Joined("nowhere", "e2", kMonday, "p1");
  v1::RecordResult result = server.Batch({shared, joined});
  ASSERT_EQ(result.rejections_size(), 2);
  EXPECT_EQ(result.rejections(0).reason(), v1::REJECTION_REASON_PBX_UNKNOWN);
  EXPECT_FALSE(result.rejections(0).retryable()) << "its object was ordered erased";
  EXPECT_EQ(result.objects_ordered_away(), 1u);
  EXPECT_EQ(result.rejections(1).reason(), v1::REJECTION_REASON_PBX_UNKNOWN);
  EXPECT_TRUE(result.rejections(1).retryable());
  server.SyncPbx();
  EXPECT_EQ(server.Batch({joined}).accepted(), 1u);
}

struct Flaw {
  const char* field;
  v1::RejectionReason reason;
  std::function<void(v1::Event&)> plant;
};

TEST(BatchRecordEvents, EveryFlawIsRejectedByItselfWithItsFieldAndWithoutItsValue) {
  const auto invalid = v1::REJECTION_REASON_INVALID_FIELD;
  const std::string value = "se cret";
  const Flaw flaws[] = {
      {"event_id", invalid, [](auto& e) { e.clear_event_id(); }},
      {"pbx_id", invalid, [&](auto& e) { e.set_pbx_id(value); }},
      {"meeting_id", invalid, [](auto& e) { e.set_meeting_id(std::string(kMaxIdentifierBytes + 1, 'm')); }},
      {"time", invalid, [](auto& e) { e.clear_time(); }},
      {"time", invalid, [](auto& e) { e.mutable_time()->set_nanos(-1); }},
      {"time", v1::REJECTION_REASON_FROM_FUTURE,
       [](auto& e) { SetTime(absl::ToUnixMicros(kMonday + kMaxAhead) + 1, *e.mutable_time()); }},
      {"payload", invalid, [](auto& e) { e.clear_payload(); }},
      {"participant_joined.participant_id", invalid,
       [](auto& e) { e.mutable_participant_joined()->clear_participant_id(); }},
      {"occurrence_id", invalid, [&](auto& e) { e.set_occurrence_id(value); }},
      {"extension_id", invalid, [&](auto& e) { e.set_extension_id(value); }},
      {"join_failed.cause", invalid, [](auto& e) { e.mutable_join_failed()->set_participant_id("p1"); }},
      {"participant_uninvited.participant_id", invalid, [](auto& e) { e.mutable_participant_uninvited(); }},
      {"pbx_synced.controller_id", invalid,
       [&](auto& e) {
         e.clear_meeting_id();
         e.mutable_pbx_synced()->set_controller_id(value);
       }},
      {"media_quality_sampled.loss_ppm", invalid,
       [](auto& e) {
         e.mutable_media_quality_sampled()->set_participant_id("p1");
         e.mutable_media_quality_sampled()->set_loss_ppm(kMaxPpm + 1);
       }},
  };
  RunningServer server;
  server.SyncPbx();
  std::vector<v1::Event> events;
  for (const Flaw& flaw : flaws) {
    events.push_back(Joined("meeting", absl::StrCat("flawed", events.size()), kMonday, "p1"));
    flaw.plant(events.back());
  }
  events.push_back(Joined("meeting", "sound", kMonday, "p1"));
  const v1::RecordResult result = server.Batch(events);
  EXPECT_EQ(result.accepted(), 1u);
  ASSERT_EQ(result.rejections_size(), static_cast<int>(std::size(flaws)));
  for (size_t i = 0; i < std::size(flaws); ++i) {
    const v1::Rejection& rejection = result.rejections(static_cast<int>(i));
    EXPECT_EQ(rejection.index(), i);
    EXPECT_EQ(rejection.reason(), flaws[i].reason) << flaws[i].field;
    EXPECT_EQ(rejection.field(), flaws[i].field);
    EXPECT_NE(rejection.description(), "");
    EXPECT_EQ(rejection.description().find(value), std::string::npos);
  }
}

TEST(BatchRecordEvents, AFlawedValueIsRejectedByItselfWithItsFieldAndWithoutIt) {
  const std::string value = "se cret";
  const std::pair<const char*, std::function<void(v1::ParticipantJoined&)>> flaws[] = {
      {"participant_joined.name", [](auto& joined) { joined.set_name(std::string(kMaxNameBytes + 1, 'n')); }},
      {"participant_joined.email", [&](auto& joined) { joined.set_email(value); }},
      {"participant_joined.ip", [&](auto& joined) { joined.set_ip(value); }},
      {"participant_joined.client_kind", [&](auto& joined) { joined.set_client_kind(value); }},
      {"participant_joined.media_site", [&](auto& joined) { joined.set_media_site(value); }},
  };
  RunningServer server;
  server.SyncPbx();
  std::vector<v1::Event> events;
  for (const auto& [field, plant] : flaws) {
    events.push_back(Joined("meeting", absl::StrCat("flawed", events.size()), kMonday, "p1"));
    plant(*events.back().mutable_participant_joined());
  }
  const v1::RecordResult result = server.Batch(events);
  EXPECT_EQ(result.accepted(), std::size(flaws));
  EXPECT_EQ(result.rejections_size(), 0);
  ASSERT_EQ(result.value_rejections_size(), static_cast<int>(std::size(flaws)));
  for (size_t i = 0; i < std::size(flaws); ++i) {
    const v1::Rejection& rejection = result.value_rejections(static_cast<int>(i));
    EXPECT_EQ(rejection.index(), i);
    EXPECT_EQ(rejection.field(), flaws[i].first);
    EXPECT_EQ(rejection.description().find(value), std::string::npos);
  }
}

TEST(BatchRecordEvents, TheLastMomentThatIsNotTheFutureIsTaken) {
  RunningServer server;
  server.SyncPbx();
  EXPECT_EQ(server.Batch({Joined("meeting", "e1", kMonday + kMaxAhead, "p1")}).accepted(), 1u);
}

TEST(BatchRecordEvents, ABatchOverALimitIsRefusedWhole) {
  RunningServer server;
  server.SyncPbx();
  v1::BatchRecordEventsRequest request;
  CallEnd end = server.Call(kBatch, request);
  EXPECT_EQ(end.Summary(), "INVALID_ARGUMENT INVALID_FIELD events");
  EXPECT_EQ(end.domain, "retention.v1");
  for (int i = 0; i <= kMaxBatchEvents; ++i) {
    *request.add_events() = Joined("meeting", absl::StrCat("e", i), kMonday, "p1");
  }
  EXPECT_EQ(server.Call(kBatch, request).Summary(), "INVALID_ARGUMENT INVALID_FIELD events");
  request.mutable_events()->RemoveLast();
  EXPECT_TRUE(server.Call(kBatch, request).ok());

  v1::BatchRecordEventsRequest large;
  *large.add_events() = Joined("meeting", "large", kMonday, "p1", std::string(kMaxBatchBytes, 'n'));
  EXPECT_EQ(server.Call(kBatch, large).Summary(), "INVALID_ARGUMENT INVALID_FIELD events");
}

TEST(BatchRecordEvents, WhatIsNotAMessageGetsATypedError) {
  RunningServer server;
  EXPECT_EQ(server.caller().CallBytes(kBatch, "\xff\xff\xff", nullptr).Summary(), "INVALID_ARGUMENT MALFORMED_MESSAGE");
  // events { event_id: an octet that is no UTF-8 }
  EXPECT_EQ(server.caller().CallBytes(kBatch, "\x0a\x03\x0a\x01\xff", nullptr).Summary(),
            "INVALID_ARGUMENT MALFORMED_MESSAGE");
}

}  // namespace
}  // namespace retention
