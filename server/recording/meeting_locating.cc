// Where all of a meeting is: its locator, its timer, its place in lists; and what of its report is to be told.
#include <algorithm>
#include <utility>

#include "server/meetings/cohort_span.h"
#include "server/meetings/listing.h"
#include "server/meetings/report_notices.h"
#include "server/recording/meeting_filer.h"
#include "server/rows/row_walk.h"

namespace retention {

bool MeetingFiler::Outcome::ChangesReport() const {
  using Entry = stored::v1::CourseEntry;
  if (recut != Recut::kNo || !gained.empty() || facts.sittings != before.facts.sittings) return true;
  return std::any_of(fresh.begin(), fresh.end(), [](const FreshEvent* event) {
    // A sample says something only where it is the last sign of life: then its sitting is another.
    return IsOfPresence(event->entry.kind) && event->entry.kind != Entry::KIND_QUALITY;
  });
}

bool MeetingFiler::Outcome::CarriesOthers() const {
  return !std::equal(facts.sittings.begin(), facts.sittings.end(), before.facts.sittings.begin(),
                     before.facts.sittings.end(),
                     [](const SittingFacts& a, const SittingFacts& b) { return a.carried == b.carried; });
}

void MeetingFiler::GiveRevision(Meeting& meeting, absl::Time now) {
  meeting.locator.revision = std::max(meeting.locator.revision + 1, static_cast<uint64_t>(absl::ToUnixMicros(now)));
}

absl::Status MeetingFiler::Renew(Meeting& meeting, Change& change) {
  const MeetingLocator before = meeting.locator;
  GiveRevision(meeting, change.now());
  Filing filing = FileMeeting(before.facts, holdings_.policy(), change.now());
  // The timer may be that of a file which outlives its sitting.
  const absl::Time timer = absl::FromUnixMicros(before.timer_us);
  if (change.now() < timer) filing.review = std::min(filing.review, timer);
  if (absl::Status s = SealCarried(meeting, before, change); !s.ok()) return s;
  FileLocator(meeting, before, filing, /*report_changed=*/true, change);
  return absl::OkStatus();
}

absl::Status MeetingFiler::Seal(Meeting& meeting, const MeetingLocator& before, std::string_view meeting_id,
                                Change& change) const {
  if (absl::Status s = SealId(meeting, before, meeting_id, change); !s.ok()) return s;
  return SealCarried(meeting, before, change);
}

absl::Status MeetingFiler::SealCarried(Meeting& meeting, const MeetingLocator& before, Change& change) const {
  MeetingLocator& after = meeting.locator;
  const DueDay day = after.days[kHistory];
  const std::string carried = day == DueDay::None() ? std::string() : SerializeCarried(after.facts);
  if (carried.empty() && after.sealed_carried.empty()) return absl::OkStatus();
  bool is_same = false;
  if (!after.sealed_carried.empty()) {
    const auto opened =
        holdings_.vault.Open(CarriedKey(before.days[kHistory], meeting.pbx, meeting.id), after.sealed_carried);
    if (!opened.ok() && !IsUnreadable(opened.status())) return opened.status();
    is_same = opened.ok() && opened->Reveal() == carried;
  }
  if (is_same && day == before.days[kHistory]) return absl::OkStatus();
  const std::string sealed = std::exchange(after.sealed_carried, std::string());
  is_same ? change.EndResealed(sealed) : change.EndSealed(sealed);
  if (carried.empty()) return absl::OkStatus();
  const auto owner = holdings_.ring.NewOwner(day);
  if (!owner.ok()) return owner.status();
  auto anew = holdings_.vault.Seal(CarriedKey(day, meeting.pbx, meeting.id), PbxKeyUse::kNotNeeded, Personal(carried),
                                   /*values=*/0, *owner);
  if (!anew.ok()) return anew.status();
  after.sealed_carried = *std::move(anew);
  return absl::OkStatus();
}

absl::Status MeetingFiler::SealId(Meeting& meeting, const MeetingLocator& before, std::string_view meeting_id,
                                  Change& change) const {
  MeetingLocator& after = meeting.locator;
  const DueDay day = after.days[kHistory];
  // A copy from before a deletion does not tell by itself that there was one: that its id is gone does.
  const bool deleted = after.facts.deleted && !before.facts.deleted;
  if (day == before.days[kHistory] && !after.sealed_id.empty() && !deleted) return absl::OkStatus();
  const std::string sealed = std::exchange(after.sealed_id, std::string());
  deleted ? change.EndSealed(sealed) : change.EndResealed(sealed);
  if (day == DueDay::None()) return absl::OkStatus();
  Personal id{std::string(meeting_id)};
  if (meeting_id.empty()) {
    auto opened = holdings_.vault.Open(MeetingIdKey(before.days[kHistory], meeting.pbx, meeting.id), sealed);
    if (IsUnreadable(opened.status())) return absl::OkStatus();
    if (!opened.ok()) return opened.status();
    id = *std::move(opened);
  }
  const auto owner = holdings_.ring.NewOwner(day);
  if (!owner.ok()) return owner.status();
  // Unlike the history, it ends with its PBX.
  auto anew =
      holdings_.vault.Seal(MeetingIdKey(day, meeting.pbx, meeting.id), PbxKeyUse::kNeeded, id, /*values=*/0, *owner);
  if (!anew.ok()) return anew.status();
  after.sealed_id = *std::move(anew);
  return absl::OkStatus();
}

absl::Time MeetingFiler::FollowReport(Meeting& meeting, const MeetingLocator& before, bool changed,
                                      Change& change) const {
  MeetingLocator& locator = meeting.locator;
  const Policy& policy = holdings_.policy();
  const OccurrenceFacts& facts = locator.facts;
  const bool has_report = facts.TookPlace() && !facts.deleted && locator.days[kHistory] != DueDay::None();
  absl::Time look = absl::InfiniteFuture();

  const absl::Time end = MeetingEndOf(facts);
  const auto give = [&](stored::v1::ReportNotice::Kind kind) {
    const auto settles_after = absl::Microseconds(facts.sittings.back().refresh_us);
    return GiveNotice(meeting.pbx, meeting.id, kind, settles_after, change);
  };
  const bool complete = has_report && (!IsOpen(facts) || end <= change.now());
  if (complete && (changed || locator.complete_notice == 0)) {
    WithdrawNotice(locator.complete_notice, change.batch());
    locator.complete_notice = give(stored::v1::ReportNotice::KIND_COMPLETE);
  } else if (!complete) {
    WithdrawNotice(locator.complete_notice, change.batch());
  }
  if (has_report && !complete) {
    look = end;
    // A timer that comes sooner will do, so that it need not move with every sign of life.
    const absl::Time timer = absl::FromUnixMicros(before.timer_us);
    if (change.now() < timer && timer < look) look = timer;
  }

  const DueDay names = locator.days[kParticipantName];
  const absl::Time leave = has_report && names != DueDay::None() ? DueInstant(names, policy.zone()) : change.now();
  if (leave <= change.now()) {
    WithdrawNotice(locator.names_notice, change.batch());
    locator.names_told_us = 0;
  } else if (leave - kNamesLeavingNotice > change.now()) {
    WithdrawNotice(locator.names_notice, change.batch());
    locator.names_told_us = 0;
    look = std::min(look, leave - kNamesLeavingNotice);
  } else if (locator.names_told_us != absl::ToUnixMicros(leave)) {
    WithdrawNotice(locator.names_notice, change.batch());
    locator.names_notice = give(stored::v1::ReportNotice::KIND_NAMES_LEAVING);
    locator.names_told_us = absl::ToUnixMicros(leave);
  }
  return look;
}

void MeetingFiler::PutTimer(const Meeting& meeting, const MeetingLocator& before, Change& change) {
  const int64_t timer_us = meeting.locator.timer_us;
  if (before.timer_us == timer_us) return;
  if (before.timer_us != 0) {
    change.batch().Delete(Family::kState, MeetingTimerKey(before.timer_us, meeting.pbx, meeting.id));
  }
  if (timer_us != 0) change.batch().Put(Family::kState, MeetingTimerKey(timer_us, meeting.pbx, meeting.id), "");
}

bool MeetingFiler::FileLocator(Meeting& meeting, const MeetingLocator& before, const Filing& filing,
                               bool report_changed, Change& change) {
  MeetingLocator& after = meeting.locator;
  absl::Time timer = filing.review;
  after.files_end_us = 0;
  if (after.days[kFileShare] != DueDay::None()) {
    after.files_end_us = absl::ToUnixMicros(filing.files_end);
    timer = std::min({timer, filing.files_end, NextFilesEndOf(after.facts, change.now())});
  }
  const bool over = after.days[kHistory] == DueDay::None();
  if (over) timer = after.files_end_us == 0 ? absl::InfiniteFuture() : filing.files_end;
  timer = std::min(timer, FollowReport(meeting, before, report_changed, change));
  after.timer_us = timer == absl::InfiniteFuture() ? 0 : absl::ToUnixMicros(timer);
  PutTimer(meeting, before, change);
  FileListing(meeting.pbx, meeting.id, ListingOf(before), ListingOf(after), change.batch());
  FileCohortSpan(meeting.pbx, meeting.id, before, after, holdings_.policy(), change.batch());
  if (meeting.stored && before == after) return false;
  const std::string key = LocatorKey(meeting.pbx, meeting.id);
  if (over) {
    // Its history is over: what it still holds ends on its own day, and the meeting is no longer known. While a policy
    // is refiled, its locator goes with those whose day is over, and nothing of it must be moved again, though nothing
    // may lead there: it may never have had a locator, or be taken up anew.
    const bool refiling = holdings_.policies.refiling_since().has_value();
    if (refiling) MarkRefiled(meeting, change.batch());
    if (meeting.stored && refiling) {
      change.batch().Put(Family::kState, key, after.Serialize());
    } else if (meeting.stored) {
      change.EndSealed(before.sealed_id);
      change.EndSealed(before.sealed_carried);
      change.batch().Delete(Family::kState, key);
      change.MarkState(key);
    }
    return true;
  }
  change.batch().Put(Family::kState, key, after.Serialize());
  meeting.stored = true;
  return false;
}

}  // namespace retention
