#include "tests/engine/harness.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "server/meetings/cohort_span.h"
#include "server/meetings/listing.h"
#include "server/meetings/meeting_view.h"
#include "storage/keys.h"
#include "storage/rocksdb/rocksdb_store.h"

namespace retention {
namespace {

std::string PolicyText() {
  std::ifstream file(RETENTION_POLICY_FILE);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

Policy DefaultPolicy(const std::function<void(v1::Policy&)>& edit) {
  auto policy = Policy::FromText(PolicyText());
  EXPECT_TRUE(policy.ok()) << policy.status();
  if (!edit) return *policy;
  v1::Policy proto = policy->proto();
  edit(proto);
  auto edited = Policy::FromProto(proto);
  EXPECT_TRUE(edited.ok()) << edited.status();
  return *edited;
}

const CutHistory& DefaultCuts() {
  static const CutHistory& cuts = *new CutHistory(DefaultPolicy().cut());
  return cuts;
}

Policy PatientPolicy(const std::function<void(v1::Policy&)>& edit) {
  return DefaultPolicy([&](v1::Policy& proto) {
    proto.mutable_pbx_end()->mutable_no_contact()->set_days(3660);
    if (edit) edit(proto);
  });
}

absl::Time At(absl::string_view rfc3339) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, rfc3339, &time, &error)) << error;
  return time;
}

v1::Event NewEvent(absl::string_view meeting, absl::string_view id, absl::Time time) {
  v1::Event event;
  event.set_event_id(std::string(id));
  event.set_pbx_id("pbx");
  event.set_meeting_id(std::string(meeting));
  SetTime(absl::ToUnixMicros(time), *event.mutable_time());
  return event;
}

v1::Event Scheduled(absl::string_view meeting, absl::string_view id, absl::Time time, absl::Time start,
                    absl::Duration length, absl::string_view organizer) {
  v1::Event event = NewEvent(meeting, id, time);
  auto& scheduled = *event.mutable_meeting_scheduled();
  scheduled.set_name("Quarterly review");
  scheduled.set_comment("bring numbers");
  scheduled.set_organizer_extension(std::string(organizer));
  SetTime(absl::ToUnixMicros(start), *scheduled.mutable_planned_start());
  scheduled.mutable_planned_duration()->set_seconds(absl::ToInt64Seconds(length));
  auto& invitee = *scheduled.add_invitees();
  invitee.set_participant_id("guest");
  invitee.set_name("Greta Guest");
  invitee.set_email("greta@example.org");
  return event;
}

v1::Event Rescheduled(absl::string_view meeting, absl::string_view id, absl::Time time, absl::Time start,
                      absl::Duration length) {
  v1::Event event = NewEvent(meeting, id, time);
  SetTime(absl::ToUnixMicros(start), *event.mutable_meeting_rescheduled()->mutable_planned_start());
  event.mutable_meeting_rescheduled()->mutable_planned_duration()->set_seconds(absl::ToInt64Seconds(length));
  return event;
}

v1::Event Started(absl::string_view meeting, absl::string_view id, absl::Time time) {
  v1::Event event = NewEvent(meeting, id, time);
  event.mutable_meeting_started();
  return event;
}

v1::Event Ended(absl::string_view meeting, absl::string_view id, absl::Time time) {
  v1::Event event = NewEvent(meeting, id, time);
  event.mutable_meeting_ended();
  return event;
}

v1::Event Deleted(absl::string_view meeting, absl::string_view id, absl::Time time) {
  v1::Event event = NewEvent(meeting, id, time);
  event.mutable_meeting_deleted();
  return event;
}

v1::Event Joined(absl::string_view meeting, absl::string_view id, absl::Time time, absl::string_view participant,
                 absl::string_view name, absl::string_view email, absl::string_view ip) {
  v1::Event event = NewEvent(meeting, id, time);
  auto& joined = *event.mutable_participant_joined();
  joined.set_participant_id(std::string(participant));
  joined.set_name(std::string(name));
  joined.set_email(std::string(email));
  joined.set_ip(std::string(ip));
  joined.set_client_kind("web-chrome");
  joined.set_media_site("fra");
  return event;
}

v1::Event Left(absl::string_view meeting, absl::string_view id, absl::Time time, absl::string_view participant) {
  v1::Event event = NewEvent(meeting, id, time);
  event.mutable_participant_left()->set_participant_id(std::string(participant));
  return event;
}

v1::Event Reconnected(absl::string_view meeting, absl::string_view id, absl::Time time, absl::string_view participant) {
  v1::Event event = NewEvent(meeting, id, time);
  event.mutable_participant_reconnected()->set_participant_id(std::string(participant));
  return event;
}

v1::Event File(absl::string_view meeting, absl::string_view id, absl::Time time, absl::string_view ref) {
  v1::Event event = NewEvent(meeting, id, time);
  event.mutable_file_shared()->set_file_id(absl::StrCat("file-", id));
  event.mutable_file_shared()->set_object_ref(std::string(ref));
  return event;
}

v1::Event Pdf(absl::string_view meeting, absl::string_view id, absl::Time time, absl::string_view ref) {
  v1::Event event = NewEvent(meeting, id, time);
  event.mutable_pdf_shared()->set_pdf_id(absl::StrCat("pdf-", id));
  event.mutable_pdf_shared()->set_object_ref(std::string(ref));
  return event;
}

v1::Event Recording(absl::string_view meeting, absl::string_view id, absl::Time time, absl::string_view ref) {
  v1::Event event = NewEvent(meeting, id, time);
  event.mutable_recording_created()->set_recording_id(absl::StrCat("recording-", id));
  event.mutable_recording_created()->set_object_ref(std::string(ref));
  return event;
}

v1::Event Chat(absl::string_view meeting, absl::string_view id, absl::Time time, absl::string_view text) {
  v1::Event event = NewEvent(meeting, id, time);
  event.mutable_chat_message_sent()->set_participant_id("guest");
  event.mutable_chat_message_sent()->set_text(std::string(text));
  return event;
}

void ExpectNothingDangles(const Store& store, const Policy& policy) {
  Batch listings, spans;
  std::map<std::string, std::string> expected;
  std::set<uint64_t> notices;
  for (auto cursor = store.ScanPrefix(Family::kState, LocatorPrefix()); cursor->Valid(); cursor->Next()) {
    const auto name = DecodeLocatorKey(cursor->key());
    const auto locator = MeetingLocator::Parse(cursor->value());
    if (!name.has_value() || !locator.has_value()) return;  // a test has damaged it
    FileListing(name->pbx, name->meeting, std::nullopt, ListingOf(*locator), listings);
    FileCohortSpan(name->pbx, name->meeting, MeetingLocator(), *locator, policy, spans);
    notices.insert({locator->complete_notice, locator->names_notice});
  }
  notices.erase(0);
  for (const Batch::Change& row : listings.changes()) expected.emplace(row.key, row.value);
  std::map<std::string, std::string> listed;
  for (auto cursor = store.ScanPrefix(Family::kState, BeginPrefix()); cursor->Valid(); cursor->Next()) {
    listed.emplace(cursor->key(), cursor->value());
  }
  EXPECT_EQ(listed, expected) << "lists say what the locators say";
  for (const Batch::Change& row : spans.changes()) {
    const auto held = store.Get(Family::kState, row.key);
    EXPECT_TRUE(held.ok() && *held == row.value) << "cohorts find all that may be theirs";
  }
  std::set<uint64_t> given;
  for (auto cursor = store.ScanPrefix(Family::kState, ReportNoticePrefix()); cursor->Valid(); cursor->Next()) {
    given.insert(DecodeReportNoticeKey(cursor->key()).value_or(0));
  }
  EXPECT_EQ(given, notices) << "there are the notices that the locators name";
}

Harness::Harness(absl::Time start, Policy policy, Sweeper::Options sweeper, Backend backend)
    : now(start), backend_(backend), policy_(std::move(policy)), sweeper_options_(std::move(sweeper)) {
  const absl::Status status = Reopen();
  EXPECT_TRUE(status.ok()) << status;
}

Harness::~Harness() {
  if (store_ != nullptr) ExpectNothingDangles(*store_, policy_);
}

absl::Status Harness::Reopen(Policy policy) {
  policy_ = std::move(policy);
  return Reopen();
}

void Harness::Close() {
  engine_.reset();
  store_.reset();
  ring_.reset();
}

absl::Status Harness::Reopen() {
  Close();
  const std::string ring = (directory_ / "ring").string();
  KeyRing::Options options_of_ring;
  options_of_ring.on_io = [this](size_t replica, RingFile file, RingReplica::Io io) {
    return on_ring_io ? on_ring_io(replica, file, io) : absl::OkStatus();
  };
  auto opened_ring = std::filesystem::exists(ring) ? KeyRing::Open(ring, std::move(options_of_ring))
                                                   : KeyRing::Create(ring, std::move(options_of_ring));
  if (!opened_ring.ok()) return opened_ring.status();
  ring_ = *std::move(opened_ring);
  if (backend_ == Backend::kMap) {
    store_ = std::make_unique<MapStore>(disk_);
  } else {
    RocksDbOptions options;
    options.block_cache_bytes = 8 << 20;
    options.memtable_bytes = 8 << 20;
    auto opened_store = OpenRocksDbStore((directory_ / "data").string(), options);
    if (!opened_store.ok()) return opened_store.status();
    store_ = *std::move(opened_store);
  }
  auto opened = TestEngine::Open(*store_, *ring_, SystemRandom(), policy_, now);
  if (!opened.ok()) return opened.status();
  engine_ = *std::move(opened);
  return absl::OkStatus();
}

v1::RecordResult Harness::Record(std::vector<v1::Event> events) {
  google::protobuf::RepeatedPtrField<v1::Event> batch(events.begin(), events.end());
  EventBatch queued;
  queued.events = &batch;
  absl::Status status = queued.Prepare(now);
  EXPECT_TRUE(status.ok()) << status;
  EventBatch* const group[] = {&queued};
  status = engine_->Record(group, now);
  EXPECT_TRUE(status.ok()) << status;
  return queued.result;
}

void Harness::SyncPbx(absl::string_view pbx_id, std::vector<std::string> extensions) {
  v1::PbxSynced synced;
  synced.set_controller_id("controller");
  synced.mutable_profile()->set_fqdn("pbx.example.org");
  for (const std::string& number : extensions) synced.add_extensions()->set_number(number);
  auto outcome = engine_->SyncPbx(std::string(pbx_id), synced, now);
  EXPECT_TRUE(outcome.ok()) << outcome.status();
}

SweepOutcome Harness::Sweep(bool scrub) {
  TestSweeper sweeper(
      *engine_, [](std::function<absl::Status()> task) { return task(); }, sweeper_options_);
  auto outcome = sweeper.RunOnce(now, scrub);
  EXPECT_TRUE(outcome.ok()) << outcome.status();
  return outcome.ok() ? *outcome : SweepOutcome{};
}

absl::StatusOr<uint64_t> Harness::EndPbx(absl::string_view pbx_id) {
  return retention::EndPbx(
      *engine_, [](std::function<absl::Status()> task) { return task(); }, std::string(pbx_id), kReasonPbxDeregistered,
      now);
}

absl::StatusOr<v1::MeetingReport> Harness::Report(absl::string_view meeting) {
  v1::GetMeetingReportRequest request;
  request.set_pbx_id("pbx");
  request.set_meeting_id(std::string(meeting));
  auto response = reader().GetMeetingReport(request, now);
  if (!response.ok()) return response.status();
  return response->report();
}

absl::StatusOr<v1::Meeting> Harness::Get(absl::string_view meeting) {
  v1::GetMeetingRequest request;
  request.set_pbx_id("pbx");
  request.set_meeting_id(std::string(meeting));
  auto response = reader().GetMeeting(request, now);
  if (!response.ok()) return response.status();
  return response->meeting();
}

std::vector<v1::Participant> Harness::Participants(absl::string_view meeting) {
  v1::ListParticipantsRequest request;
  request.set_pbx_id("pbx");
  request.set_meeting_id(std::string(meeting));
  auto response = reader().ListParticipants(request, now);
  if (!response.ok()) return {};
  std::vector<v1::Participant> all(response->participants().begin(), response->participants().end());
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.participant_id() < b.participant_id(); });
  return all;
}

uint64_t Harness::Values(CategoryNumber category) {
  uint64_t values = 0;
  for (const auto& [day, counts] : engine_->counts().Read()) values += counts[category].values;
  return values;
}

std::string Harness::DueDayOf(CategoryNumber category) {
  std::string found = "none";
  for (const auto& [day, counts] : engine_->counts().Read()) {
    if (counts[category].rows == 0) continue;
    if (found != "none") return "many";
    found = day.is_civil() ? absl::FormatCivilTime(day.civil()) : "open";
  }
  return found;
}

size_t Harness::Orders() {
  size_t orders = 0;
  for (auto cursor = store_->ScanPrefix(Family::kState, OrderPrefix()); cursor->Valid(); cursor->Next()) ++orders;
  return orders;
}

}  // namespace retention
