#include "server/recording/room_person.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "server/law/presence.h"
#include "server/rows/row_keys.h"
#include "server/rows/value_chunk.h"
#include "text/normal_address.h"

namespace retention {
namespace {

using Entry = stored::v1::CourseEntry;
using stored::v1::Value;
using stored::v1::ValueChunk;

constexpr size_t kNameBytes = 8;  // of a participant, in history

bool IsOfSomebody(const CourseEvent& event) { return event.participant != 0 && event.kind != Entry::KIND_NOTED; }

}  // namespace

RoomPerson::RoomPerson(const Holdings& holdings, const Room& room, const PersonInRoom& person)
    : holdings_(holdings), room_(room), person_(person), address_(NormalAddress(person.email)) {
  const auto add_mark = [&](std::string_view kind, std::string_view text) {
    if (!text.empty()) marks_.insert(PersonMark(holdings.vault, room.pbx, room.id, kind, text));
  };
  add_mark("user", person.user_id);
  add_mark("address", address_);
  if (person.holder.has_value()) add_mark("extension", person.holder->view());
  if (!person.participant_id.empty()) names_.insert(room.NameOf(holdings.vault, person.participant_id));
}

absl::Status RoomPerson::LearnFrom(const Meeting& meeting, DueDay last_due) {
  for (const CategoryNumber category : {kParticipantName, kParticipantEmail}) {
    const auto learn = [&](const FiledKey&, std::string_view, ValueChunk& chunk) {
      for (const Value& value : chunk.values()) {
        if (IsNamedBy(category, value)) names_.insert(room_.NameOf(holdings_.vault, value.participant_id()));
      }
      return absl::OkStatus();
    };
    if (absl::Status s = VisitValues(meeting, category, last_due, learn); !s.ok()) return s;
  }
  const DueDay day = meeting.locator.days[kHistory];
  if (day == DueDay::None() || day <= last_due) return absl::OkStatus();
  const auto course = ReadCourse(holdings_.store, holdings_.vault, day, meeting.pbx, meeting.id);
  if (!course.ok()) return course.status();
  for (const CourseEvent& event : course->events()) {
    const bool is_marked = std::any_of(event.same.begin(), event.same.end(),
                                       [&](Word word) { return marks_.contains(course->Text(word)); });
    if (is_marked && IsOfSomebody(event)) names_.insert(course->Text(event.participant));
    if (event.kind == Entry::KIND_NOTED && event.participant != 0) polls_.insert(course->Text(event.participant));
  }
  for (const Presence& line : FoldPresence(*course, PresenceOf::kPersons, holdings_.policies.current().cuts)) {
    const auto is_theirs = [&](Word word) { return names_.contains(course->Text(word)); };
    if (!std::any_of(line.participants.begin(), line.participants.end(), is_theirs)) continue;
    for (const Word word : line.participants) names_.insert(course->Text(word));
  }
  return absl::OkStatus();
}

bool RoomPerson::Are(const Course& course, const CourseEvent& event) const {
  return IsOfSomebody(event) && names_.contains(course.Text(event.participant));
}

bool RoomPerson::Own(CategoryNumber category, const Value& value) const {
  if (IsNamedBy(category, value)) return true;
  return !value.participant_id().empty() && names_.contains(room_.NameOf(holdings_.vault, value.participant_id()));
}

absl::StatusOr<CourseEvent> RoomPerson::Unnamed(const CourseEvent& event, Course& course) {
  auto name = DrawnFor(course.Text(event.participant));
  if (!name.ok()) return name.status();
  CourseEvent unnamed{.event = event.event, .time_us = event.time_us, .kind = event.kind};
  unnamed.participant = course.WordFor(*name);
  unnamed.sitting = event.sitting;
  unnamed.released_through = event.released_through;
  const auto connection = DrawnFor(event.connection);
  if (!connection.ok()) return connection.status();
  unnamed.connection = *connection;
  return unnamed;
}

absl::StatusOr<bool> RoomPerson::UnnameCarried(OccurrenceFacts& facts) {
  std::map<uint64_t, std::string> theirs;  // by fingerprint
  for (const std::string& name : names_) theirs.emplace(ParticipantFingerprint(name), name);
  bool any = false;
  for (SittingFacts& sitting : facts.sittings) {
    for (CarriedConnection& carried : sitting.carried) {
      const auto name = theirs.find(carried.participant);
      if (name == theirs.end()) continue;
      const auto drawn = DrawnFor(name->second);
      if (!drawn.ok()) return drawn.status();
      const auto connection = DrawnFor(carried.connection);
      if (!connection.ok()) return connection.status();
      carried.participant = ParticipantFingerprint(*drawn);
      carried.connection = *connection;
      any = true;
    }
  }
  return any;
}

absl::Status RoomPerson::VisitValues(const Meeting& meeting, CategoryNumber category, DueDay last_due,
                                     VisitChunk visit) const {
  const auto unpack = [&](const FiledKey& key, std::string_view envelope, const std::string& row) -> RowOutcome {
    ValueChunk chunk;
    if (!UnpackValues(row, chunk)) return RowOutcome::Malformed();
    return visit(key, envelope, chunk);
  };
  return VisitOpened(meeting, category, last_due, unpack);
}

absl::Status RoomPerson::VisitOpened(const Meeting& meeting, CategoryNumber category, DueDay last_due,
                                     OpenedRowVisit visit) const {
  const DueDay day = meeting.locator.days[category];
  if (day == DueDay::None() || day <= last_due) return absl::OkStatus();
  const std::string prefix = FiledPrefix(day, category, meeting.pbx, meeting.id);
  return VisitOpenedRows(holdings_.store, holdings_.vault, prefix, Opener::kEngine, visit);
}

bool RoomPerson::IsNamedBy(CategoryNumber category, const Value& value) const {
  if (category == kParticipantEmail) return !address_.empty() && NormalAddress(value.text()) == address_;
  return category == kParticipantName && !value.text().empty() && value.text() == person_.display_name;
}

absl::StatusOr<std::string> RoomPerson::DrawnFor(const std::string& name) {
  std::string& drawn = drawn_[name];
  if (!drawn.empty()) return drawn;
  std::array<uint8_t, kNameBytes> bytes{};
  if (absl::Status s = holdings_.random.Fill(bytes.data(), bytes.size()); !s.ok()) return s;
  drawn.assign(bytes.begin(), bytes.end());
  return drawn;
}

absl::StatusOr<uint64_t> RoomPerson::DrawnFor(uint64_t connection) {
  if (connection == 0) return 0;
  const auto drawn = DrawnFor(absl::StrCat(connection));
  if (!drawn.ok()) return drawn.status();
  uint64_t number = 0;
  for (const char byte : *drawn) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

}  // namespace retention
