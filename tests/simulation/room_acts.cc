// What happens in the months of rooms (room_months.h).
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/recording/event_intake.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/instants.h"
#include "tests/simulation/room_months.h"
#include "tests/simulation/room_values.h"

namespace retention::simulation {
namespace {

// Whatever is told comes no later than this after it was to be told.
constexpr absl::Duration kMayWait = absl::Hours(8);
// As far as clocks may be ahead.
constexpr absl::Duration kClocksDiffer = absl::Minutes(5);
// Who did not get an answer sends again, days later.
constexpr absl::Duration kSentAgainWithin = absl::Hours(24 * 25);
constexpr size_t kSentBatches = 200;

}  // namespace

void RoomMonths::MoveTo(absl::Time time) {
  // Nobody counts on a server that sleeps for days.
  constexpr absl::Duration kLongestPause = absl::Hours(30);
  time = std::min(time, now_ + kLongestPause);
  // What is told waits for no more, but for the hour in which days close.
  const absl::Time open = IsClosing() ? DueAfter(DayAt(now_)) : now_;
  if (!left_.empty()) time = std::min(time, std::max(open, left_.front().at + kMayWait));
  now_ = std::max(now_, time);
}

void RoomMonths::PassTime() {
  last_ = "time";
  const absl::Time midnight = DueAfter(DayAt(now_));
  switch (dice_.Below(8)) {
    case 0:
      return MoveTo(now_ + absl::Microseconds(dice_.Between(1, 600'000'000)));
    case 1:
      return MoveTo(midnight - absl::Microseconds(1));
    case 2:
      return MoveTo(midnight);
    case 3:  // into a lead window
      return MoveTo(midnight - absl::Minutes(dice_.Between(1, 60)));
    case 4:
      return MoveTo(midnight + absl::Hours(24) + absl::Minutes(dice_.Between(-90, 120)));
    default:
      return MoveTo(now_ + absl::Minutes(dice_.Between(1, 600)));
  }
}

void RoomMonths::Deliver() {
  if (left_.empty()) return PassTime();
  last_ = "time";
  if (left_.front().at > now_) {
    MoveTo(left_.front().at + absl::Minutes(dice_.Chance(50) ? dice_.Between(0, 200) : 0));
  }
  if (left_.front().at > now_) return;
  if (IsClosing()) return dice_.Chance(50) ? Sweep() : MoveTo(DueAfter(DayAt(now_)));
  // All that would wait too long, and some of the rest, in any order.
  constexpr size_t kMost = 40;
  const size_t most = dice_.Chance(30) ? dice_.Below(kMost) + 1 : dice_.Below(6) + 1;
  std::vector<v1::Event> batch;
  while (!left_.empty() && left_.front().at <= now_) {
    const bool waited = left_.front().at + kMayWait / 2 <= now_;
    if (!waited && batch.size() >= most) break;
    batch.push_back(std::move(left_.front().event));
    left_.pop_front();
  }
  for (size_t i = batch.size(); i > 1; --i) std::swap(batch[i - 1], batch[dice_.Below(i)]);
  Record(std::move(batch));
}

void RoomMonths::Record(std::vector<v1::Event> batch) {
  if (batch.empty()) return;
  last_ = absl::StrCat("record ", batch.size());
  events_ += batch.size();
  for (const v1::Event& event : batch) {
    if (models_.at(event.meeting_id()).Contains(event.event_id())) continue;
    // No day before the first is a cohort.
    const absl::CivilDay day = DayAtUs(Us(event.time()));
    if (day < first_day_ || policy_.ReleaseTime(day) <= swept_) late_.emplace(event.meeting_id(), event.event_id());
  }
  v1::RecordResult result;
  Execute(/*one_write=*/true, [&] {
    absl::Status status;
    result = machine_.Record(batch, now_, status);
    return status;
  });
  EXPECT_EQ(result.accepted() + result.duplicates() + static_cast<size_t>(result.rejections_size()), batch.size());
  // Chat is judged by what has come: what it would say if the rest came first, its own tests tell.
  std::set<size_t> refused;
  for (const v1::Rejection& rejection : result.rejections()) {
    const v1::Event& event = batch[rejection.index()];
    EXPECT_TRUE(event.has_chat_message_sent()) << rejection.ShortDebugString();
    EXPECT_EQ(rejection.reason(), v1::REJECTION_REASON_CHAT_NOT_PROTOCOLLED) << rejection.ShortDebugString();
    refused.insert(rejection.index());
  }
  size_t index = 0;
  std::erase_if(batch, [&](const v1::Event&) { return refused.contains(index++); });
  for (const v1::Event& event : batch) {
    models_.at(event.meeting_id()).Add(event);
    if (tracing_) std::cout << "  " << event.ShortDebugString() << std::endl;
  }
  if (!batch.empty()) sent_.emplace_back(now_, std::move(batch));
  if (sent_.size() > kSentBatches) sent_.pop_front();
  if (restarted_ && dice_.Chance(70)) Sweep();
}

void RoomMonths::SendAgain() {
  while (!sent_.empty() && now_ - sent_.front().first > kSentAgainWithin) sent_.pop_front();
  if (sent_.empty() || IsClosing()) return PassTime();
  const auto& [sent_at, batch] = sent_[dice_.Below(sent_.size())];
  last_ = "send again what was sent at " + absl::FormatTime(absl::RFC3339_sec, sent_at, Berlin());
  v1::RecordResult result;
  Execute(/*one_write=*/true, [&] {
    absl::Status status;
    result = machine_.Record(batch, now_, status);
    return status;
  });
  EXPECT_EQ(result.duplicates(), batch.size()) << result.ShortDebugString();
}

// By a clock that is far ahead: refused, and taken when its time has come.
void RoomMonths::SendTooEarly() {
  const auto early = std::find_if(left_.begin(), left_.end(), [&](const Delivery& each) {
    return absl::FromUnixMicros(Us(each.event.time())) > now_ + kClocksDiffer;
  });
  if (early == left_.end()) return PassTime();
  last_ = "send too early";
  v1::RecordResult result;
  Execute(/*one_write=*/true, [&] {
    absl::Status status;
    result = machine_.Record({early->event}, now_, status);
    return status;
  });
  ASSERT_EQ(result.rejections_size(), 1);
  EXPECT_EQ(result.rejections(0).reason(), v1::REJECTION_REASON_FROM_FUTURE);
}

absl::Status RoomMonths::TrySweep(bool scrub) {
  const absl::Status status = machine_.Sweep(now_, scrub).status();
  if (status.ok()) {
    swept_ = now_;
    cohorts_.NoteSwept(now_);
  } else {
    cohorts_.NoteFailed(now_);
  }
  return status;
}

void RoomMonths::Sweep() {
  last_ += ", sweep";
  ++sweeps_;
  const bool scrub = dice_.Chance(30);
  Execute(/*one_write=*/false, [&] { return TrySweep(scrub); });
  // A secret that could not be destroyed waits for the next.
  if (machine_.running() && machine_.engine().ring().unfinished()) {
    EXPECT_TRUE(TrySweep(false).ok());
  }
  if (::testing::Test::HasFailure()) return;
  const DueDay last(DayAt(now_) - 1);
  EXPECT_GE(machine_.engine().ring().destroyed_through(), last) << "keys of due days are held";
  auto cursor = machine_.engine().store().Scan(Family::kFiled, "", PrefixEnd(FiledPrefix(last)));
  EXPECT_FALSE(cursor->Valid()) << "rows of due days are held";
  for (const auto& [day, counts] : machine_.engine().counts().Read()) EXPECT_GT(day, last) << "a due day is counted";
  EXPECT_EQ(machine_.engine().OldestOverdue(now_).value(), absl::ZeroDuration());
  witness_.Look(machine_.engine(), cohorts_, /*refiling=*/false, now_);
  witness_.ExpectReleased(cohorts_);
}

void RoomMonths::Restart() {
  ++restarts_;
  if (!machine_.crashed()) last_ = "restart";
  const bool power = dice_.Chance(60);
  const absl::Status status = machine_.Restart(now_, power, dice_.Pick(std::vector<uint64_t>{0, 7, 1000, 1 << 20}));
  EXPECT_TRUE(status.ok()) << status;
}

void RoomMonths::DeleteByPortal() {
  if (IsClosing()) return PassTime();
  RoomEvents& room = *rooms_[dice_.Below(rooms_.size())];
  // Now and then it is told first, or by a clock that is behind or ahead.
  room.Deleted(now_ + absl::Seconds(dice_.Chance(50) ? 0 : dice_.Between(-7200, 290)));
  ++deletions_;
  Record(room.Take());
  last_ += ", a deletion of " + room.meeting_id();
}

void RoomMonths::DeleteByOperator() {
  if (IsClosing()) return PassTime();
  const std::string id = dice_.Pick(ids_);
  last_ = "delete " + id;
  const RoomModel& model = models_.at(id);
  bool lives = false;
  for (const OccurrenceModel& of : model.Occurrences()) {
    lives |= of.IsMeeting() && !of.deleted && now_ < DueAfter(LastDayOf(v1::DATA_CATEGORY_HISTORY, of, policy_, now_));
  }
  // All that was reported by now lies before it.
  int64_t time_us = absl::ToUnixMicros(now_ - kClocksDiffer);
  for (const auto& [event_id, event] : model.events()) time_us = std::max(time_us, Us(event.time()));
  Execute(/*one_write=*/true, [&] {
    const absl::Status status = machine_.engine().DeleteMeeting("pbx", id, "OPERATOR_UNLAWFUL", now_).status();
    return absl::EndsWith(DetailsOf(status).reason, "_UNKNOWN") ? absl::OkStatus() : status;
  });
  NoteDeletion(id, time_us, lives);
}

// It is history of its room; where no meeting of that lives, it may be refused.
void RoomMonths::NoteDeletion(const std::string& meeting_id, int64_t time_us, bool lives) {
  v1::Event event;
  event.set_event_id(absl::StrCat(kOperatorPrefix, deletions_ + 1));
  event.set_meeting_id(meeting_id);
  Assign(time_us, *event.mutable_time());
  event.mutable_meeting_deleted();
  RoomModel& model = models_.at(meeting_id);
  std::set<uint64_t> known;
  for (const auto& [id, each] : model.events()) known.insert(FingerprintOf(id));
  const SeenRoom seen = Look()[meeting_id];
  size_t unknown = 0;
  for (const auto& [fingerprint, place] : seen.history) {
    const bool waits = place.day != absl::CivilDay::max() && now_ >= DueAfter(place.day);
    if (known.contains(fingerprint) || waits) continue;
    known_as_[fingerprint] = FingerprintOf(event.event_id());
    ++unknown;
  }
  EXPECT_TRUE(unknown == 1 || (unknown == 0 && !lives)) << unknown << " deletions are history";
  if (unknown == 0) return;
  ++deletions_;
  model.Add(event);
}

void RoomMonths::DeleteAnyObject() {
  if (IsClosing()) return PassTime();
  const auto seen = Look();
  std::vector<std::pair<std::string, SeenValue>> objects;
  for (const auto& [id, room] : seen) {
    for (const auto& [value, place] : room.values) {
      const bool due = place.day != absl::CivilDay::max() && now_ >= DueAfter(place.day);
      const bool is_object = value.category == v1::DATA_CATEGORY_RECORDING ||
                             value.category == v1::DATA_CATEGORY_PDF_SHARE ||
                             value.category == v1::DATA_CATEGORY_FILE_SHARE;
      if (is_object && !due) objects.emplace_back(id, value);
    }
  }
  if (objects.empty()) return Deliver();
  const auto& [id, value] = dice_.Pick(objects);
  last_ = absl::StrCat("delete ", value.text, " of ", id);
  std::string object_id;
  for (const auto& [event_id, event] : models_.at(id).events()) {
    if (FingerprintOf(event_id) != value.event) continue;
    object_id = event.has_recording_created() ? event.recording_created().recording_id()
                : event.has_pdf_shared()      ? event.pdf_shared().pdf_id()
                                              : event.file_shared().file_id();
  }
  bool again = false;
  Execute(/*one_write=*/true, [&, &id = id, &value = value] {
    const absl::Status status = machine_.engine().DeleteObject("pbx", id, static_cast<CategoryNumber>(value.category),
                                                               object_id, "OPERATOR_SUBJECT_REQUEST", now_);
    const bool unknown = absl::EndsWith(DetailsOf(status).reason, "_UNKNOWN");
    EXPECT_TRUE(again || !unknown) << status;
    again = true;
    return unknown ? absl::OkStatus() : status;
  });
  deleted_.insert(value.text);
}

void RoomMonths::Confirm() {
  last_ = "confirm";
  portal_.Look(machine_.engine(), now_);
  const v1::ConfirmErasureOrdersRequest request = portal_.NextConfirmations(dice_);
  Execute(/*one_write=*/true, [&] { return machine_.engine().ConfirmOrders(request, now_).status(); });
  portal_.Confirm(request);
}

}  // namespace retention::simulation
