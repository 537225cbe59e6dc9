// Every string that an event can bring, ids included, and where it lies: in categories that end with it, and nowhere
// else. A string that is new to the API has no line here, and fails the test until somebody has thought about it.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/engine/harness.h"
#include "tests/orders/orders.h"
#include "tests/testing/copy_decoder.h"
#include "tests/testing/map_store.h"

namespace retention::privacy {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// What names the same thing wherever it stands.
std::string SharedNameOf(const FieldDescriptor& field) {
  const std::string& name = field.name();
  if (name == "number" || name == "extension" || absl::EndsWith(name, "_extension")) return "(extension number)";
  if (name == "extension_id" || name == "poll_id" || name == "pbx_id" || name == "meeting_id") {
    return absl::StrCat("(", name, ")");
  }
  return "";
}

class ApiStrings : public ::testing::Test {
 protected:
  ApiStrings() : harness_(kMonday) { harness_.now = kMonday; }

  // Plants a canary of its own in every string of `message`.
  void Plant(Message& message, const std::string& path) {
    const auto* descriptor = message.GetDescriptor();
    const auto* reflection = message.GetReflection();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor* field = descriptor->field(i);
      const bool is_payload = field->containing_oneof() != nullptr && !reflection->HasField(message, field);
      if (is_payload) continue;
      const std::string here = path.empty() ? field->name() : absl::StrCat(path, ".", field->name());
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        if (absl::StartsWith(field->message_type()->full_name(), "google.protobuf.")) continue;
        if (field->is_repeated()) reflection->ClearField(&message, field);
        Plant(field->is_repeated() ? *reflection->AddMessage(&message, field)
                                   : *reflection->MutableMessage(&message, field),
              here);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        const std::string canary = CanaryOf(*field, here);
        if (!field->is_repeated()) {
          reflection->SetString(&message, field, canary);
          continue;
        }
        reflection->ClearField(&message, field);
        reflection->AddString(&message, field, canary);
        reflection->AddString(&message, field, absl::StrCat(canary, "2"));
      }
    }
  }

  std::string CanaryOf(const FieldDescriptor& field, const std::string& path) {
    const std::string shared = SharedNameOf(field);
    const std::string name = shared.empty() ? path : shared;
    if (const auto known = canaries_.find(name); known != canaries_.end()) return known->second;
    const size_t number = 1000 + canaries_.size();
    std::string canary = absl::StrCat("canary", number);
    if (shared == "(extension number)") canary = absl::StrCat("90817", number);
    if (field.name() == "email") absl::StrAppend(&canary, "@example.org");
    if (field.name() == "ip") canary = absl::StrCat("2001:db8::", number);
    if (absl::EndsWith(field.name(), "fqdn")) absl::StrAppend(&canary, ".example.org");
    if (field.name() == "conference_number" || field.name() == "dial_in_numbers")
      canary = absl::StrCat("90818", number);
    return canaries_[name] = canary;
  }

  // Records an event of every payload that is not the end of another's.
  void PlantAll() {
    const auto* descriptor = v1::Event::descriptor();
    const auto* payloads = descriptor->FindOneofByName("payload");
    ASSERT_NE(payloads, nullptr);
    harness_.SyncPbx("elsewhere");
    const std::set<std::string> ends = {"meeting_deleted", "extension_removed", "poll_deleted", "meeting_ended"};
    for (int i = 0; i < payloads->field_count(); ++i) {
      const FieldDescriptor* payload = payloads->field(i);
      if (ends.contains(payload->name())) continue;
      harness_.now += absl::Seconds(1);
      v1::Event event = Scheduled("m", "e", harness_.now, harness_.now, absl::Hours(1));
      if (payload->name() == "meeting_scheduled") {
        event.mutable_meeting_scheduled()->set_protocolled(true);
      } else if (payload->name() == "meeting_rescheduled") {
        event = Rescheduled("m", "e", harness_.now, harness_.now, absl::Hours(1));
      } else {
        event.GetReflection()->MutableMessage(&event, payload);
      }
      if (event.has_join_failed()) event.mutable_join_failed()->set_cause(v1::JOIN_FAILURE_CAUSE_MEDIA);
      if (event.has_poll_answered()) event.mutable_poll_answered()->add_option_indexes(0);
      Plant(event, "");
      event.set_event_id(absl::StrCat(canaries_["event_id"], payload->name()));
      if (payload->name() == "pbx_synced" || payload->name() == "extension_synced") {
        event.clear_meeting_id();
        event.clear_occurrence_id();
        event.clear_connection_id();
        event.clear_user_id();
        event.clear_extension_id();
      }
      const v1::RecordResult result = harness_.Record(event);
      ASSERT_EQ(result.accepted(), 1u) << result.ShortDebugString();
      ASSERT_EQ(result.rejections_size(), 0) << result.ShortDebugString();
    }
  }

  void ConfirmAll() {
    for (const auto order : HeldIds(harness_.engine())) {
      ASSERT_TRUE(harness_.engine().ConfirmOrders(Confirmations({{order, kErased}}), harness_.now).ok());
    }
  }

  // Where each canary can be read by who has the ring: names of categories, and STATE.
  std::map<std::string, std::string> Where() {
    const MapStore::Rows rows = MapStore::RowsOf(harness_.store());
    std::map<std::string, std::set<std::string>> where;
    const auto look = [&](const std::string& text, const std::string& place) {
      for (const auto& [name, canary] : canaries_) {
        if (absl::StrContains(text, canary)) where[name].insert(place);
      }
    };
    auto filed = harness_.store().ScanPrefix(Family::kFiled, "");
    for (; filed->Valid(); filed->Next()) {
      const auto key = FiledKey::Decode(filed->key());
      const auto opened = harness_.engine().vault().Open(*key, filed->value());
      if (opened.ok())
        look(opened->Reveal(), v1::DataCategory_Name(static_cast<v1::DataCategory>(key->category)).substr(14));
    }
    MapStore::Rows state;
    const auto state_at = static_cast<size_t>(Family::kState);
    state[state_at] = rows[state_at];
    for (const auto& family : rows) {
      for (const auto& [key, value] : family) {
        for (const auto& [name, canary] : canaries_) {
          EXPECT_FALSE(absl::StrContains(key, canary) || absl::StrContains(value, canary)) << name << " is plain";
        }
      }
    }
    look(OpenCopy(state, DecodeRing((harness_.directory() / "ring" / "a").string())), "STATE");
    std::map<std::string, std::string> said;
    for (const auto& [name, places] : where) said[name] = absl::StrJoin(places, " ");
    return said;
  }

  // All that readers are shown of a PBX and its meetings.
  std::string Shown(const std::string& pbx_id) {
    std::string shown;
    const auto add = [&](const auto& answer) {
      ASSERT_TRUE(answer.ok()) << answer.status();
      absl::StrAppend(&shown, answer->ShortDebugString(), "\n");
    };
    const auto ask_of = [&](auto request, const v1::Meeting& meeting) {
      request.set_pbx_id(pbx_id);
      request.set_meeting_id(meeting.meeting_id());
      request.set_occurrence(meeting.occurrence());
      return request;
    };
    const Reader reader = harness_.reader();
    v1::GetPbxRequest pbx;
    pbx.set_pbx_id(pbx_id);
    add(reader.GetPbx(pbx, harness_.now));
    v1::ListMeetingsRequest list;
    list.set_pbx_id(pbx_id);
    const auto listed = reader.ListMeetings(list, harness_.now);
    add(listed);
    for (const v1::Meeting& meeting : listed->meetings()) {
      add(reader.GetMeeting(ask_of(v1::GetMeetingRequest(), meeting), harness_.now));
      add(reader.ListParticipants(ask_of(v1::ListParticipantsRequest(), meeting), harness_.now));
      add(reader.GetMeetingReport(ask_of(v1::GetMeetingReportRequest(), meeting), harness_.now));
    }
    return shown;
  }

  Harness harness_;
  std::map<std::string, std::string> canaries_;  // by path, or by what they name
};

// At once; nine days later, when the portal has carried its orders out; after four months.
struct Lies {
  std::string at_once;
  std::string later;
  std::string at_last;

  friend bool operator==(const Lies&, const Lies&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Lies& lies) {
    return out << "{\"" << lies.at_once << "\", \"" << lies.later << "\", \"" << lies.at_last << "\"}";
  }
};

TEST_F(ApiStrings, LieWhereTheyEnd) {
  const Lies pbx{"PBX_SYNC", "PBX_SYNC", "PBX_SYNC"};
  const Lies poll{"POLL", "POLL", "POLL"};
  const Lies pdf{"PDF_SHARE", "PDF_SHARE", "PDF_SHARE"};
  const Lies said_of_people{"PARTICIPANT_EMAIL PARTICIPANT_NAME", "", ""};
  const Lies nowhere;
  const std::map<std::string, Lies> expected = {
      {"(extension number)", pbx},
      {"(extension_id)", pbx},
      // Of polls and PDFs, which outlive the meeting.
      {"(meeting_id)", {"HISTORY PDF_SHARE STATE", "HISTORY PDF_SHARE STATE", "PDF_SHARE"}},
      {"(pbx_id)", {"PBX_SYNC STATE", "PBX_SYNC STATE", "PBX_SYNC STATE"}},
      {"(poll_id)", poll},
      {"chat_message_sent.participant_id", {"CHAT_PROTOCOL", "", ""}},
      {"chat_message_sent.text", {"CHAT_PROTOCOL", "", ""}},
      {"connection_id", nowhere},
      {"dial_in_assigned.conference_number", {"DIAL_IN", "", ""}},
      {"dial_in_assigned.dial_in_numbers", {"DIAL_IN", "", ""}},
      {"event_id", nowhere},
      {"extension_synced.extension.email", pbx},
      {"extension_synced.extension.first_name", pbx},
      {"extension_synced.extension.last_name", pbx},
      {"extension_synced.extension.vanity_url_name", pbx},
      {"file_shared.file_id", {"FILE_SHARE", "", ""}},
      {"file_shared.object_ref", {"FILE_SHARE", "", ""}},
      {"join_failed.client_kind", nowhere},
      {"join_failed.media_site", nowhere},
      {"join_failed.participant_id", nowhere},
      {"media_quality_sampled.participant_id", nowhere},
      {"meeting_scheduled.comment", {"MEETING_COMMENT", "", ""}},
      {"meeting_scheduled.invitees.email", {"PARTICIPANT_EMAIL", "", ""}},
      {"meeting_scheduled.invitees.name", {"PARTICIPANT_NAME", "", ""}},
      {"meeting_scheduled.invitees.participant_id", said_of_people},
      {"meeting_scheduled.name", {"MEETING_NAME", "", ""}},
      {"meeting_started.name", {"MEETING_NAME", "", ""}},
      {"occurrence_id", nowhere},
      {"participant_invited.invitee.email", {"PARTICIPANT_EMAIL", "", ""}},
      {"participant_invited.invitee.name", {"PARTICIPANT_NAME", "", ""}},
      {"participant_invited.invitee.participant_id", said_of_people},
      {"participant_joined.client_kind", nowhere},
      {"participant_joined.email", {"PARTICIPANT_EMAIL", "", ""}},
      {"participant_joined.ip", {"PARTICIPANT_IP", "", ""}},
      {"participant_joined.media_site", nowhere},
      {"participant_joined.name", {"PARTICIPANT_NAME", "", ""}},
      {"participant_joined.participant_id", {"PARTICIPANT_EMAIL PARTICIPANT_IP PARTICIPANT_NAME", "", ""}},
      {"participant_left.participant_id", nowhere},
      {"participant_reconnected.client_kind", nowhere},
      {"participant_reconnected.ip", {"PARTICIPANT_IP", "", ""}},
      {"participant_reconnected.media_site", nowhere},
      {"participant_reconnected.participant_id", {"PARTICIPANT_IP", "", ""}},
      {"participant_uninvited.participant_id", nowhere},
      {"pbx_synced.controller_id", pbx},
      // Replaced by what extension_synced said of the same.
      {"pbx_synced.extensions.email", nowhere},
      {"pbx_synced.extensions.first_name", nowhere},
      {"pbx_synced.extensions.last_name", nowhere},
      {"pbx_synced.extensions.vanity_url_name", nowhere},
      {"pbx_synced.profile.fqdn", pbx},
      {"pbx_synced.profile.ip", pbx},
      {"pbx_synced.profile.licence_key", pbx},
      {"pbx_synced.profile.webmeeting_fqdn", pbx},
      {"pdf_shared.object_ref", pdf},
      {"pdf_shared.pdf_id", pdf},
      {"poll_answered.participant_id", nowhere},
      {"poll_created.options", poll},
      {"poll_created.question", poll},
      {"recording_created.object_ref", {"RECORDING", "", ""}},
      {"recording_created.recording_id", {"RECORDING", "", ""}},
      {"user_id", nowhere},
  };
  PlantAll();
  std::map<std::string, Lies> found;
  for (const auto& [name, canary] : canaries_) found[name];
  for (const auto& [name, places] : Where()) found[name].at_once = places;
  harness_.now += absl::Hours(24 * 9);
  harness_.Sweep();
  ConfirmAll();
  for (const auto& [name, places] : Where()) found[name].later = places;
  harness_.now += absl::Hours(24 * 120);
  harness_.Sweep();
  ConfirmAll();
  for (const auto& [name, places] : Where()) found[name].at_last = places;
  for (const auto& [name, lies] : found) {
    ASSERT_TRUE(expected.contains(name)) << name << " is new: where may it lie, and how long?";
    EXPECT_EQ(lies, expected.at(name)) << name;
  }
  EXPECT_EQ(found.size(), expected.size());
}

// Nothing is held that no call shows.
TEST_F(ApiStrings, AreShownWhileTheyLie) {
  PlantAll();
  const std::string pbx_id = canaries_.at("(pbx_id)");
  // The last word counts: a quick meeting's name here.
  const std::set<std::string> superseded = {"meeting_scheduled.name"};
  for (const int days : {0, 9}) {
    harness_.now += absl::Hours(24 * days);
    harness_.Sweep();
    const std::string shown = Shown(pbx_id);
    for (const auto& [name, places] : Where()) {
      if (places == "STATE" || superseded.contains(name)) continue;
      EXPECT_TRUE(absl::StrContains(shown, canaries_.at(name))) << name << " lies in " << places << " after " << days;
    }
    const auto where = Where();
    for (const auto& [name, canary] : canaries_) {
      EXPECT_TRUE(where.contains(name) || !absl::StrContains(shown, canary)) << name << " is shown, and lies nowhere";
    }
  }
}

}  // namespace
}  // namespace retention::privacy
