// Made-up cohorts.
#ifndef RETENTION_TESTS_ANONYMISATION_TEST_COHORT_H_
#define RETENTION_TESTS_ANONYMISATION_TEST_COHORT_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "cohort_test_access.h"
#include "server/anonymisation/budgets.h"
#include "server/anonymisation/cohort.h"
#include "server/anonymisation/tables.h"
#include "storage/due_day.h"
#include "test_random.h"

namespace retention {

// Somebody at a meeting.
struct Visit {
  Participation participation;
  std::string meeting;
};
using Visits = std::vector<Visit>;

inline v1::StatisticsPolicy TestPolicy() {
  v1::StatisticsPolicy policy;
  for (const char* site : {"fra1", "ber1", "vie1"}) policy.add_media_sites(site);
  for (const char* kind : {"browser", "mobile"}) policy.add_client_kinds(kind);
  return policy;
}
inline v1::StatisticsPolicy PolicyWithControllers() {
  v1::StatisticsPolicy policy = TestPolicy();
  for (const char* controller : {"acme", "initech"}) policy.add_published_controllers(controller);
  return policy;
}
inline PublicLists TestLists() { return PublicLists(TestPolicy()); }
inline DueDay Day(int month, int day) { return DueDay(absl::CivilDay(2026, month, day)); }

inline std::array<uint8_t, 16> PersonToken(uint64_t number) {
  std::array<uint8_t, 16> token{};
  std::memcpy(token.data(), &number, sizeof(number));
  return token;
}

inline Visit RandomVisit(uint64_t person, Tape& tape, uint32_t meetings) {
  Visit visit{.participation = {.person = PersonToken(person),
                                .hour = static_cast<uint8_t>(tape.Below(24)),
                                .weekday = static_cast<uint8_t>(tape.Below(7)),
                                .region = static_cast<uint8_t>(tape.Below(4)),
                                .client = static_cast<uint8_t>(tape.Below(3)),
                                .controller = static_cast<uint8_t>(tape.Below(3)),
                                .duration_seconds = tape.Below(30'000),
                                .reconnections = tape.Below(14),
                                .quality = {},
                                .failure_cause = static_cast<uint8_t>(tape.Below(8) == 0 ? 1 + tape.Below(5) : 0)},
              .meeting = "meeting " + std::to_string(tape.Below(meetings))};
  if (tape.Below(3) > 0) {
    visit.participation.quality = {
        .rtt_ms = tape.Below(700), .loss_ppm = tape.Below(200'000), .jitter_ms = tape.Below(200)};
  }
  return visit;
}

// `people` people with one to `most` visits each.
inline Visits RandomVisits(uint32_t people, Tape& tape, uint32_t meetings = 50, uint32_t most = 5) {
  Visits all;
  for (uint32_t person = 1; person <= people; ++person) {
    for (uint32_t i = 0, count = 1 + tape.Below(most); i < count; ++i) {
      all.push_back(RandomVisit(person, tape, meetings));
    }
  }
  return all;
}

inline CubeDescription TestDescription(const PublicLists& lists = TestLists(), DueDay first = Day(3, 30),
                                       uint32_t days = 7) {
  return {.first_day = first, .day_count = days, .lists = lists, .late_people = {}};
}

// A builder that has taken everything in. Its keys come from `random`.
inline CohortBuilder Filled(const Visits& visits, RandomSource& random, const Profile& profile = kLargeProfile,
                            const PublicLists& lists = TestLists()) {
  CohortBuilder builder = *CohortBuilder::Create(TestDescription(lists), profile, random);
  for (const Visit& visit : visits) builder.Add(visit.participation, visit.meeting);
  return builder;
}

}  // namespace retention

#endif  // RETENTION_TESTS_ANONYMISATION_TEST_COHORT_H_
