#include "tests/simulation/room_stories.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "tests/simulation/calendar.h"
#include "tests/simulation/instants.h"

namespace retention::simulation {
namespace {

constexpr int kDaysOfWeek = 7;
// No delivery is later: what is later than the first due day of its meeting finds it cut for good.
constexpr absl::Duration kLatest = absl::Hours(3 * 24);
// Where leaves are lost, so that a sitting runs on to its limit: what came of the next one after the first due day of
// this one would be this one's.
constexpr absl::Duration kLatestOfCareless = absl::Hours(12);

class Story {
 public:
  Story(RoomUse use, RoomEvents& events, StoryOptions options, Dice& dice)
      : events_(events),
        options_(options),
        dice_(dice),
        on_its_day_(use == RoomUse::kAlways),
        careless_(options.disorder && (use == RoomUse::kWeeklyUnended || use == RoomUse::kAlways || dice.Chance(50))) {}

  std::vector<Delivery> Tell(RoomUse use, absl::Time begin, int days) {
    for (int day = 0; day < days; ++day) {
      const absl::CivilDay date = DayAt(begin) + day;
      Day(use, day, absl::FromCivil(absl::CivilHour(date.year(), date.month(), date.day(), 10), Berlin()));
      Deliver(use == RoomUse::kAnything);
    }
    std::stable_sort(told_.begin(), told_.end(), [](const Delivery& a, const Delivery& b) { return a.at < b.at; });
    return std::move(told_);
  }

 private:
  void Day(RoomUse use, int day, absl::Time ten) {
    const bool monday = day % kDaysOfWeek == 0;
    const bool weekend = day % kDaysOfWeek >= 5;
    const absl::Time next_week = ten + absl::Hours(24 * kDaysOfWeek);
    switch (use) {
      case RoomUse::kDaily:
        if (!weekend) Meet(ten, absl::Minutes(dice_.Between(20, 90)), 3);
        if (day % 90 == 89) events_.Deleted(ten + absl::Hours(8));
        return;
      case RoomUse::kWeekly:
        if (!monday) return;
        Meet(ten, absl::Minutes(60), 4);
        events_.Ended(ten + absl::Minutes(61));
        events_.Scheduled(ten + absl::Hours(2), next_week, absl::Hours(1));
        events_.Invited(ten + absl::Hours(3), "dee");
        if (dice_.Chance(30)) events_.Uninvited(ten + absl::Hours(4), "dee");
        return;
      case RoomUse::kWeeklyUnended:
        if (!monday) return;
        Meet(ten, absl::Minutes(60), 4, /*lost_percent=*/40);
        events_.Rescheduled(ten + absl::Hours(2), next_week, absl::Hours(1));
        return;
      case RoomUse::kTested:
        if (day % 28 == 0) events_.Scheduled(ten, ten + absl::Hours(24 * 21), absl::Hours(1));
        if (day % 28 == 3 || day % 28 == 12 || day % 28 == 21) Meet(ten, absl::Minutes(20), 1 + day % 4);
        return;
      case RoomUse::kReopened:
        if (!monday) return;
        Meet(ten, absl::Minutes(45), 3);
        events_.Ended(ten + absl::Minutes(46));
        Meet(ten + absl::Minutes(51), absl::Minutes(15), 2);
        return;
      case RoomUse::kDevices:
        if (!weekend) MeetWithDevices(ten);
        return;
      case RoomUse::kSupport:
        if (day % 10 < 3) StayOpen(ten);
        return;
      case RoomUse::kMoved:
        if (day % 14 != 0) return;
        events_.Scheduled(ten, ten + absl::Hours(30), absl::Hours(1));
        events_.Rescheduled(ten + absl::Hours(1), ten + absl::Hours(48), absl::Hours(2));
        if (dice_.Chance(50)) events_.Scheduled(ten + absl::Hours(3), ten + absl::Hours(50), absl::Hours(1));
        Meet(ten + absl::Hours(50), absl::Minutes(70), 3);
        if (dice_.Chance(50)) events_.Rescheduled(ten + absl::Hours(52), ten + absl::Hours(72), absl::Hours(1));
        return;
      case RoomUse::kNamed:
        if (day % 3 != 0) return;
        Name(absl::StrCat("sitting-", day, "a"), [&] { Meet(ten, absl::Minutes(50), 3); });
        Name(absl::StrCat("sitting-", day, "b"), [&] { Meet(ten + absl::Minutes(30), absl::Minutes(50), 2); });
        return;
      case RoomUse::kSeries:
        Series(day, ten);
        return;
      case RoomUse::kAlways:
        BeThere(day, ten);
        return;
      case RoomUse::kAnything:
        for (v1::Event& event : events_.Anything(ten, absl::Hours(60))) {
          if (!event.has_chat_message_sent()) anything_.push_back(std::move(event));
        }
        return;
    }
  }

  void Meet(absl::Time begin, absl::Duration length, int people) { Meet(begin, length, people, careless_ ? 5 : 0); }
  void Meet(absl::Time begin, absl::Duration length, int people, int lost_percent) {
    if (dice_.Chance(60)) events_.Started(begin - absl::Minutes(1));
    for (int i = 0; i < people; ++i) {
      const std::string who = i == 0 ? std::string("ada") : absl::StrCat("guest-", i);
      const absl::Time joined = begin + absl::Seconds(dice_.Between(0, 300));
      events_.Joined(joined, who);
      if (dice_.Chance(15)) events_.Reconnected(joined + absl::Minutes(3), who);
      if (dice_.Chance(15)) events_.Quality(joined + absl::Minutes(4), who);
      if (dice_.Chance(lost_percent)) continue;
      events_.Left(begin + length - absl::Seconds(dice_.Between(0, 120)), who);
    }
    if (dice_.Chance(10)) events_.Started(begin + length * 0.5);
    if (dice_.Chance(5)) events_.Started(begin + length + absl::Minutes(1));  // and nobody comes
    for (int i = options_.chat ? 2 : 0; i > 0; --i) events_.Chat(begin + absl::Minutes(5 + i), "ada");
    if (dice_.Chance(20)) events_.File(begin + absl::Minutes(7));
    if (dice_.Chance(5)) events_.Pdf(begin + absl::Minutes(8));
    if (dice_.Chance(10)) events_.Recording(begin + absl::Minutes(9));
    if (dice_.Chance(5)) events_.DialIn(begin - absl::Minutes(5));
  }

  void MeetWithDevices(absl::Time begin) {
    const bool named = dice_.Chance(50);
    const auto by = [&](const char* device, v1::Event& event) {
      if (named) event.set_connection_id(absl::StrCat(device, "-", absl::ToUnixSeconds(begin)));
    };
    by("browser", events_.Joined(begin, "host"));
    by("phone", events_.Joined(begin + absl::Minutes(1), "host"));
    events_.Joined(begin + absl::Minutes(2), "guest-1");
    by("browser", events_.Left(begin + absl::Minutes(20), "host"));
    events_.File(begin + absl::Minutes(25));
    events_.Left(begin + absl::Minutes(30), "guest-1");
    by("phone", events_.Left(begin + absl::Minutes(40), "host"));
  }

  // Two meetings within two weeks.
  void Series(int day, absl::Time ten) {
    const auto name_of = [](int of_day) { return absl::StrCat("series-", of_day); };
    const int within = day % (2 * kDaysOfWeek);
    if (within == 0) {
      for (const int ahead : {3, 10}) {
        Name(name_of(day + ahead), [&] {
          events_.Scheduled(ten + absl::Minutes(ahead), ten + absl::Hours(24 * ahead), absl::Hours(1));
          events_.Invited(ten + absl::Minutes(30), "dee");
          if (dice_.Chance(30)) events_.DialIn(ten + absl::Minutes(31));
        });
      }
    }
    if (within == 5) {
      Name(name_of(day + 5),
           [&] { events_.Rescheduled(ten, ten + absl::Hours(24 * 5) + absl::Minutes(90), absl::Hours(1)); });
    }
    const absl::Time begin = within == 10 ? ten + absl::Minutes(90) : ten;
    if (within == 3 || within == 10) Name(name_of(day), [&] { Meet(begin, absl::Minutes(50), 3); });
    if (day % 42 == 37) events_.Deleted(ten + absl::Hours(9));
  }

  void StayOpen(absl::Time begin) {
    for (int hour = 0; hour < 24; hour += 4) {
      const std::string who = absl::StrCat("caller-", hour);
      events_.Joined(begin + absl::Hours(hour), who);
      events_.Quality(begin + absl::Hours(hour + 2), who);
      events_.Left(begin + absl::Hours(hour) + absl::Minutes(250), who);
    }
    if (dice_.Chance(30)) events_.File(begin + absl::Hours(5));
  }

  // Somebody stays for weeks, and is heard of twice a day; others come and go.
  void BeThere(int day, absl::Time ten) {
    if (days_there_ == 0) {
      days_there_ = dice_.Between(4, 30);
      device_ = dice_.Chance(50) ? absl::StrCat("device-", day) : "";
      events_.Joined(ten, "host").set_connection_id(device_);
    }
    events_.Quality(ten + absl::Minutes(dice_.Between(-300, 300)), "host");
    events_.Quality(ten + absl::Minutes(dice_.Between(600, 700)), "host");
    if (dice_.Chance(70)) {
      const absl::Time begin = ten + absl::Minutes(dice_.Between(-300, 600));
      events_.Joined(begin, "guest-1");
      if (dice_.Chance(40)) events_.File(begin + absl::Minutes(5));
      events_.Left(begin + absl::Minutes(dice_.Between(10, 90)), "guest-1");
    }
    if (--days_there_ == 0)
      events_.Left(ten + absl::Minutes(dice_.Between(701, 710)), "host").set_connection_id(device_);
  }

  void Name(const std::string& sitting, const auto& tell) {
    Deliver(false);
    tell();
    for (v1::Event& event : events_.Take()) {
      event.set_occurrence_id(sitting);
      Add(std::move(event), absl::ZeroDuration());
    }
  }

  void Add(v1::Event event, absl::Duration late) {
    const absl::Time happened = absl::FromUnixMicros(Us(event.time()));
    if (options_.disorder && dice_.Chance(20)) {
      Assign(absl::ToUnixMicros(happened + absl::Seconds(dice_.Between(-180, 180))), *event.mutable_time());
    }
    absl::Time at = happened + late;
    // What comes of the next sitting when this one is fixed could be of neither.
    const absl::Time evening = absl::FromCivil(absl::CivilHour(DayAt(happened)) + 22, Berlin());
    if (on_its_day_) at = std::min(at, std::max(happened, evening));
    if (options_.disorder && dice_.Chance(3))
      told_.push_back({.at = at + absl::Hours(dice_.Between(0, 30)), .event = event});
    told_.push_back({.at = at, .event = std::move(event)});
  }

  void Deliver(bool together) {
    const bool day_is_late = options_.disorder && dice_.Chance(10);
    const absl::Duration late_by =
        (careless_ ? kLatestOfCareless : kLatest) * (static_cast<double>(dice_.Between(1, 90)) / 100);
    for (v1::Event& event : events_.Take()) {
      const bool late = day_is_late || (options_.disorder && dice_.Chance(2));
      Add(std::move(event), late ? late_by : absl::ZeroDuration());
    }
    if (!together) return;
    // All of some days at once.
    absl::Time last = absl::InfinitePast();
    for (const v1::Event& event : anything_) last = std::max(last, absl::FromUnixMicros(Us(event.time())));
    for (v1::Event& event : anything_) told_.push_back({.at = last, .event = std::move(event)});
    anything_.clear();
  }

  RoomEvents& events_;
  const StoryOptions options_;
  Dice& dice_;
  const bool on_its_day_;   // all is delivered on its day
  const bool careless_;     // leaves are lost
  int64_t days_there_ = 0;  // so many more, of who is always there
  std::string device_;      // theirs
  std::vector<v1::Event> anything_;
  std::vector<Delivery> told_;
};

}  // namespace

std::vector<Delivery> StoryOf(RoomUse use, RoomEvents& events, absl::Time begin, int days, StoryOptions options,
                              Dice& dice) {
  return Story(use, events, options, dice).Tell(use, begin, days);
}

}  // namespace retention::simulation
