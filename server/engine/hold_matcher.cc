#include "server/engine/hold_matcher.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "server/engine/course.h"
#include "server/engine/meeting_book.h"
#include "server/engine/object_rows.h"

namespace retention {
namespace {

using stored::v1::CourseChunk;
using stored::v1::Value;

// Answers that are remembered of each kind.
constexpr size_t kMaxRemembered = 4096;

template <typename Memory>
void BoundMemory(Memory& memory) {
  if (memory.size() >= kMaxRemembered) memory.clear();
}

bool NamesExtension(const Hold& hold) { return ExtensionOfScope(hold.terms.scope()) != nullptr; }

bool IsOfMeeting(CategoryNumber category) { return category != kPbxSync && category != kPoll; }

// The entries of a chunk that are the participants' or nobody's; none at all if none is theirs. Words and persons that
// only others' entries need are left out.
CourseChunk PartOfCourse(const CourseChunk& chunk, const std::set<std::string>& participants) {
  CourseChunk part;
  std::map<uint32_t, uint32_t> words;
  const auto word = [&](uint32_t number) -> uint32_t {
    if (number == 0 || number > static_cast<uint32_t>(chunk.words_size())) return 0;
    const auto [it, inserted] = words.try_emplace(number, static_cast<uint32_t>(part.words_size()) + 1);
    if (inserted) part.add_words(chunk.words(static_cast<int>(number) - 1));
    return it->second;
  };
  bool theirs = false;
  for (const stored::v1::CourseEntry& entry : chunk.entries()) {
    const uint32_t participant = entry.participant();
    if (participant != 0) {
      if (participant > static_cast<uint32_t>(chunk.words_size())) continue;
      if (!participants.contains(chunk.words(static_cast<int>(participant) - 1))) continue;
      theirs = true;
    }
    stored::v1::CourseEntry& kept = *part.add_entries();
    kept = entry;
    kept.clear_person();
    kept.set_participant(word(participant));
    kept.set_client(word(entry.client()));
    kept.set_site(word(entry.site()));
    if (entry.has_plan()) {
      kept.mutable_plan()->set_organizer(word(entry.plan().organizer()));
      kept.mutable_plan()->set_meeting_id(word(entry.plan().meeting_id()));
    }
  }
  return theirs ? part : CourseChunk();
}

}  // namespace

absl::StatusOr<HeldPart> HoldMatcher::Match(const FiledKey& key, const std::string& row, uint32_t values) {
  const HeldPart nothing;
  const HeldPart all{.values = values, .whole = true};
  if (values == 0) return nothing;
  const std::vector<HoldPtr> holds = holds_of_(key.pbx);
  if (holds.empty()) return nothing;
  for (const HoldPtr& hold : holds) {
    const v1::HoldScope& scope = hold->terms.scope();
    if (scope.has_controller_id() || scope.has_pbx_id()) return all;
  }
  if (!IsOfMeeting(key.category)) {
    Value value;
    if (!value.ParseFromString(row)) return absl::DataLossError("a row of a PBX or poll does not parse");
    for (const HoldPtr& hold : holds) {
      auto held = key.category == kPoll ? HoldsPollRow(*hold, key, value) : HoldsPbxRow(*hold, key, value);
      if (!held.ok()) return held.status();
      if (*held) return all;
    }
    return nothing;
  }
  const MeetingName meeting(key.pbx, key.owner);
  for (const HoldPtr& hold : holds) {
    auto held = HoldsMeeting(*hold, meeting);
    if (!held.ok()) return held.status();
    if (*held) return all;
  }
  if (key.category == kPdfShare) {
    // It names who scheduled its meeting, and outlives the history that does.
    Value value;
    if (!value.ParseFromString(row)) return absl::DataLossError("an object's row does not parse");
    for (const HoldPtr& hold : holds) {
      if (hold->terms.scope().has_extension() && value.extension() == hold->owner.view()) return all;
    }
  }
  if (IsObject(key.category)) return nothing;
  Participants participants;
  for (const HoldPtr& hold : holds) {
    if (!hold->terms.scope().has_subject()) continue;
    auto subject = SubjectIn(*hold, meeting);
    if (!subject.ok()) return subject.status();
    participants.insert((*subject)->begin(), (*subject)->end());
  }
  if (participants.empty()) return nothing;
  HeldPart held;
  if (key.category == kHistory) {
    CourseChunk chunk;
    if (!chunk.ParseFromString(row)) return absl::DataLossError("a row of a meeting's course does not parse");
    const CourseChunk part = PartOfCourse(chunk, participants);
    held.values = static_cast<uint32_t>(part.entries_size());
    held.row = part.SerializeAsString();
  } else {
    stored::v1::ValueChunk chunk;
    stored::v1::ValueChunk part;
    if (!chunk.ParseFromString(row)) return absl::DataLossError("a row of a meeting does not parse");
    for (const Value& value : chunk.values()) {
      if (!value.participant_id().empty() && participants.contains(value.participant_id())) *part.add_values() = value;
    }
    held.values = static_cast<uint32_t>(part.values_size());
    held.row = part.SerializeAsString();
  }
  return held;
}

absl::StatusOr<bool> HoldMatcher::HoldsPbxRow(const Hold& hold, const FiledKey& key, const Value& value) const {
  if (!value.has_pbx_extension()) return false;
  if (NamesExtension(hold) && key.owner == hold.owner) return true;
  return hold.terms.scope().has_subject() && !hold.email.empty() &&
         absl::AsciiStrToLower(value.pbx_extension().email()) == hold.email;
}

absl::StatusOr<bool> HoldMatcher::HoldsPollRow(const Hold& hold, const FiledKey& key, const Value& value) {
  if (NamesExtension(hold)) {
    auto extension = OwnerOfPoll({key.pbx, key.owner});
    if (!extension.ok()) return extension.status();
    if (*extension == hold.owner.view()) return true;
  }
  if (value.meeting_id().empty()) return false;
  const MeetingName meeting(key.pbx, MeetingOwner(vault_, key.pbx, value.meeting_id()));
  auto held = HoldsMeeting(hold, meeting);
  if (!held.ok() || *held) return held;
  if (!hold.terms.scope().has_subject() || !value.has_answer()) return false;
  auto subject = SubjectIn(hold, meeting);
  if (!subject.ok()) return subject.status();
  return (*subject)->contains(value.answer().participant_id());
}

absl::StatusOr<bool> HoldMatcher::HoldsMeeting(const Hold& hold, const MeetingName& meeting) {
  const v1::HoldScope& scope = hold.terms.scope();
  if (scope.has_meeting()) return meeting.second == hold.owner;
  if (!scope.has_extension()) return false;
  auto organizer = OrganizerOf(meeting);
  if (!organizer.ok()) return organizer.status();
  return *organizer == hold.owner.view();
}

absl::StatusOr<const HoldMatcher::Participants*> HoldMatcher::SubjectIn(const Hold& hold, const MeetingName& meeting) {
  const auto remembered = subjects_.find({hold.number, meeting});
  if (remembered != subjects_.end()) return &remembered->second;
  const v1::HoldSubject& subject = hold.terms.scope().subject();
  Participants participants;
  absl::Status status;
  const auto collect = [&](CategoryNumber category, const auto& is_theirs) {
    return VisitRows(category, meeting, [&](const std::string& row) {
      stored::v1::ValueChunk chunk;
      if (!chunk.ParseFromString(row)) return;
      for (const Value& value : chunk.values()) {
        if (is_theirs(value.text()) && !value.participant_id().empty()) participants.insert(value.participant_id());
      }
    });
  };
  if (subject.has_display_name()) {
    if (meeting.second == hold.owner) {
      status =
          collect(kParticipantName, [&](const std::string& name) { return name == subject.display_name().name(); });
    }
  } else if (!hold.email.empty()) {
    status = collect(kParticipantEmail,
                     [&](const std::string& email) { return absl::AsciiStrToLower(email) == hold.email; });
  }
  if (!status.ok()) return status;
  BoundMemory(subjects_);
  return &subjects_.insert_or_assign({hold.number, meeting}, std::move(participants)).first->second;
}

absl::StatusOr<std::string> HoldMatcher::OrganizerOf(const MeetingName& meeting) {
  if (const auto it = organizers_.find(meeting); it != organizers_.end()) return it->second;
  Course course;
  absl::Status status = VisitRows(kHistory, meeting, [&](const std::string& row) {
    CourseChunk chunk;
    if (chunk.ParseFromString(row)) course.AddChunk(chunk, DueDay());
  });
  if (!status.ok()) return status;
  const std::string organizer = course.Text(course.Fold(absl::UnixEpoch()).organizer);
  BoundMemory(organizers_);
  organizers_[meeting] = organizer;
  return organizer;
}

absl::StatusOr<std::string> HoldMatcher::OwnerOfPoll(const MeetingName& poll) {
  if (const auto it = poll_owners_.find(poll); it != poll_owners_.end()) return it->second;
  std::string extension;
  absl::Status status = VisitRows(kPoll, poll, [&](const std::string& row) {
    Value value;
    if (value.ParseFromString(row) && value.has_poll()) extension = value.extension();
  });
  if (!status.ok()) return status;
  BoundMemory(poll_owners_);
  poll_owners_[poll] = extension;
  return extension;
}

const std::vector<DueDay>& HoldMatcher::DaysOf(CategoryNumber category) {
  const auto [it, inserted] = days_.try_emplace(category);
  if (inserted) {
    for (const auto& [day, counts] : counts_.Read()) {
      if (day != DueDay::Held() && counts[category].rows > 0) it->second.push_back(day);
    }
  }
  return it->second;
}

absl::Status HoldMatcher::VisitRows(CategoryNumber category, const MeetingName& owner,
                                    absl::FunctionRef<void(const std::string& row)> visit) {
  std::vector<DueDay> days;
  const auto locator_row = view_.Get(Family::kState, LocatorKey(owner.first, owner.second));
  if (!locator_row.ok()) return locator_row.status();
  const auto locator = locator_row->has_value() ? MeetingLocator::Parse(**locator_row) : std::nullopt;
  if (locator.has_value() && locator->days[category] != DueDay()) {
    days.push_back(locator->days[category]);
  } else {
    days = DaysOf(category);
  }
  days.push_back(DueDay::Held());
  for (const DueDay day : days) {
    auto cursor = view_.ScanPrefix(Family::kFiled, FiledPrefix(day, category, owner.first, owner.second));
    for (; cursor->Valid(); cursor->Next()) {
      if (Vault::ValueCount(cursor->value()) == 0) continue;
      const auto key = FiledKey::Decode(cursor->key());
      if (!key.has_value()) return absl::DataLossError("a key of family filed does not parse");
      auto plaintext = vault_.Open(*key, cursor->value());
      // It ended, or is damaged: then it says nothing, and what others say is heard all the same.
      if (absl::IsNotFound(plaintext.status()) || absl::IsDataLoss(plaintext.status())) continue;
      if (!plaintext.ok()) return plaintext.status();
      stored::v1::HeldRow held;
      if (day == DueDay::Held() && !held.ParseFromString(plaintext->Reveal())) continue;
      visit(day == DueDay::Held() ? held.row() : plaintext->Reveal());
    }
    if (absl::Status status = cursor->status(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace retention
