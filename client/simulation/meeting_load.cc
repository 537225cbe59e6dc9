#include "absl/strings/str_cat.h"
#include "client/human_units.h"
#include "client/simulation/simulated_platform.h"
#include "retention/v1/event.pb.h"

namespace retention {
namespace {

constexpr int kLoadStaff = 400;
constexpr int kInvitees = 8;
constexpr int64_t kMinute = 60;

}  // namespace

MeetingLoad::MeetingLoad(const MeetingLoadOptions& options) : options_(options), random_(options.seed) {
  for (int i = 0; i < options.pbxs; ++i) pbxs_.push_back(MakeSimulatedPbx(i + 1, kLoadStaff, 1, random_));
  // The PBXs are those of the seed; what happens is the stream's own.
  random_ = SeededRandom(options.seed * 1'000'003 + static_cast<uint64_t>(options.stream) + 1);
}

void MeetingLoad::AppendMeeting(google::protobuf::RepeatedPtrField<v1::Event>* events) {
  const SimulatedPbx& pbx = random_.Pick(pbxs_);
  const google::protobuf::Timestamp begin =
      ToTimestamp(options_.start + options_.interval * static_cast<int64_t>(next_meeting_));
  pbx_id_ = pbx.sync.pbx_id();
  meeting_id_ = absl::StrCat("load-", options_.stream, "-", next_meeting_++);
  int number = 0;
  const auto append = [&](int64_t second) {
    v1::Event* event = events->Add();
    event->set_event_id(absl::StrCat("e", ++number));
    event->set_pbx_id(pbx_id_);
    event->set_meeting_id(meeting_id_);
    event->mutable_time()->set_seconds(begin.seconds() + second);
    event->mutable_time()->set_nanos(begin.nanos());
    return event;
  };
  const uint32_t first = random_.Below(static_cast<uint32_t>(pbx.staff.size()) - kInvitees);
  auto* scheduled = append(0)->mutable_meeting_scheduled();
  scheduled->set_name(MakeMeetingName(random_));
  scheduled->set_comment(MakeMeetingComment(random_));
  scheduled->mutable_planned_start()->set_seconds(begin.seconds() + 5 * kMinute);
  scheduled->mutable_planned_duration()->set_seconds(45 * kMinute);
  scheduled->set_organizer_extension(pbx.staff[first].extension);
  for (int i = 0; i < kInvitees; ++i) {
    const SimulatedPerson& person = pbx.staff[first + i];
    auto* invitee = scheduled->add_invitees();
    invitee->set_participant_id(person.participant_id);
    invitee->set_name(person.name);
    invitee->set_email(person.email);
  }
  append(5 * kMinute)->mutable_meeting_started()->set_organizer_extension(pbx.staff[first].extension);
  const auto join = [&](int i) {
    const SimulatedPerson& person = pbx.staff[first + i];
    auto* joined = append(5 * kMinute + i)->mutable_participant_joined();
    joined->set_participant_id(person.participant_id);
    joined->set_name(person.name);
    joined->set_email(person.email);
    joined->set_ip(person.ip);
    joined->set_client_kind(person.client_kind);
    joined->set_media_site(person.media_site);
    joined->set_extension(person.extension);
  };
  for (int i = 0; i < kInvitees; ++i) join(i);
  for (int i = 0; i < 5; ++i) {
    auto* quality = append((10 + 5 * i) * kMinute)->mutable_media_quality_sampled();
    quality->set_participant_id(pbx.staff[first + random_.Below(kInvitees)].participant_id);
    quality->set_rtt_ms(15 + random_.Below(80));
    quality->set_loss_ppm(random_.Below(20'000));
    quality->set_jitter_ms(1 + random_.Below(20));
  }
  for (int i = 0; i < 2; ++i) {
    const SimulatedPerson& person = pbx.staff[first + random_.Below(kInvitees)];
    auto* reconnected = append((15 + 10 * i) * kMinute)->mutable_participant_reconnected();
    reconnected->set_participant_id(person.participant_id);
    reconnected->set_ip(person.ip);
    reconnected->set_client_kind(person.client_kind);
    reconnected->set_media_site(person.media_site);
  }
  auto* recording = append(20 * kMinute)->mutable_recording_created();
  recording->set_recording_id("recording-1");
  recording->set_object_ref(absl::StrCat("store/", meeting_id_, "/recording-1.webm"));
  auto* file = append(22 * kMinute)->mutable_file_shared();
  file->set_file_id("file-1");
  file->set_object_ref(absl::StrCat("store/", meeting_id_, "/file-1"));
  for (int i = 0; i < kInvitees; ++i) {
    append(48 * kMinute + i)->mutable_participant_left()->set_participant_id(pbx.staff[first + i].participant_id);
  }
  append(49 * kMinute)->mutable_meeting_ended();
}

}  // namespace retention
