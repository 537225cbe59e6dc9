#include "server/holds/hold_matcher.h"

#include <algorithm>
#include <optional>

#include "absl/strings/escaping.h"
#include "server/law/course.h"
#include "server/meetings/locator.h"
#include "server/rows/object_rows.h"
#include "server/rows/opened_rows.h"
#include "server/rows/row_keys.h"
#include "server/rows/value_chunk.h"
#include "text/normal_address.h"

namespace retention {
namespace {

using stored::v1::CourseChunk;
using stored::v1::Value;

// Answers that are remembered of each kind.
constexpr size_t kMaxRemembered = 4096;

// A row that is damaged is lost. This is not: whoever asked has to come again, for the row that was asked about may be
// held.
absl::Status CannotTell() { return absl::UnavailableError("what says whose a value is cannot be read now"); }

template <typename Memory>
void BoundMemory(Memory& memory) {
  if (memory.size() >= kMaxRemembered) memory.clear();
}

// Whether the claims of any hold are what `is` looks for.
template <typename Claim>
bool AnyOf(const HoldConcerns& concerns, const Claim& is) {
  return std::any_of(concerns.begin(), concerns.end(), is);
}

bool CoversExtension(const HoldConcern& concern, const OwnerId& extension) {
  return concern.claims->extensions.contains(extension) || concern.claims->persons.contains(extension);
}

bool CoversPbxRow(const HoldConcerns& concerns, const FiledKey& key, const Value& value) {
  if (!value.has_pbx_extension()) return false;
  const std::string email = NormalAddress(value.pbx_extension().email());
  return AnyOf(concerns, [&](const HoldConcern& concern) {
    return CoversExtension(concern, key.owner) || concern.CoversEmail(email);
  });
}

// The extension that a row names; nullopt if it names none.
std::optional<OwnerId> NamedExtension(std::string_view name) {
  if (name.size() != OwnerId::kBytes) return std::nullopt;
  return OwnerId::From(name);
}

bool IsOfMeeting(CategoryNumber category) { return category != kPbxSync && category != kPoll; }

// The events of a row that are the participants' or nobody's, without persons; none at all if none is theirs. Words
// that only others' events need are left out. Nothing if the row is malformed.
std::optional<CourseChunk> PartOfCourse(const CourseChunk& chunk, const std::set<std::string>& participants) {
  Course course;
  if (!course.AddChunk(chunk)) return std::nullopt;
  std::vector<CourseEvent> kept;
  bool theirs = false;
  course.ForEach([&](const CourseEvent& event) {
    const bool is_theirs = participants.contains(course.Text(event.participant));
    if (event.participant != 0 && !is_theirs) return;
    theirs |= is_theirs;
    kept.push_back(event);
  });
  return theirs ? course.ChunkOf(kept, MeetingIdIn(chunk)) : CourseChunk();
}

// Who scheduled it, or else started it.
std::string OrganizerIn(const Course& course) {
  Word scheduled = 0;
  Word started = 0;
  for (const CourseEvent& event : course.events()) {
    if (event.plan.organizer == 0) continue;
    (event.kind == stored::v1::CourseEntry::KIND_SCHEDULED ? scheduled : started) = event.plan.organizer;
  }
  return course.Text(scheduled != 0 ? scheduled : started);
}

}  // namespace

absl::StatusOr<KeptPart> HoldMatcher::Match(const FiledKey& key, const std::string& row, uint32_t values) {
  const KeptPart nothing;
  const KeptPart all{.values = values, .whole = true};
  if (values == 0) return nothing;
  const HoldConcerns concerns = concerns_of_(key.pbx);
  if (concerns.empty()) return nothing;
  if (AnyOf(concerns, [](const HoldConcern& concern) { return concern.CoversAll(); })) return all;
  if (!IsOfMeeting(key.category)) {
    Value value;
    if (!value.ParseFromString(row)) return absl::DataLossError("a row of a PBX or poll does not parse");
    if (key.category == kPbxSync) return CoversPbxRow(concerns, key, value) ? all : nothing;
    auto covered = CoversPollRow(concerns, key, value);
    if (!covered.ok()) return covered.status();
    return *covered ? all : nothing;
  }
  const MeetingName meeting(key.pbx, key.owner);
  if (key.category == kPdfShare) {
    // It names who scheduled its meeting, and outlives the history that does.
    Value value;
    if (!value.ParseFromString(row)) return absl::DataLossError("an object's row does not parse");
    const auto extension = NamedExtension(value.extension());
    const bool is_held = AnyOf(concerns, [&](const HoldConcern& concern) {
      return concern.claims->meetings.contains(key.owner) ||
             (extension.has_value() && concern.claims->extensions.contains(*extension));
    });
    return is_held ? all : nothing;
  }
  auto covered = CoversMeeting(concerns, meeting);
  if (!covered.ok()) return covered.status();
  if (*covered) return all;
  if (IsObject(key.category)) return nothing;
  auto persons = PersonsIn(concerns, meeting);
  if (!persons.ok()) return persons.status();
  const Participants& participants = **persons;
  if (participants.empty()) return nothing;
  KeptPart kept;
  if (key.category == kHistory) {
    CourseChunk chunk;
    if (!chunk.ParseFromString(row)) return absl::DataLossError("a row of a meeting's course does not parse");
    std::set<std::string> names;
    for (const std::string& id : participants) names.insert(ParticipantName(vault_, key.pbx, RoomOf(key.owner), id));
    const auto part = PartOfCourse(chunk, names);
    if (!part.has_value()) return absl::DataLossError("a row of a meeting's course does not parse");
    kept.values = EventsIn(*part);
    kept.row = part->SerializeAsString();
  } else {
    stored::v1::ValueChunk chunk;
    stored::v1::ValueChunk part;
    if (!UnpackValues(row, chunk)) return absl::DataLossError("a row of a meeting does not parse");
    for (const Value& value : chunk.values()) {
      if (!value.participant_id().empty() && participants.contains(value.participant_id())) *part.add_values() = value;
    }
    kept.values = static_cast<uint32_t>(part.values_size());
    kept.row = PackValues(part);
  }
  return kept;
}

absl::StatusOr<bool> HoldMatcher::CoversPollRow(const HoldConcerns& concerns, const FiledKey& key, const Value& value) {
  const bool by_extension = AnyOf(concerns, [](const HoldConcern& concern) {
    return !concern.claims->extensions.empty() || !concern.claims->persons.empty();
  });
  if (by_extension) {
    auto name = OwnerOfPoll({key.pbx, key.owner});
    if (!name.ok()) return name.status();
    const auto extension = NamedExtension(*name);
    const auto is_theirs = [&](const HoldConcern& concern) { return CoversExtension(concern, *extension); };
    if (extension.has_value() && AnyOf(concerns, is_theirs)) return true;
  }
  if (value.room().size() != RoomId::kBytes) return false;
  const MeetingName meeting(key.pbx, RoomOwner(RoomId::From(value.room())));
  auto covered = CoversMeeting(concerns, meeting);
  if (!covered.ok() || *covered || !value.has_answer()) return covered;
  auto persons = PersonsIn(concerns, meeting);
  if (!persons.ok()) return persons.status();
  return std::any_of((*persons)->begin(), (*persons)->end(), [&](const std::string& id) {
    const std::string name = ParticipantName(vault_, key.pbx, RoomOf(meeting.second), id);
    return value.answer().participant_id() == absl::BytesToHexString(name);
  });
}

absl::StatusOr<bool> HoldMatcher::CoversMeeting(const HoldConcerns& concerns, const MeetingName& meeting) {
  const OwnerId room = RoomOwner(RoomOf(meeting.second));
  const auto names_it = [&](const HoldConcern& concern) { return concern.claims->meetings.contains(room); };
  if (AnyOf(concerns, names_it)) return true;
  const auto names_extensions = [](const HoldConcern& concern) { return !concern.claims->extensions.empty(); };
  if (!AnyOf(concerns, names_extensions)) return false;
  auto names = OrganizersOf(meeting);
  if (!names.ok()) return names.status();
  return std::any_of(names->begin(), names->end(), [&](const std::string& name) {
    const auto organizer = NamedExtension(name);
    return organizer.has_value() &&
           AnyOf(concerns, [&](const HoldConcern& concern) { return concern.claims->extensions.contains(*organizer); });
  });
}

absl::StatusOr<const HoldMatcher::Participants*> HoldMatcher::PersonsIn(const HoldConcerns& concerns,
                                                                        const MeetingName& meeting) {
  const auto remembered = persons_.find(meeting);
  if (remembered != persons_.end()) return &remembered->second;
  Participants participants;
  const auto collect = [&](CategoryNumber category, const auto& is_theirs) {
    return VisitRows(category, meeting, [&](const std::string& row) {
      stored::v1::ValueChunk chunk;
      if (!UnpackValues(row, chunk)) return;
      for (const Value& value : chunk.values()) {
        if (!value.participant_id().empty() && is_theirs(value.text())) participants.insert(value.participant_id());
      }
    });
  };
  for (const HoldConcern& concern : concerns) {
    if (const auto names = concern.claims->names.find(RoomOwner(RoomOf(meeting.second)));
        names != concern.claims->names.end()) {
      const auto is_named = [&](const std::string& name) { return names->second.contains(name); };
      if (absl::Status status = collect(kParticipantName, is_named); !status.ok()) return status;
    }
    if (concern.claims->emails.empty()) continue;
    const auto is_addressed = [&](const std::string& email) { return concern.CoversEmail(NormalAddress(email)); };
    if (absl::Status status = collect(kParticipantEmail, is_addressed); !status.ok()) return status;
  }
  BoundMemory(persons_);
  return &persons_.insert_or_assign(meeting, std::move(participants)).first->second;
}

absl::StatusOr<std::set<std::string>> HoldMatcher::OrganizersOf(const MeetingName& meeting) {
  if (const auto it = organizers_.find(meeting); it != organizers_.end()) return it->second;
  Course course;
  absl::Status status = VisitRows(kHistory, meeting, [&](const std::string& row) {
    CourseChunk chunk;
    if (chunk.ParseFromString(row)) course.AddChunk(chunk);
  });
  if (!status.ok()) return status;
  std::set<std::string> organizers;
  const auto locator = view_.Get(Family::kState, LocatorKey(meeting.first, meeting.second));
  if (!locator.ok()) return CannotTell();
  if (const auto known = locator->has_value() ? MeetingLocator::Parse(**locator) : std::nullopt; known.has_value()) {
    organizers.insert(known->facts.organizer);  // also of a plan that it took over
  }
  if (OccurrenceOf(meeting.second) == 0) {
    // Of a room: of any of its occurrences.
    for (const CourseEvent& event : course.events()) organizers.insert(course.Text(event.plan.organizer));
  } else {
    organizers.insert(OrganizerIn(course));
  }
  BoundMemory(organizers_);
  organizers_[meeting] = organizers;
  return organizers;
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
      if (day != DueDay::Kept() && counts[category].rows > 0) it->second.push_back(day);
    }
  }
  return it->second;
}

absl::Status HoldMatcher::VisitRows(CategoryNumber category, const MeetingName& owner,
                                    absl::FunctionRef<void(const std::string& row)> visit) {
  std::vector<DueDay> days;
  // Of a room: of all that takes place in it.
  const auto prefix_under = [&](DueDay day) {
    return OccurrenceOf(owner.second) == 0 ? FiledPrefix(day, category, owner.first, RoomOf(owner.second))
                                           : FiledPrefix(day, category, owner.first, owner.second);
  };
  const auto locator_row = view_.Get(Family::kState, LocatorKey(owner.first, owner.second));
  if (!locator_row.ok()) return CannotTell();
  const auto locator = locator_row->has_value() ? MeetingLocator::Parse(**locator_row) : std::nullopt;
  if (locator.has_value() && locator->days[category] != DueDay::None()) {
    days.push_back(locator->days[category]);
  } else {
    days = DaysOf(category);
  }
  days.push_back(DueDay::Kept());
  // What ended, or is damaged, says nothing, and what others say is heard all the same.
  const auto hear = [&](const FiledKey& key, std::string_view envelope, const std::string& row) {
    stored::v1::KeptRow kept;
    const bool is_kept = key.day == DueDay::Kept();
    if (Vault::ValueCount(envelope) == 0 || (is_kept && !kept.ParseFromString(row))) return absl::OkStatus();
    visit(is_kept ? kept.row() : row);
    return absl::OkStatus();
  };
  for (const DueDay day : days) {
    if (!VisitOpenedRows(view_, vault_, prefix_under(day), Opener::kEngine, hear).ok()) return CannotTell();
  }
  return absl::OkStatus();
}

}  // namespace retention
