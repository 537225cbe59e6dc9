// A life of everything that can be held, and end, at random.
#ifndef RETENTION_TESTS_PRIVACY_RANDOM_LIFE_H_
#define RETENTION_TESTS_PRIVACY_RANDOM_LIFE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/engine/harness.h"
#include "tests/holds/held.h"
#include "tests/logs/log_fixture.h"
#include "tests/orders/orders.h"

namespace retention::privacy {

inline constexpr int kPbxs = 3;
inline std::string PbxName(uint64_t number) { return absl::StrCat("canary-pbx-", number % kPbxs); }

// Of random acts, each of which may end something that an earlier copy still holds.
class Life {
 public:
  explicit Life(uint64_t seed) : harness_(kMonday), random_(seed) {
    for (uint64_t pbx = 0; pbx < kPbxs; ++pbx) Sync(harness_.engine(), pbx);
  }

  // An end that has begun is finished.
  ~Life() { harness_.Sweep(); }

  void Act() {
    harness_.now += absl::Minutes(1 + Below(300));
    switch (Below(16)) {
      case 0:
        Sync(harness_.engine(), Below(kPbxs));
        break;
      case 1: {
        const std::string pbx = PbxName(Below(kPbxs));
        if (Below(2) == 0) {
          harness_.engine().BeginEnd(pbx, kReasonPbxDeregistered, harness_.now).status().IgnoreError();
        } else {
          harness_.EndPbx(pbx).status().IgnoreError();
        }
        if (Below(2) == 0) Sync(harness_.engine(), Below(kPbxs));
        break;
      }
      case 2:
        harness_.now += absl::Hours(24 * (1 + Below(9)));
        harness_.Sweep();
        break;
      case 3:
        harness_.Sweep();
        break;
      case 4:
        harness_.engine()
            .DeleteMeeting(PbxName(Any()), Meeting(Any()), "asked for", harness_.now)
            .status()
            .IgnoreError();
        break;
      case 5: {
        v1::Event event =
            Rescheduled(Meeting(Any()), Fresh(), harness_.now, harness_.now + absl::Hours(Below(200)), absl::Hours(1));
        event.set_pbx_id(PbxName(Any()));
        harness_.Record(event);
        break;
      }
      case 6:
        harness_.engine()
            .ErasePerson(PbxName(Any()), Meeting(Any()), {.participant_id = "p1"}, harness_.now)
            .status()
            .IgnoreError();
        break;
      case 7:
        Hold();
        break;
      case 8: {
        const auto orders = HeldIds(harness_.engine());
        if (orders.empty()) break;
        const auto confirmed = Confirmations({{orders[Below(orders.size())], kErased}});
        ASSERT_TRUE(harness_.engine().ConfirmOrders(confirmed, harness_.now).ok());
        break;
      }
      case 9:
        Poll();
        break;
      case 10: {
        Append(harness_.engine(), {Line(kMcu, harness_.now, "canary-line")}, harness_.now);
        const DueDay until = LastDueDay(harness_.now, absl::UTCTimeZone()).Next();
        v1::ExtendLogRetentionRequest request;
        request.set_server(kMcu);
        request.set_reason("canary-ticket");
        SetDate(DueDay::FromNumber(until.number() + 1 + static_cast<uint32_t>(Below(20))), *request.mutable_until());
        harness_.engine().ExtendLogRetention(request, harness_.now).status().IgnoreError();
        break;
      }
      default:
        Meet();
    }
  }

  // A meeting of which everything is named after a number.
  static std::vector<v1::Event> EventsOf(const std::string& pbx, const std::string& meeting, const std::string& id,
                                         absl::Time now, bool over) {
    const absl::Time time = now - absl::Minutes(20);
    v1::Event planned = Scheduled(meeting, absl::StrCat(id, "plan"), time, time, absl::Hours(1));
    planned.mutable_meeting_scheduled()->set_name(absl::StrCat("canary-name-", id));
    std::vector<v1::Event> events = {
        planned,
        Joined(meeting, absl::StrCat(id, "join"), time, "p1", absl::StrCat("canary-person-", id),
               absl::StrCat("canary-", id, "@example.org")),
        Joined(meeting, absl::StrCat(id, "join2"), time, "p2", absl::StrCat("canary-other-", id)),
        Recording(meeting, absl::StrCat(id, "rec"), time, absl::StrCat("canary-recording-", id)),
        Pdf(meeting, absl::StrCat(id, "pdf"), time, absl::StrCat("canary-pdf-", id)),
        File(meeting, absl::StrCat(id, "file"), time, absl::StrCat("canary-file-", id)),
    };
    if (over) {
      events.push_back(Left(meeting, absl::StrCat(id, "left"), now, "p1"));
      events.push_back(Left(meeting, absl::StrCat(id, "left2"), now, "p2"));
    }
    for (v1::Event& event : events) event.set_pbx_id(pbx);
    return events;
  }

  // What a synchronisation says differs each time.
  void Sync(TestEngine& engine, uint64_t pbx) {
    v1::PbxSynced synced;
    synced.set_controller_id(absl::StrCat("controller-", Below(2)));
    synced.mutable_profile()->set_fqdn(absl::StrCat("canary-fqdn-", Below(1000)));
    synced.mutable_profile()->set_licence_key(absl::StrCat("canary-licence-", pbx));
    for (const char* number : {"100", "101", "102"}) {
      if (Below(3) == 0) continue;
      v1::Extension& extension = *synced.add_extensions();
      extension.set_number(number);
      extension.set_email(absl::StrCat("canary-extension-", Below(3), "@example.org"));
      if (Below(2) == 0) extension.set_extension_id(absl::StrCat("id-", Below(4)));
    }
    const auto outcome = engine.SyncPbx(PbxName(pbx), synced, harness_.now);
    EXPECT_TRUE(outcome.ok() || absl::IsInvalidArgument(outcome.status())) << outcome.status();
  }

  Harness& harness() { return harness_; }
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  uint64_t Any() { return random_(); }
  std::string Meeting(uint64_t any) const { return absl::StrCat("room-", any % 5); }
  std::string Fresh() { return absl::StrCat("n", next_++, "-"); }

 private:
  void Meet() {
    const std::string id = Fresh();
    harness_.Record(EventsOf(PbxName(Any()), Meeting(Any()), id, harness_.now, Below(3) > 0));
  }
  void Hold() {
    const std::string id = absl::StrCat("case-", Below(4));
    v1::Hold hold = PbxHold(id, harness_.now, PbxName(Any()));
    hold.set_reason("canary-reason");
    if (Below(3) == 0) hold.mutable_scope()->set_controller_id(absl::StrCat("controller-", Below(2)));
    if (harness_.engine().CreateHold(hold, harness_.now).ok()) return;
    if (Below(2) == 0) {
      harness_.engine().ReleaseHold(id, harness_.now).IgnoreError();
      return;
    }
    v1::UpdateHoldRequest request;
    request.set_hold_id(id);
    request.set_reason("canary-other-reason");
    harness_.engine().UpdateHold(request, harness_.now).status().IgnoreError();
  }
  void Poll() {
    const std::string poll = absl::StrCat("poll-", Below(4));
    if (Below(3) == 0) {
      harness_.engine().DeletePoll(PbxName(Any()), poll, "asked for", harness_.now).IgnoreError();
      return;
    }
    v1::Event event;
    event.set_event_id(Fresh());
    event.set_pbx_id(PbxName(Any()));
    SetTime(absl::ToUnixMicros(harness_.now), *event.mutable_time());
    event.mutable_poll_created()->set_poll_id(poll);
    event.mutable_poll_created()->set_owner_extension("100");
    event.mutable_poll_created()->set_question("canary-question");
    for (const char* option : {"here", "there"}) event.mutable_poll_created()->add_options(option);
    harness_.Record(event);
  }

  Harness harness_;
  std::mt19937_64 random_;
  uint64_t next_ = 0;
};

}  // namespace retention::privacy

#endif  // RETENTION_TESTS_PRIVACY_RANDOM_LIFE_H_
