#include "server/recording/event_intake.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "tests/engine/harness.h"

namespace retention {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1772445600);  // 2026-03-02T10:00:00Z

// The field that an event is rejected for; "accepted" if it is not.
std::string Rejected(const v1::Event& event) {
  const auto rejection = CheckEvent(event, kNow);
  return rejection.has_value() ? rejection->field() : "accepted";
}

v1::Event Join(const std::function<void(v1::Event&)>& edit) {
  v1::Event event = Joined("m", "e", kNow, "p", "Ada", "ada@example.org", "192.0.2.1");
  edit(event);
  return event;
}

TEST(EventIntake, AcceptsWhatIsWhole) {
  EXPECT_EQ(Rejected(Join([](v1::Event&) {})), "accepted");
}

TEST(EventIntake, NamesTheFieldAtFault) {
  EXPECT_EQ(Rejected(Join([](v1::Event& e) { e.clear_event_id(); })), "event_id");
  EXPECT_EQ(Rejected(Join([](v1::Event& e) { e.set_event_id("a b"); })), "event_id");
  EXPECT_EQ(Rejected(Join([](v1::Event& e) { e.set_pbx_id(std::string(129, 'x')); })), "pbx_id");
  EXPECT_EQ(Rejected(Join([](v1::Event& e) { e.clear_meeting_id(); })), "meeting_id");
  EXPECT_EQ(Rejected(Join([](v1::Event& e) { e.clear_time(); })), "time");
  EXPECT_EQ(Rejected(Join([](v1::Event& e) { e.mutable_time()->set_nanos(-1); })), "time");
  EXPECT_EQ(Rejected(Join([](v1::Event& e) { e.clear_payload(); })), "payload");
  EXPECT_EQ(Rejected(Join([](v1::Event& e) { e.mutable_participant_joined()->clear_participant_id(); })),
            "participant_joined.participant_id");
  EXPECT_EQ(Rejected(Join([](v1::Event& e) { e.mutable_participant_joined()->set_name(std::string(257, 'n')); })),
            "participant_joined.name");
  EXPECT_EQ(Rejected(Join([](v1::Event& e) { e.mutable_participant_joined()->set_extension("12a"); })),
            "participant_joined.extension");
}

TEST(EventIntake, NoIdentifierThatThePortalChoosesForAThingIsAnAddress) {
  const std::string address = "ada@example.org";
  v1::Event poll = NewEvent("m", "e", kNow);
  poll.mutable_poll_created()->set_poll_id(address);
  poll.mutable_poll_created()->set_owner_extension("100");
  v1::Event answer = NewEvent("m", "e", kNow);
  answer.mutable_poll_answered()->set_poll_id(address);
  v1::Event deletion = NewEvent("m", "e", kNow);
  deletion.mutable_poll_deleted()->set_poll_id(address);
  v1::Event elsewhere = poll;
  elsewhere.mutable_poll_created()->set_poll_id("lunch");
  elsewhere.set_meeting_id(address);
  v1::Event recording = Recording("m", "e", kNow, "ref");
  recording.mutable_recording_created()->set_recording_id(address);
  v1::Event file = File("m", "e", kNow, "ref");
  file.mutable_file_shared()->set_file_id(address);
  v1::Event pdf = Pdf("m", "e", kNow, "ref");
  pdf.mutable_pdf_shared()->set_pdf_id(address);
  const std::pair<v1::Event, const char*> events[] = {
      {Join([&](v1::Event& e) { e.set_event_id(address); }), "event_id"},
      {Join([&](v1::Event& e) { e.set_pbx_id(address); }), "pbx_id"},
      {Join([&](v1::Event& e) { e.set_meeting_id(address); }), "meeting_id"},
      {elsewhere, "meeting_id"},
      {recording, "recording_created.recording_id"},
      {file, "file_shared.file_id"},
      {pdf, "pdf_shared.pdf_id"},
      {poll, "poll_created.poll_id"},
      {answer, "poll_answered.poll_id"},
      {deletion, "poll_deleted.poll_id"},
  };
  for (const auto& [event, field] : events) {
    const auto rejection = CheckEvent(event, kNow);
    ASSERT_TRUE(rejection.has_value()) << field;
    EXPECT_EQ(rejection->field(), field);
    EXPECT_EQ(rejection->description().find("ada"), std::string::npos) << field;
  }
}

TEST(EventIntake, AParticipantOrControllerMayBeNamedByAnAddress) {
  const std::string address = "ada@example.org";
  v1::Event answer = NewEvent("m", "e", kNow);
  answer.mutable_poll_answered()->set_poll_id("lunch");
  answer.mutable_poll_answered()->set_participant_id(address);
  v1::Event chat = NewEvent("m", "e", kNow);
  chat.mutable_chat_message_sent()->set_participant_id(address);
  chat.mutable_chat_message_sent()->set_text("hello");
  v1::Event invited = NewEvent("m", "e", kNow);
  invited.mutable_participant_invited()->mutable_invitee()->set_participant_id(address);
  v1::Event left = NewEvent("m", "e", kNow);
  left.mutable_participant_left()->set_participant_id(address);
  v1::Event reconnected = NewEvent("m", "e", kNow);
  reconnected.mutable_participant_reconnected()->set_participant_id(address);
  v1::Event sample = NewEvent("m", "e", kNow);
  sample.mutable_media_quality_sampled()->set_participant_id(address);
  v1::Event synced = NewEvent("", "e", kNow);
  synced.mutable_pbx_synced()->set_controller_id(address);
  for (const v1::Event& event :
       {Joined("m", "e", kNow, address), answer, chat, invited, left, reconnected, sample, synced}) {
    EXPECT_EQ(Rejected(event), "accepted") << event.payload_case();
  }
}

TEST(EventIntake, FutureIsFiveMinutesToTheMicrosecond) {
  EXPECT_EQ(Rejected(Joined("m", "e", kNow + absl::Minutes(5), "p")), "accepted");
  const auto rejection = CheckEvent(Joined("m", "e", kNow + absl::Minutes(5) + absl::Microseconds(1), "p"), kNow);
  ASSERT_TRUE(rejection.has_value());
  EXPECT_EQ(rejection->reason(), v1::REJECTION_REASON_FROM_FUTURE);
}

TEST(EventIntake, EmailAddresses) {
  for (const char* good : {"a@b", "ada.lovelace+x@mail.example.org", "\xC3\xA4@example.org"}) {
    EXPECT_EQ(Rejected(Join([&](v1::Event& e) { e.mutable_participant_joined()->set_email(good); })), "accepted")
        << good;
  }
  for (const char* bad : {"ada", "@example.org", "ada@", "a@b@c", "a b@example.org", "ada@.org", "ada@a..b", "a\n@b"}) {
    EXPECT_EQ(Rejected(Join([&](v1::Event& e) { e.mutable_participant_joined()->set_email(bad); })),
              "participant_joined.email")
        << bad;
  }
}

TEST(EventIntake, IpAddresses) {
  for (const char* good : {"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"}) {
    EXPECT_EQ(Rejected(Join([&](v1::Event& e) { e.mutable_participant_joined()->set_ip(good); })), "accepted") << good;
  }
  for (const char* bad : {"192.0.2", "192.0.2.256", "1.2.3.4 ", "localhost", "2001:db8::1%eth0"}) {
    EXPECT_EQ(Rejected(Join([&](v1::Event& e) { e.mutable_participant_joined()->set_ip(bad); })),
              "participant_joined.ip")
        << bad;
  }
}

TEST(EventIntake, NothingHidesBehindANulInAnAddress) {
  const std::string hidden("192.0.2.1\0anything at all", 24);
  EXPECT_EQ(Rejected(Join([&](v1::Event& e) { e.mutable_participant_joined()->set_ip(hidden); })),
            "participant_joined.ip");
}

// A text of an event, and whether one that is too long is left out of its event or has it refused.
struct BoundedText {
  const char* field;
  size_t bytes;
  bool costs_itself;
  std::function<std::string*(v1::Event&)> of;
};

std::vector<BoundedText> BoundedTexts() {
  return {
      {"event_id", 128, false, [](v1::Event& e) { return e.mutable_event_id(); }},
      {"pbx_id", 128, false, [](v1::Event& e) { return e.mutable_pbx_id(); }},
      {"meeting_id", 128, false, [](v1::Event& e) { return e.mutable_meeting_id(); }},
      {"occurrence_id", 128, false, [](v1::Event& e) { return e.mutable_occurrence_id(); }},
      {"connection_id", 128, true, [](v1::Event& e) { return e.mutable_connection_id(); }},
      {"user_id", 128, true, [](v1::Event& e) { return e.mutable_user_id(); }},
      {"extension_id", 128, false, [](v1::Event& e) { return e.mutable_extension_id(); }},
      {"participant_joined.participant_id", 128, false,
       [](v1::Event& e) { return e.mutable_participant_joined()->mutable_participant_id(); }},
      {"participant_joined.name", 256, true,
       [](v1::Event& e) { return e.mutable_participant_joined()->mutable_name(); }},
      {"participant_joined.email", 254, true,
       [](v1::Event& e) { return e.mutable_participant_joined()->mutable_email(); }},
      {"participant_joined.client_kind", 32, true,
       [](v1::Event& e) { return e.mutable_participant_joined()->mutable_client_kind(); }},
      {"participant_joined.media_site", 32, true,
       [](v1::Event& e) { return e.mutable_participant_joined()->mutable_media_site(); }},
      {"participant_joined.extension", 16, true,
       [](v1::Event& e) { return e.mutable_participant_joined()->mutable_extension(); }},
      {"participant_reconnected.client_kind", 32, true,
       [](v1::Event& e) { return e.mutable_participant_reconnected()->mutable_client_kind(); }},
      {"participant_reconnected.media_site", 32, true,
       [](v1::Event& e) { return e.mutable_participant_reconnected()->mutable_media_site(); }},
      {"meeting_scheduled.name", 512, true, [](v1::Event& e) { return e.mutable_meeting_scheduled()->mutable_name(); }},
      {"meeting_scheduled.comment", 4096, true,
       [](v1::Event& e) { return e.mutable_meeting_scheduled()->mutable_comment(); }},
      {"meeting_scheduled.invitees[0].name", 256, true,
       [](v1::Event& e) { return e.mutable_meeting_scheduled()->mutable_invitees(0)->mutable_name(); }},
      {"meeting_scheduled.invitees[0].email", 254, true,
       [](v1::Event& e) { return e.mutable_meeting_scheduled()->mutable_invitees(0)->mutable_email(); }},
      {"meeting_started.name", 512, true, [](v1::Event& e) { return e.mutable_meeting_started()->mutable_name(); }},
      {"participant_invited.invitee.name", 256, true,
       [](v1::Event& e) { return e.mutable_participant_invited()->mutable_invitee()->mutable_name(); }},
      {"participant_invited.invitee.email", 254, true,
       [](v1::Event& e) { return e.mutable_participant_invited()->mutable_invitee()->mutable_email(); }},
      {"recording_created.recording_id", 128, false,
       [](v1::Event& e) { return e.mutable_recording_created()->mutable_recording_id(); }},
      {"recording_created.object_ref", 1024, false,
       [](v1::Event& e) { return e.mutable_recording_created()->mutable_object_ref(); }},
      {"file_shared.object_ref", 1024, false,
       [](v1::Event& e) { return e.mutable_file_shared()->mutable_object_ref(); }},
      {"pdf_shared.object_ref", 1024, false, [](v1::Event& e) { return e.mutable_pdf_shared()->mutable_object_ref(); }},
      {"poll_created.question", 1024, true, [](v1::Event& e) { return e.mutable_poll_created()->mutable_question(); }},
      {"poll_created.options[0]", 512, true, [](v1::Event& e) { return e.mutable_poll_created()->mutable_options(0); }},
      {"chat_message_sent.text", 4096, false,
       [](v1::Event& e) { return e.mutable_chat_message_sent()->mutable_text(); }},
      {"dial_in_assigned.conference_number", 32, true,
       [](v1::Event& e) { return e.mutable_dial_in_assigned()->mutable_conference_number(); }},
      // All that its event says.
      {"dial_in_assigned.dial_in_numbers[0]", 32, false,
       [](v1::Event& e) { return e.mutable_dial_in_assigned()->mutable_dial_in_numbers(0); }},
  };
}

// An event of the kind that `field` is of, with all that it needs.
v1::Event WholeEventWith(const std::string& field) {
  v1::Event event = NewEvent("m", "e", kNow);
  if (absl::StartsWith(field, "meeting_scheduled")) {
    event = Scheduled("m", "e", kNow, kNow + absl::Hours(1), absl::Hours(1));
    event.mutable_meeting_scheduled()->clear_invitees();
    event.mutable_meeting_scheduled()->add_invitees()->set_participant_id("p");
  } else if (absl::StartsWith(field, "meeting_started")) {
    event.mutable_meeting_started();
  } else if (absl::StartsWith(field, "participant_invited")) {
    event.mutable_participant_invited()->mutable_invitee()->set_participant_id("p");
  } else if (absl::StartsWith(field, "participant_reconnected")) {
    event.mutable_participant_reconnected()->set_participant_id("p");
  } else if (absl::StartsWith(field, "recording_created")) {
    event = Recording("m", "e", kNow, "ref");
  } else if (absl::StartsWith(field, "file_shared")) {
    event = File("m", "e", kNow, "ref");
  } else if (absl::StartsWith(field, "pdf_shared")) {
    event = Pdf("m", "e", kNow, "ref");
  } else if (absl::StartsWith(field, "poll_created")) {
    event.mutable_poll_created()->set_poll_id("poll");
    event.mutable_poll_created()->set_owner_extension("100");
    event.mutable_poll_created()->add_options("yes");
  } else if (absl::StartsWith(field, "chat_message_sent")) {
    event.mutable_chat_message_sent()->set_participant_id("p");
  } else if (absl::StartsWith(field, "dial_in_assigned")) {
    event.mutable_dial_in_assigned()->add_dial_in_numbers("1");
  } else {
    event = Joined("m", "e", kNow, "p");
  }
  return event;
}

TEST(EventIntake, EveryTextIsTakenAtItsBoundAndNotAByteBeyond) {
  for (const BoundedText& text : BoundedTexts()) {
    const std::string field(text.field);
    for (const size_t beyond : {0, 1}) {
      google::protobuf::RepeatedPtrField<v1::Event> events;
      v1::Event& event = *events.Add();
      event = WholeEventWith(field);
      *text.of(event) = std::string(text.bytes + beyond, '1');
      if (absl::EndsWith(field, "email")) text.of(event)->replace(0, 2, "a@");
      EventBatch batch;
      batch.events = &events;
      ASSERT_TRUE(batch.Prepare(kNow).ok()) << field;
      const bool refused = batch.rejected[0].has_value();
      EXPECT_EQ(refused, beyond == 1 && !text.costs_itself) << field;
      EXPECT_EQ(batch.without_bad_values.size(), beyond == 1 && text.costs_itself ? 1u : 0u) << field;
      if (refused) EXPECT_EQ(batch.rejected[0]->field(), field);
      for (const auto& [index, mended] : batch.without_bad_values) {
        ASSERT_EQ(mended.bad_values.size(), 1u) << field;
        EXPECT_EQ(mended.bad_values[0].field(), field);
        v1::Event without = mended.event;
        EXPECT_EQ(*text.of(without), "") << field;
      }
    }
  }
}

TEST(EventIntake, OneBadAddressOfThreeHundredCostsNoOther) {
  google::protobuf::RepeatedPtrField<v1::Event> events;
  v1::Event& event = *events.Add();
  event = Scheduled("m", "e", kNow, kNow + absl::Hours(1), absl::Hours(1));
  event.mutable_meeting_scheduled()->clear_invitees();
  for (int i = 0; i < 300; ++i) {
    v1::Invitee& invitee = *event.mutable_meeting_scheduled()->add_invitees();
    invitee.set_participant_id(absl::StrCat("p", i));
    invitee.set_email(i == 211 ? "ada.example.org" : "ada@example.org");
  }
  EventBatch batch;
  batch.events = &events;
  ASSERT_TRUE(batch.Prepare(kNow).ok());
  EXPECT_FALSE(batch.rejected[0].has_value());
  ASSERT_EQ(batch.without_bad_values.count(0), 1u);
  const auto& mended = batch.without_bad_values.at(0);
  ASSERT_EQ(mended.bad_values.size(), 1u);
  EXPECT_EQ(mended.bad_values[0].field(), "meeting_scheduled.invitees[211].email");
  const auto& invitees = mended.event.meeting_scheduled().invitees();
  EXPECT_EQ(std::count_if(invitees.begin(), invitees.end(), [](const auto& one) { return !one.email().empty(); }), 299);
}

// What is left of dial-in data, or the field for which the event was refused; and which values were left out.
std::string DialInTaken(const std::string& conference, const std::vector<std::string>& numbers) {
  google::protobuf::RepeatedPtrField<v1::Event> events;
  v1::Event& event = *events.Add();
  event = NewEvent("m", "e", kNow);
  event.mutable_dial_in_assigned()->set_conference_number(conference);
  for (const std::string& number : numbers) event.mutable_dial_in_assigned()->add_dial_in_numbers(number);
  EventBatch batch;
  batch.events = &events;
  EXPECT_TRUE(batch.Prepare(kNow).ok());
  if (batch.rejected[0].has_value()) return "refused for " + batch.rejected[0]->field();
  const v1::DialInAssigned& taken = batch.EventAt(0).dial_in_assigned();
  std::string text = absl::StrCat(taken.conference_number(), ":");
  for (const std::string& number : taken.dial_in_numbers()) absl::StrAppend(&text, " ", number);
  for (const auto& [index, mended] : batch.without_bad_values) {
    for (const v1::Rejection& bad : mended.bad_values) absl::StrAppend(&text, ", not ", bad.field());
  }
  return text;
}

TEST(EventIntake, BadDialInDataCostThemselves) {
  const std::string longer(33, '1');
  EXPECT_EQ(DialInTaken("47 11", {"1", "2"}), ": 1 2, not dial_in_assigned.conference_number");
  EXPECT_EQ(DialInTaken("4711", {longer, "2", longer}),
            "4711: 2, not dial_in_assigned.dial_in_numbers[0], not dial_in_assigned.dial_in_numbers[2]");
  EXPECT_EQ(DialInTaken("4711", {longer}), "4711:, not dial_in_assigned.dial_in_numbers[0]");
  // Of too many, those beyond the bound.
  EXPECT_EQ(DialInTaken("", std::vector<std::string>(kMaxDialInNumbers + 1, "1")),
            absl::StrCat(DialInTaken("", std::vector<std::string>(kMaxDialInNumbers, "1")),
                         ", not dial_in_assigned.dial_in_numbers"));
  // An event that says nothing else is refused.
  EXPECT_EQ(DialInTaken(longer, {}), "refused for dial_in_assigned.conference_number");
  EXPECT_EQ(DialInTaken("", {longer, longer}), "refused for dial_in_assigned.dial_in_numbers[0]");
  EXPECT_EQ(DialInTaken("", {}), ":");
}

TEST(EventIntake, PlannedLengthIsBoundedToTheNanosecond) {
  v1::Event event = Scheduled("m", "e", kNow, kNow + absl::Hours(1), absl::Hours(7 * 24));
  EXPECT_EQ(Rejected(event), "accepted");
  event.mutable_meeting_scheduled()->mutable_planned_duration()->set_nanos(1);
  EXPECT_EQ(Rejected(event), "meeting_scheduled.planned_duration");
}

TEST(EventIntake, HostNames) {
  const auto rejected = [](const std::string& fqdn) {
    v1::PbxSynced synced;
    synced.set_controller_id("c");
    synced.mutable_profile()->set_fqdn(fqdn);
    return DetailsOf(CheckPbxSynced(synced, "")).field();
  };
  for (const char* good : {"pbx.example.org", "a", "1.example", "x-1.example.org"})
    EXPECT_EQ(rejected(good), "") << good;
  const std::string long_label(64, 'a');
  for (const std::string& bad : {std::string("-a.example"), std::string("a-.example"), std::string("a..b"),
                                 std::string("a."), std::string("a b"), std::string("\xC3\xA4.de"), long_label}) {
    EXPECT_EQ(rejected(bad), "profile.fqdn") << bad;
  }
}

TEST(EventIntake, PlanNeedsAStartAndABoundedLength) {
  v1::Event event = Scheduled("m", "e", kNow, kNow + absl::Hours(1), absl::Hours(1));
  EXPECT_EQ(Rejected(event), "accepted");
  event.mutable_meeting_scheduled()->mutable_planned_duration()->set_seconds(8 * 86400);
  EXPECT_EQ(Rejected(event), "meeting_scheduled.planned_duration");
  event.mutable_meeting_scheduled()->clear_planned_start();
  EXPECT_EQ(Rejected(event), "meeting_scheduled.planned_start");
  EXPECT_EQ(Rejected(Scheduled("m", "e", kNow, kNow + absl::Hours(24 * 4000), absl::Hours(1))),
            "meeting_scheduled.planned_start");
}

TEST(EventIntake, RejectionsDoNotRepeatTheValue) {
  const auto rejection =
      CheckEvent(Join([](v1::Event& e) { e.mutable_participant_joined()->set_email("canary at example"); }), kNow);
  ASSERT_TRUE(rejection.has_value());
  EXPECT_EQ(rejection->ShortDebugString().find("canary"), std::string::npos);
}

TEST(EventIntake, BatchesAreBounded) {
  google::protobuf::RepeatedPtrField<v1::Event> events;
  EventBatch empty;
  empty.events = &events;
  EXPECT_EQ(DetailsOf(empty.Prepare(kNow)).field(), "events");
  for (int i = 0; i < kMaxBatchEvents; ++i) *events.Add() = Joined("m", "e", kNow, "p");
  EventBatch full;
  full.events = &events;
  EXPECT_TRUE(full.Prepare(kNow).ok());
  events.Add();
  EventBatch over;
  over.events = &events;
  EXPECT_EQ(DetailsOf(over.Prepare(kNow)).field(), "events");
}

TEST(EventIntake, AnIdOfAnExtensionIsSaidInOnePlaceAndOnce) {
  v1::PbxSynced synced;
  synced.set_controller_id("c");
  for (const char* number : {"1", "2"}) {
    synced.add_extensions()->set_number(number);
    synced.mutable_extensions(synced.extensions_size() - 1)->set_extension_id("user-7");
  }
  EXPECT_EQ(DetailsOf(CheckPbxSynced(synced, "")).field(), "extensions[1].extension_id");
  synced.mutable_extensions(1)->set_extension_id("user 8");
  EXPECT_EQ(DetailsOf(CheckPbxSynced(synced, "")).field(), "extensions[1].extension_id");
  synced.mutable_extensions(1)->set_extension_id("user@8");
  EXPECT_TRUE(CheckPbxSynced(synced, "").ok()) << "it ends with its extension, as an address does";
  v1::Event event = NewEvent("", "e", kNow);
  *event.mutable_pbx_synced() = synced;
  event.set_extension_id("user-7");
  EXPECT_EQ(Rejected(event), "extension_id");
  v1::Event removed = NewEvent("", "e", kNow);
  removed.mutable_extension_removed()->set_number("1");
  removed.set_extension_id("user-7");
  EXPECT_EQ(Rejected(removed), "accepted");
}

}  // namespace
}  // namespace retention
