#include "server/policies/misfiled_rows.h"

#include <algorithm>
#include <utility>

#include "retention/stored/v1/stored.pb.h"
#include "server/law/cohort_days.h"
#include "server/law/presence.h"
#include "server/meetings/meeting_cache.h"
#include "storage/secrets/personal.h"

namespace retention {
namespace {

bool SamePeriod(CivilPeriod a, CivilPeriod b) { return a.unit == b.unit && a.count == b.count; }

// Takes `cost` off the budget; false once it is used up.
bool Spend(WalkStep& step, size_t cost) {
  step.budget -= std::min(step.budget, cost);
  return step.budget > 0;
}

}  // namespace

DueDay DayWithoutFacts(DueDay held, const DeletionRule& before, const DeletionRule& after) {
  if (before.starting_point != after.starting_point) return DueDay::None();
  if (SamePeriod(before.period, after.period)) return held;
  // No month has more than 31 days.
  absl::CivilDay start = held.civil() - static_cast<int64_t>(before.period.count) * 31 - 1;
  while (DueDay(LastDayOf(start, before.period)) < held) ++start;
  return std::min(held, DueDay(LastDayOf(start, after.period)));
}

MisfiledRows::MisfiledRows(const StoreView& view, Vault& vault, const PbxRegistry& registry, LogTerms terms,
                           const PolicyVersion& version, DueDay ended, absl::Time now)
    : view_(view),
      vault_(vault),
      registry_(registry),
      terms_(std::move(terms)),
      before_(version.before()),
      after_(version.policy),
      cuts_(version.cuts),
      ended_(ended),
      now_(now) {
  for (size_t number = 1; number < kCategories; ++number) {
    const DeletionRule& was = before_.rule(static_cast<CategoryNumber>(number));
    const DeletionRule& is = after_.rule(static_cast<CategoryNumber>(number));
    affected_[number] = was.starting_point != is.starting_point || !SamePeriod(was.period, is.period) ||
                        !SamePeriod(was.extended_period, is.extended_period);
  }
  for (const CategoryNumber category : kFiledByMeeting) meetings_affected_ |= affected_[category];
}

absl::Status MisfiledRows::VisitMeetings(WalkStep& step, MeetingVisit visit) const {
  if (!meetings_affected_) step.position = WalkPosition::End();
  if (!step.position.more) return absl::OkStatus();
  auto cursor = view_.ScanPrefix(Family::kState, LocatorPrefix(), AtLoss::kPass);
  if (!step.position.from.empty()) cursor->Seek(step.position.from);
  for (; cursor->Valid(); cursor->Next()) {
    step.position.from = std::string(cursor->key());
    if (step.budget == 0) return absl::OkStatus();
    const auto name = DecodeLocatorKey(cursor->key());
    const auto locator = MeetingLocator::Parse(cursor->value());
    ++step.examined;
    // What a damaged locator led to is found by its rows.
    if (name.has_value() && locator.has_value() && locator->days[kHistory] > ended_) {
      const Filing filing = FileMeeting(locator->facts, after_, now_);
      if (Misfiled(*locator, filing, ended_)) {
        if (absl::Status status = visit(*name, *locator, filing); !status.ok()) return status;
      }
    }
    Spend(step, 1);
  }
  if (cursor->status().ok()) step.position = WalkPosition::End();
  return cursor->status();
}

bool MisfiledRows::IsEnding(const FiledKey& key) const {
  return after_.rule(key.category).ends_with_pbx && !registry_.Lives(key.pbx);
}

absl::StatusOr<std::optional<DueDay>> MisfiledRows::OfRecording(const FiledKey& key, std::string_view envelope) const {
  if (IsEnding(key)) return std::nullopt;
  DueDay right = DayWithoutFacts(key.day, before_.rule(kRecording), after_.rule(kRecording));
  const auto plaintext = vault_.Open(key, envelope);
  if (absl::IsNotFound(plaintext.status())) return std::nullopt;  // its PBX ended this very moment
  stored::v1::Value value;
  if (plaintext.ok() && value.ParseFromString(plaintext->Reveal())) {
    right = CreationDueDay(kRecording, absl::FromUnixMicros(value.time_us()), after_);
  }
  if (right == key.day) return right;
  // Once a day is closed the portal has its orders: what lies there cannot be kept any longer, and it takes no more.
  const bool longer = right > key.day;
  auto closed = view_.Get(Family::kState, DayProgressKey(longer ? key.day : right));
  if (!closed.ok()) return closed.status();
  if (!closed->has_value()) return right;
  return longer ? std::nullopt : std::optional<DueDay>(DueDay::None());
}

absl::StatusOr<std::optional<DueDay>> MisfiledRows::OfStray(const FiledKey& key) const {
  if (IsEnding(key)) return std::nullopt;
  const auto row = view_.Get(Family::kState, LocatorKey(key.pbx, key.owner));
  if (!row.ok()) return row.status();
  const auto locator = row->has_value() ? MeetingLocator::Parse(**row) : std::nullopt;
  const bool leads = locator.has_value() && locator->days[kHistory] > ended_;
  if (leads && locator->days[key.category] == key.day) return std::nullopt;
  const auto mark = view_.Get(Family::kState, RefiledMarkKey(key.day, key.category, key.pbx, key.owner));
  if (!mark.ok()) return mark.status();
  if (mark->has_value()) return std::nullopt;
  if (key.category == kHistory) {
    const auto course = ReadCourse(view_, vault_, key.day, key.pbx, key.owner);
    if (course.ok() && course->size() > 0) {
      return DueDay(LastDayOf(CollectionDay(FactsOf(*course, cuts_), after_), after_.rule(kHistory).period));
    }
  }
  return DayWithoutFacts(key.day, before_.rule(key.category), after_.rule(key.category));
}

absl::Status MisfiledRows::VisitRows(WalkStep& step, RowVisit visit) const {
  // Files end by their timers, whether or not their meeting is known.
  const auto concerned = [this](size_t category) { return affected_[category] && category != kFileShare; };
  size_t categories = 0;
  for (size_t category = 1; category < kCategories; ++category) categories += concerned(category) ? 1 : 0;
  if (categories == 0) step.position = WalkPosition::End();
  if (!step.position.more) return absl::OkStatus();
  const std::string begin = step.position.from.empty() ? FiledPrefix(ended_.Next()) : step.position.from;
  auto cursor = view_.Scan(Family::kFiled, begin, FiledPrefix(DueDay::Kept()), AtLoss::kPass);
  while (cursor->Valid()) {
    const auto key = FiledKey::Decode(cursor->key());
    if (!key.has_value()) {
      cursor->Next();
      continue;
    }
    if (key->category >= kCategories || !concerned(key->category)) {
      size_t next = key->category + size_t{1};
      while (next < kCategories && !concerned(next)) ++next;
      cursor->Seek(next < kCategories ? FiledPrefix(key->day, static_cast<CategoryNumber>(next))
                                      : FiledPrefix(key->day.Next()));
      continue;
    }
    step.position.from = std::string(cursor->key());
    if (step.budget == 0) return absl::OkStatus();
    ++step.examined;
    Spend(step, 1);
    if (key->category == kRecording || key->category == kServerLog) {
      std::optional<DueDay> right;
      if (key->category == kServerLog) {
        right = RightLogDay(*key, terms_, after_);
      } else {
        auto of_recording = OfRecording(*key, cursor->value());
        if (!of_recording.ok()) return of_recording.status();
        right = *of_recording;
      }
      if (right.has_value() && *right != key->day) {
        if (absl::Status status = visit(*key, cursor->value(), *right); !status.ok()) return status;
      }
      cursor->Next();
      continue;
    }
    const std::string meeting = FiledPrefix(key->day, key->category, key->pbx, key->owner);
    const auto right = OfStray(*key);
    if (!right.ok()) return right.status();
    if (!right->has_value() || **right == key->day) {
      cursor->Seek(PrefixEnd(meeting));
      continue;
    }
    for (; cursor->Valid() && cursor->key().substr(0, meeting.size()) == meeting; cursor->Next()) {
      const auto row = FiledKey::Decode(cursor->key());
      Spend(step, 1);
      if (!row.has_value()) continue;
      if (absl::Status status = visit(*row, cursor->value(), **right); !status.ok()) return status;
    }
  }
  if (cursor->status().ok()) step.position = WalkPosition::End();
  return cursor->status();
}

absl::Status MisfiledRows::VisitCubes(WalkStep& step, CubeVisit visit) const {
  if (SamePeriod(before_.rule(kHistory).anonymised_period, after_.rule(kHistory).anonymised_period)) {
    step.position = WalkPosition::End();
  }
  if (!step.position.more) return absl::OkStatus();
  const std::string begin = step.position.from.empty() ? CubeKey(ended_.Next(), DueDay::None(), 0) : step.position.from;
  auto cursor = view_.Scan(Family::kStatistics, begin, "", AtLoss::kPass);
  while (cursor->Valid()) {
    step.position.from = std::string(cursor->key());
    if (step.budget == 0) return absl::OkStatus();
    const auto parts = DecodeCubeKey(cursor->key());
    if (!parts.has_value()) {
      cursor->Next();
      continue;
    }
    ++step.examined;
    Spend(step, 1);
    // Sums of months stay.
    if (parts->erase_day == DueDay::Kept()) break;
    const DueDay right = EraseDayOfCohort(parts->cohort_day, after_);
    if (right != parts->erase_day) {
      if (absl::Status status = visit(parts->erase_day, parts->cohort_day, right); !status.ok()) return status;
    }
    cursor->Seek(PrefixEnd(CubePrefix(parts->erase_day, parts->cohort_day)));
  }
  if (cursor->status().ok()) step.position = WalkPosition::End();
  return cursor->status();
}

}  // namespace retention
