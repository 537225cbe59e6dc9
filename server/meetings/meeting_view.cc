#include "server/meetings/meeting_view.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/field_checks.h"
#include "server/law/filing.h"
#include "server/meetings/listing.h"
#include "server/meetings/meeting_cache.h"
#include "server/rows/extension_names.h"
#include "server/rows/object_rows.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"
#include "server/rows/value_chunk.h"

namespace retention {
namespace {

// The objects of a list: one of each reference, as who told of it first has it.
class ObjectList {
 public:
  void Add(const stored::v1::Value& value) {
    const auto [held, is_new] = by_reference_.try_emplace(value.object().object_ref(), value);
    if (!is_new && OrderOf(value) < OrderOf(held->second)) held->second = value;
  }
  // Oldest first.
  void Put(google::protobuf::RepeatedPtrField<v1::StoredObject>& objects) const {
    std::vector<const stored::v1::Value*> values;
    for (const auto& [reference, value] : by_reference_) values.push_back(&value);
    std::stable_sort(values.begin(), values.end(),
                     [](const auto* a, const auto* b) { return OrderOf(*a) < OrderOf(*b); });
    for (const stored::v1::Value* value : values) {
      v1::StoredObject& object = *objects.Add();
      object.set_object_id(value->object().object_id());
      object.set_object_ref(value->object().object_ref());
      object.set_display_name(value->object().display_name());
      SetTime(value->time_us(), *object.mutable_create_time());
    }
  }

 private:
  static std::pair<int64_t, std::string_view> OrderOf(const stored::v1::Value& value) {
    return {value.time_us(), value.object().object_id()};
  }

  std::map<std::string, stored::v1::Value> by_reference_;
};

}  // namespace

bool IsRunningAt(absl::Time now, const OccurrenceFacts& facts, absl::Time end) {
  return facts.present > 0 && now < end;
}

absl::StatusOr<std::optional<MeetingView>> MeetingView::Read(const StoreView& view, Vault& vault,
                                                             const PolicyVersion& version, const PbxId& pbx,
                                                             const OwnerId& meeting, absl::Time now) {
  auto locator = ReadLocator(view, pbx, meeting, LastDueDay(now, version.policy.zone()));
  if (!locator.ok()) return locator.status();
  if (!locator->has_value()) return std::nullopt;
  return Of(view, vault, version, pbx, meeting, **std::move(locator), now);
}

std::optional<MeetingView> MeetingView::Of(const StoreView& view, Vault& vault, const PolicyVersion& version,
                                           const PbxId& pbx, const OwnerId& meeting, MeetingLocator locator,
                                           absl::Time now) {
  const Policy& policy = version.policy;
  if (locator.facts.deleted || now >= DueInstant(locator.days[kHistory], policy.zone())) return std::nullopt;
  MeetingView read(view, vault, version, pbx, meeting, now);
  read.locator_ = std::move(locator);
  read.filing_ = FileMeeting(read.locator_.facts, policy, now);
  if (now >= DueInstant(read.filing_.days[kHistory], policy.zone())) return std::nullopt;
  return read;
}

std::string MeetingView::Occurrence() const {
  return absl::StrCat(absl::Hex(OccurrenceOf(meeting_), absl::kZeroPad16));
}

absl::Time MeetingView::End() const { return MeetingEndOf(facts()); }

bool MeetingView::ShowsAnything() const {
  return facts().IsMeeting() ||
         std::any_of(kFiledByMeeting.begin(), kFiledByMeeting.end(),
                     [&](CategoryNumber category) { return category != kHistory && Lives(category); });
}

bool MeetingView::IsRunning() const { return IsRunningAt(now_, facts(), End()); }

std::string MeetingView::NameOf(std::string_view participant_id) const {
  return ParticipantName(*vault_, pbx_, RoomOf(meeting_), participant_id);
}

absl::StatusOr<Course> MeetingView::ReadHistory() const {
  return ReadCourse(*view_, *vault_, locator_.days[kHistory], pbx_, meeting_, Opener::kReader);
}

absl::StatusOr<std::vector<FormerSitting>> MeetingView::ReadFormer() const {
  MeetingLocator locator = locator_;
  if (absl::Status s = OpenCarried(*vault_, pbx_, meeting_, locator); !s.ok()) return s;
  return BeforeThoseOf(locator.facts);
}

absl::StatusOr<std::string> MeetingView::MeetingId() const {
  const FiledKey key = MeetingIdKey(locator_.days[kHistory], pbx_, meeting_);
  const auto id = vault_->Open(key, locator_.sealed_id);
  if (IsUnreadable(id.status())) return std::string();
  if (!id.ok()) return id.status();
  return id->Reveal();
}

int64_t MeetingView::BeginMicros() const { return ListedBeginOf(facts()); }

std::optional<absl::Time> MeetingView::NamesLeave() const {
  if (!Lives(kParticipantName)) return std::nullopt;
  return DueInstant(std::min(locator_.days[kParticipantName], filing_.days[kParticipantName]), policy_->zone());
}

bool MeetingView::Stands(stored::v1::ReportNotice::Kind kind, uint64_t number) const {
  if (kind == stored::v1::ReportNotice::KIND_COMPLETE) return locator_.complete_notice == number;
  return locator_.names_notice == number && Lives(kParticipantName);
}

absl::Time MeetingView::HistoryDue() const { return DueInstant(locator_.days[kHistory], policy_->zone()); }

bool MeetingView::NamesMayLive() const {
  if (locator_.days[kParticipantName] != DueDay::None()) return Lives(kParticipantName);
  return now_ < DueInstant(filing_.days[kParticipantName], policy_->zone());
}

bool MeetingView::Lives(CategoryNumber category) const {
  const DueDay day = locator_.days[category];
  if (day == DueDay::None()) return false;
  if (category == kFileShare && absl::ToUnixMicros(now_) >= locator_.files_end_us) return false;
  if (category == kFileShare && now_ >= filing_.files_end) return false;
  return now_ < DueInstant(std::min(day, filing_.days[category]), policy_->zone());
}

absl::Status MeetingView::ForEachRow(const std::string& prefix, bool chunked, Visit visit) const {
  return VisitRows(*view_, prefix, [&](const FiledKey& key, std::string_view envelope) -> absl::Status {
    if (key.day.is_civil() && now_ >= DueInstant(key.day, policy_->zone())) return absl::OkStatus();
    auto plaintext = vault_->Open(key, envelope, Opener::kReader);
    if (absl::IsNotFound(plaintext.status())) return absl::OkStatus();  // a key was destroyed this very moment
    if (!plaintext.ok()) return plaintext.status();
    stored::v1::ValueChunk chunk;
    const bool parsed =
        chunked ? UnpackValues(plaintext->Reveal(), chunk) : chunk.add_values()->ParseFromString(plaintext->Reveal());
    if (!parsed) return absl::DataLossError("a row of a meeting does not parse");
    for (const stored::v1::Value& value : chunk.values()) visit(value);
    return absl::OkStatus();
  });
}

absl::Status MeetingView::ForEachValue(CategoryNumber category, Visit visit) const {
  if (!Lives(category)) return absl::OkStatus();
  const std::string prefix = FiledPrefix(locator_.days[category], category, pbx_, meeting_);
  if (category != kFileShare) return ForEachRow(prefix, /*chunked=*/true, visit);
  return ForEachRow(prefix, /*chunked=*/false, [&](const stored::v1::Value& value) {
    if (now_ < FileEndOf(facts(), FileOf(value))) visit(value);
  });
}

absl::StatusOr<std::string> MeetingView::LatestText(CategoryNumber category) const {
  std::string text;
  LatestValue latest;
  absl::Status status = ForEachValue(category, [&](const stored::v1::Value& value) {
    if (latest.Is(value)) text = value.text();
  });
  if (!status.ok()) return status;
  return text;
}

absl::StatusOr<std::string> MeetingView::Organizer() const {
  const std::string& name = facts().organizer;
  if (name.size() != OwnerId::kBytes) return std::string();
  const auto extension = ReadExtension(*view_, *vault_, pbx_, OwnerId::From(name));
  if (!extension.ok()) return extension.status();
  return extension->has_value() ? (*extension)->number() : std::string();
}

absl::Status MeetingView::ForEachChunk(CategoryNumber category, ChunkVisit visit) const {
  if (!Lives(category)) return absl::OkStatus();
  const std::string prefix = FiledPrefix(locator_.days[category], category, pbx_, meeting_);
  return VisitRows(*view_, prefix, [&](const FiledKey& key, std::string_view envelope) -> absl::Status {
    auto plaintext = vault_->Open(key, envelope, Opener::kReader);
    if (absl::IsNotFound(plaintext.status())) return absl::OkStatus();  // a key was destroyed this very moment
    if (!plaintext.ok()) return plaintext.status();
    stored::v1::ValueChunk chunk;
    if (!UnpackValues(plaintext->Reveal(), chunk)) return absl::DataLossError("a row of a meeting does not parse");
    visit(key.item, chunk);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::optional<stored::v1::ValueChunk>> MeetingView::ReadChunk(CategoryNumber category,
                                                                             const ItemId& item) const {
  if (!Lives(category)) return std::nullopt;
  const FiledKey key{
      .day = locator_.days[category], .category = category, .pbx = pbx_, .owner = meeting_, .item = item};
  auto row = view_->Get(Family::kFiled, key.Encode());
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::nullopt;
  auto plaintext = vault_->Open(key, **row, Opener::kReader);
  if (absl::IsNotFound(plaintext.status())) return std::nullopt;
  if (!plaintext.ok()) return plaintext.status();
  std::optional<stored::v1::ValueChunk> chunk(std::in_place);
  if (!UnpackValues(plaintext->Reveal(), *chunk)) return absl::DataLossError("a row of a meeting does not parse");
  return chunk;
}

void MeetingView::DescribeFacts(v1::Meeting& meeting) const {
  meeting.set_occurrence(Occurrence());
  const OccurrenceFacts& is = facts();
  if (is.plan.has_value()) {
    SetTime(is.plan->start_us, *meeting.mutable_planned_start());
    SetTime(is.plan->end_us, *meeting.mutable_planned_end());
  }
  if (!is.sittings.empty()) SetTime(is.sittings.front().start_us, *meeting.mutable_start_time());
  if (is.TookPlace()) {
    meeting.set_end_presumed(IsOpen(is));
    if (!IsOpen(is)) SetTime(absl::ToUnixMicros(End()), *meeting.mutable_end_time());
  }
  meeting.set_protocolled(is.protocolled);
  meeting.set_present_count(IsRunning() ? is.present : 0);
  SetTime(BeginMicros(), *meeting.mutable_begin_time());
}

v1::Meeting MeetingView::DescribeDamaged() const {
  v1::Meeting meeting;
  DescribeFacts(meeting);
  meeting.set_unreadable(true);
  if (const auto id = MeetingId(); id.ok()) meeting.set_meeting_id(*id);
  return meeting;
}

absl::StatusOr<v1::Meeting> MeetingView::Describe() const {
  v1::Meeting meeting;
  DescribeFacts(meeting);
  auto id = MeetingId();
  if (!id.ok()) return id.status();
  meeting.set_meeting_id(*id);
  auto name = LatestText(kMeetingName);
  if (!name.ok()) return name.status();
  meeting.set_name(*name);
  auto comment = LatestText(kMeetingComment);
  if (!comment.ok()) return comment.status();
  meeting.set_comment(*comment);
  auto organizer = Organizer();
  if (!organizer.ok()) return organizer.status();
  meeting.set_organizer_extension(*organizer);
  return meeting;
}

absl::StatusOr<bool> MeetingView::Contains(std::span<const std::string> polls) const {
  v1::Meeting content;
  if (absl::Status status = AddRecordings(content); !status.ok()) return status;
  if (absl::Status status = AddPolls(polls, content); !status.ok()) return status;
  return !content.recordings().empty() || !content.polls().empty();
}

absl::Status MeetingView::AddContent(std::span<const std::string> polls, v1::Meeting& meeting) const {
  if (absl::Status status = AddRecordings(meeting); !status.ok()) return status;
  ObjectList files;
  absl::Status status = ForEachValue(kFileShare, [&](const stored::v1::Value& value) { files.Add(value); });
  if (!status.ok()) return status;
  files.Put(*meeting.mutable_files());
  // PDFs are the room's, whatever took place in it.
  ObjectList pdfs;
  status = ForEachRow(FiledPrefix(DueDay::Open(), kPdfShare, pbx_, RoomOf(meeting_)), false,
                      [&](const stored::v1::Value& value) { pdfs.Add(value); });
  if (!status.ok()) return status;
  pdfs.Put(*meeting.mutable_pdfs());
  if (status = AddPolls(polls, meeting); !status.ok()) return status;
  LatestValue latest;
  status = ForEachValue(kDialIn, [&](const stored::v1::Value& value) {
    if (!latest.Is(value)) return;
    meeting.set_conference_number(value.dial_in().conference_number());
    *meeting.mutable_dial_in_numbers() = value.dial_in().dial_in_numbers();
  });
  if (!status.ok()) return status;
  std::vector<stored::v1::Value> lines;
  status = ForEachValue(kChatProtocol, [&](const stored::v1::Value& value) { lines.push_back(value); });
  if (!status.ok()) return status;
  std::sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) {
    return std::make_pair(a.time_us(), a.event()) < std::make_pair(b.time_us(), b.event());
  });
  for (const stored::v1::Value& value : lines) {
    v1::ChatLine& line = *meeting.add_chat();
    SetTime(value.time_us(), *line.mutable_time());
    line.set_participant_id(value.participant_id());
    line.set_text(value.text());
  }
  return absl::OkStatus();
}

absl::Status MeetingView::AddRecordings(v1::Meeting& meeting) const {
  ObjectList recordings;
  // They lie under the days that follow from their creation, which is the time of an event of it.
  DueDay first = DueDay::Open();
  DueDay last = DueDay::None();
  for (const Policy* policy : {policy_, &version_->before()}) {
    first = std::min(first, CreationDueDay(kRecording, absl::FromUnixMicros(facts().first_us), *policy));
    last = std::max(last, CreationDueDay(kRecording, absl::FromUnixMicros(facts().last_us), *policy));
  }
  for (DueDay day = std::max(first, LastDueDay(now_, policy_->zone()).Next()); day <= last; day = day.Next()) {
    absl::Status status =
        ForEachRow(FiledPrefix(day, kRecording, pbx_, meeting_), false, [&](const stored::v1::Value& value) {
          const DueDay right = CreationDueDay(kRecording, absl::FromUnixMicros(value.time_us()), *policy_);
          if (now_ < DueInstant(right, policy_->zone())) recordings.Add(value);
        });
    if (!status.ok()) return status;
  }
  recordings.Put(*meeting.mutable_recordings());
  return absl::OkStatus();
}

absl::Status MeetingView::AddPolls(std::span<const std::string> polls, v1::Meeting& meeting) const {
  for (const std::string& owner : polls) {
    if (owner.size() != OwnerId::kBytes) return absl::DataLossError("a poll of a meeting's course has no owner");
    v1::MeetingPoll poll;
    std::string room;
    std::vector<v1::PollAnswered> answers;
    absl::Status status =
        ForEachRow(FiledPrefix(DueDay::Open(), kPoll, pbx_, OwnerId::From(owner)), false, [&](const auto& value) {
          if (value.has_answer()) answers.push_back(value.answer());
          if (!value.has_poll()) return;
          room = value.room();
          poll.set_poll_id(value.poll().poll_id());
          poll.set_question(value.poll().question());
          *poll.mutable_options() = value.poll().options();
        });
    if (!status.ok()) return status;
    if (poll.poll_id().empty()) continue;  // deleted
    // One whose id came again, in another room, is shown where it was created.
    if (room != RoomOf(meeting_).view()) continue;
    poll.mutable_answer_counts()->Resize(poll.options_size(), 0);
    for (const v1::PollAnswered& answer : answers) {
      for (const uint32_t option : answer.option_indexes()) {
        if (option >= static_cast<uint32_t>(poll.options_size())) continue;
        poll.set_answer_counts(static_cast<int>(option), poll.answer_counts(static_cast<int>(option)) + 1);
      }
    }
    *meeting.add_polls() = std::move(poll);
  }
  return absl::OkStatus();
}

}  // namespace retention
