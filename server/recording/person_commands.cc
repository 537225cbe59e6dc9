#include "server/recording/person_commands.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/recording/event_cutting.h"
#include "server/recording/event_intake.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"
#include "server/rows/value_chunk.h"
#include "text/normal_address.h"

namespace retention {
namespace {

using stored::v1::CourseChunk;
using stored::v1::Value;
using stored::v1::ValueChunk;

// Of values in rows of an occurrence, whose they are is said. (Of objects nobody is the author.)
constexpr std::array kOfPeople = {kParticipantName, kParticipantEmail, kParticipantIp, kChatProtocol};

absl::Status PersonUnknown() {
  return ErrorWithReason(absl::StatusCode::kNotFound, "PERSON_UNKNOWN", "the meeting holds nothing of such a person");
}

// What of a row is theirs, and what is not.
struct Division {
  std::string theirs;
  uint32_t their_values = 0;
  std::string others;
  uint32_t other_values = 0;
  uint64_t first_event = 0;  // of theirs
};

Division DivideValues(CategoryNumber category, ValueChunk& chunk, const RoomPerson& people) {
  Division division;
  ValueChunk theirs;
  ValueChunk others;
  for (const Value& value : chunk.values()) {
    const bool own = people.Own(category, value);
    if (own && theirs.values().empty()) division.first_event = value.event();
    *(own ? theirs : others).add_values() = value;
  }
  division.their_values = static_cast<uint32_t>(theirs.values_size());
  division.other_values = static_cast<uint32_t>(others.values_size());
  division.theirs = PackValues(theirs);
  division.others = PackValues(others);
  return division;
}

// The events of a row of history; nullopt if it is malformed.
struct HistoryRow {
  Course course;
  std::string meeting_id;
  std::vector<CourseEvent> events;
  std::vector<CourseEvent> theirs;

  std::string RowOf(const std::vector<CourseEvent>& some) const {
    return course.ChunkOf(some, meeting_id).SerializeAsString();
  }
};
std::optional<HistoryRow> ReadHistory(const std::string& row, const RoomPerson& people) {
  CourseChunk chunk;
  HistoryRow history;
  if (!chunk.ParseFromString(row) || !history.course.AddChunk(chunk)) return std::nullopt;
  history.meeting_id = MeetingIdIn(chunk);
  history.course.ForEach([&](const CourseEvent& event) {
    history.events.push_back(event);
    if (people.Are(history.course, event)) history.theirs.push_back(event);
  });
  return history;
}

Division DivideHistory(const HistoryRow& history, const RoomPerson& people) {
  std::vector<CourseEvent> others;
  for (const CourseEvent& event : history.events) {
    if (!people.Are(history.course, event)) others.push_back(event);
  }
  return {.theirs = history.RowOf(history.theirs),
          .their_values = static_cast<uint32_t>(history.theirs.size()),
          .others = history.RowOf(others),
          .other_values = static_cast<uint32_t>(others.size()),
          .first_event = history.theirs.empty() ? 0 : history.theirs.front().event};
}

RowPart Part(const FiledKey& key, std::string plaintext, uint32_t values, std::string_view ends_for = {}) {
  return {.key = key, .plaintext = Personal(std::move(plaintext)), .values = values, .ends_for = ends_for};
}

}  // namespace

absl::Status PersonCommands::InEach(std::string_view pbx_id, std::string_view meeting_id, const PersonInRoom& person,
                                    Change& change,
                                    absl::FunctionRef<absl::StatusOr<bool>(Meeting& meeting, RoomPerson& people)> act) {
  if (person.participant_id.empty() && person.email.empty() && person.user_id.empty() && person.display_name.empty() &&
      !person.holder.has_value()) {
    return InvalidField("person", "names nobody");
  }
  const auto pbx = holdings_.registry.Find(pbx_id, change.now());
  if (!pbx.has_value()) return PbxUnknown();
  const auto found = cache_.Find(*pbx, meeting_id, change.last_due());
  if (!found.ok()) return found.status();
  Room& room = **found;
  if (room.meetings.empty()) {
    cache_.Forget(room.pbx, room.id);
    return MeetingUnknown();
  }
  cache_.Edit(room, change);
  RoomPerson people(holdings_, room, person);
  // Twice: what names them in one occurrence may be over in another, where a participant's identifier tells.
  const int passes = room.meetings.size() == 1 ? 1 : 2;
  for (int pass = 0; pass < passes; ++pass) {
    for (const auto& [number, meeting] : room.meetings) {
      if (absl::Status s = people.LearnFrom(meeting, change.last_due()); !s.ok()) return s;
    }
  }
  bool any = false;
  for (auto& [number, meeting] : room.meetings) {
    const auto acted = act(meeting, people);
    if (!acted.ok()) return acted.status();
    if (*acted) {
      if (absl::Status s = filer_.Renew(meeting, change); !s.ok()) return s;
    }
    any |= *acted;
  }
  // The cut knows them by names that they may not have any more.
  cache_.Forget(room.pbx, room.id);
  return any ? absl::OkStatus() : PersonUnknown();
}

absl::Status PersonCommands::Erase(std::string_view pbx_id, std::string_view meeting_id, const PersonInRoom& person,
                                   std::string_view reason, Change& change) {
  bool votes_erased = false;
  const auto erase = [&](Meeting& meeting, RoomPerson& people) -> absl::StatusOr<bool> {
    bool any = false;
    for (const CategoryNumber category : kOfPeople) {
      const auto divide = [&](const FiledKey& key, std::string_view envelope, ValueChunk& chunk) -> absl::Status {
        Division division = DivideValues(category, chunk, people);
        if (division.their_values == 0) return absl::OkStatus();
        any = true;
        std::vector<RowPart> parts;
        parts.push_back(Part(key, std::move(division.theirs), division.their_values, reason));
        if (division.other_values > 0) parts.push_back(Part(key, std::move(division.others), division.other_values));
        return change.Divide(key, envelope, std::move(parts));
      };
      if (absl::Status s = people.VisitValues(meeting, category, change.last_due(), divide); !s.ok()) return s;
    }
    const auto unname = [&](const FiledKey& key, std::string_view envelope, const std::string& row) -> absl::Status {
      auto history = ReadHistory(row, people);
      if (!history.has_value() || history->theirs.empty()) return absl::OkStatus();
      any = true;
      std::vector<RowPart> parts;
      parts.push_back(
          Part(key, history->RowOf(history->theirs), static_cast<uint32_t>(history->theirs.size()), reason));
      for (CourseEvent& event : history->events) {
        if (!people.Are(history->course, event)) continue;
        auto unnamed = people.Unnamed(event, history->course);
        if (!unnamed.ok()) return unnamed.status();
        event = *std::move(unnamed);
      }
      parts.push_back(Part(key, history->RowOf(history->events), static_cast<uint32_t>(history->events.size())));
      return change.Divide(key, envelope, std::move(parts));
    };
    if (absl::Status s = people.VisitOpened(meeting, kHistory, change.last_due(), unname); !s.ok()) return s;
    const auto carried = people.UnnameCarried(meeting.locator.facts);
    if (!carried.ok()) return carried.status();
    any |= *carried;
    if (!std::exchange(votes_erased, true)) {
      if (absl::Status s = EraseVotes(people, reason, change); !s.ok()) return s;
    }
    return any;
  };
  return InEach(pbx_id, meeting_id, person, change, erase);
}

absl::Status PersonCommands::EraseVotes(const RoomPerson& people, std::string_view reason, Change& change) {
  const PbxId& pbx = people.room().pbx;
  for (const std::string& poll : people.polls()) {
    if (poll.size() != OwnerId::kBytes) continue;
    for (const std::string& name : people.names()) {
      FiledKey key = PollMarkKey(pbx, OwnerId::From(poll));
      key.item = EventItem(holdings_.vault, pbx, name);
      auto row = holdings_.store.Get(Family::kFiled, key.Encode());
      if (!row.ok()) return row.status();
      if (!row->has_value() || Vault::ValueCount(**row) == 0) continue;
      if (absl::Status s = change.Drop(key, **row, "", reason); !s.ok()) return s;
      // What is sent again was given before.
      Value mark;
      mark.set_time_us(absl::ToUnixMicros(change.now()));
      change.File(key, Personal(mark.SerializeAsString()), 0);
    }
  }
  return absl::OkStatus();
}

absl::Status PersonCommands::Rectify(std::string_view pbx_id, std::string_view meeting_id, const PersonInRoom& person,
                                     const Rectification& rectification, Change& change) {
  const CategoryNumber category = rectification.category;
  const bool is_address = category == kParticipantEmail;
  if (!is_address && category != kParticipantName) return InvalidField("category", "names and addresses alone");
  if (rectification.is.empty()) return InvalidField("is", "must not be empty");
  if (is_address) {
    if (const char* why = WhyNoEmail(rectification.is); why != nullptr) return InvalidField("is", why);
  } else if (rectification.is.size() > kMaxNameBytes) {
    return InvalidField("is", "is too long");
  }
  const std::string was = is_address ? NormalAddress(rectification.was) : rectification.was;
  const auto is_wrong = [&](const Value& value) {
    return (is_address ? NormalAddress(value.text()) : value.text()) == was && !value.text().empty();
  };
  const auto rectify = [&](Meeting& meeting, RoomPerson& people) -> absl::StatusOr<bool> {
    bool any = false;
    const auto correct = [&](const FiledKey& key, std::string_view envelope, ValueChunk& chunk) -> absl::Status {
      ValueChunk wrong;
      for (Value& value : *chunk.mutable_values()) {
        if (!is_wrong(value) || !people.Own(category, value)) continue;
        *wrong.add_values() = value;
        value.set_text(rectification.is);
      }
      if (wrong.values().empty()) return absl::OkStatus();
      any = true;
      const auto wrong_values = static_cast<uint32_t>(wrong.values_size());
      const auto values = static_cast<uint32_t>(chunk.values_size());
      std::vector<RowPart> parts;
      parts.push_back(Part(key, PackValues(wrong), wrong_values, kReasonRectified));
      parts.push_back(Part(key, PackValues(chunk), values));
      return change.Divide(key, envelope, std::move(parts));
    };
    if (absl::Status s = people.VisitValues(meeting, category, change.last_due(), correct); !s.ok()) return s;
    if (!is_address) return any;
    // In history, what tells that they are one person follows from the address; so does the token of their cohort.
    const Room& room = people.room();
    const std::string old_mark = PersonMark(holdings_.vault, room.pbx, room.id, "address", was);
    const std::string new_mark =
        PersonMark(holdings_.vault, room.pbx, room.id, "address", NormalAddress(rectification.is));
    const auto correct_history = [&](const FiledKey& key, std::string_view envelope, const std::string& row) {
      auto history = ReadHistory(row, people);
      if (!history.has_value() || history->theirs.empty()) return absl::OkStatus();
      bool changed = false;
      for (CourseEvent& event : history->events) {
        if (!people.Are(history->course, event)) continue;
        for (Word& word : event.same) {
          if (history->course.Text(word) != old_mark) continue;
          word = history->course.WordFor(new_mark);
          changed = true;
        }
        const auto token = RectifiedToken(event, was, NormalAddress(rectification.is));
        if (!token.has_value()) continue;
        event.person = token;
        changed = true;
      }
      if (!changed) return absl::OkStatus();
      any = true;
      change.EndSealed(envelope);
      std::vector<RowPart> parts;
      parts.push_back(Part(key, history->RowOf(history->events), static_cast<uint32_t>(history->events.size())));
      return change.Divide(key, envelope, std::move(parts));
    };
    if (absl::Status s = people.VisitOpened(meeting, kHistory, change.last_due(), correct_history); !s.ok()) return s;
    return any;
  };
  return InEach(pbx_id, meeting_id, person, change, rectify);
}

std::optional<PersonToken> PersonCommands::RectifiedToken(const CourseEvent& event, std::string_view was,
                                                          std::string_view is) const {
  if (!event.person.has_value()) return std::nullopt;
  const DueDay cohort = holdings_.CohortAt(absl::FromUnixMicros(event.time_us)).last;
  const auto token_of = [&](std::string_view address) -> std::optional<PersonToken> {
    const std::string identity = IdentityOfAddress(address);
    if (cohort <= event.released_through) return LateToken(holdings_.vault, cohort, identity);
    const auto key = holdings_.ring.FindCohort(cohort);
    if (!key.has_value()) return std::nullopt;  // released: it leads to nobody any more
    return Vault::HashWith(HmacKey(*key), identity);
  };
  if (token_of(was) != event.person) return std::nullopt;
  return token_of(is);
}

absl::Status PersonCommands::Restrict(std::string_view pbx_id, std::string_view meeting_id, const PersonInRoom& person,
                                      bool restricted, Change& change) {
  std::vector<OwnerNumber> released;
  const auto set = [&](const FiledKey& key, std::string_view envelope, Division division) -> absl::Status {
    const auto is_restricted = holdings_.vault.IsRestricted(envelope);
    if (!is_restricted.ok()) return is_restricted.status();
    if (*is_restricted == restricted) return absl::OkStatus();
    if (!restricted) {
      released.push_back(Vault::OwnerOf(envelope));
      return absl::OkStatus();
    }
    std::vector<RowPart> parts;
    FiledKey own = key;
    if (division.other_values > 0) {
      parts.push_back(Part(key, std::move(division.others), division.other_values));
      own.item = ItemId{holdings_.vault.Hash("restricted", key.item.view(), absl::StrCat(division.first_event))};
    }
    parts.push_back(Part(own, std::move(division.theirs), division.their_values));
    parts.back().restricted = true;
    return change.Divide(key, envelope, std::move(parts));
  };
  const auto restrict_in = [&](Meeting& meeting, RoomPerson& people) -> absl::StatusOr<bool> {
    bool any = false;
    for (const CategoryNumber category : kOfPeople) {
      const auto visit = [&](const FiledKey& key, std::string_view envelope, ValueChunk& chunk) {
        Division division = DivideValues(category, chunk, people);
        if (division.their_values == 0) return absl::OkStatus();
        any = true;
        return set(key, envelope, std::move(division));
      };
      if (absl::Status s = people.VisitValues(meeting, category, change.last_due(), visit); !s.ok()) return s;
    }
    const auto visit = [&](const FiledKey& key, std::string_view envelope, const std::string& row) {
      const auto history = ReadHistory(row, people);
      if (!history.has_value() || history->theirs.empty()) return absl::OkStatus();
      any = true;
      return set(key, envelope, DivideHistory(*history, people));
    };
    if (absl::Status s = people.VisitOpened(meeting, kHistory, change.last_due(), visit); !s.ok()) return s;
    return any;
  };
  if (absl::Status s = InEach(pbx_id, meeting_id, person, change, restrict_in); !s.ok()) return s;
  change.Then([this, released = std::move(released)] {
    for (const OwnerNumber owner : released) {
      if (absl::Status s = holdings_.ring.RestrictOwner(owner, false); !s.ok()) return s;
    }
    return absl::OkStatus();
  });
  return absl::OkStatus();
}

absl::StatusOr<ErasedPerson> ErasePerson(Recorder& recorder, PersonCommands& persons, const Commands& commands,
                                         std::string_view pbx_id, std::string_view meeting_id,
                                         const PersonInRoom& person, std::string_view reason) {
  // What it ends was over before, and is nobody's wish.
  absl::Status refiled = commands.Do([&](Change& change) { return recorder.RefileFirst(pbx_id, meeting_id, change); });
  if (!refiled.ok()) return refiled;
  return commands.Do([&](Change& change) -> absl::StatusOr<ErasedPerson> {
    if (absl::Status s = persons.Erase(pbx_id, meeting_id, person, reason, change); !s.ok()) return s;
    return ErasedPerson{.erased = change.erased(), .kept = change.kept()};
  });
}

}  // namespace retention
