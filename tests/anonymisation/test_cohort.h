// Made-up cohorts.
#ifndef RETENTION_TESTS_ANONYMISATION_TEST_COHORT_H_
#define RETENTION_TESTS_ANONYMISATION_TEST_COHORT_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "server/anonymisation/cohort.h"
#include "server/anonymisation/tables.h"
#include "storage/due_day.h"
#include "test_random.h"

namespace retention {

struct Meeting {
  std::string id;
  std::vector<Participation> rows;
};
using Meetings = std::vector<Meeting>;

inline v1::StatisticsPolicy TestPolicy() {
  v1::StatisticsPolicy policy;
  for (const char* site : {"fra1", "ber1", "vie1"}) policy.add_media_sites(site);
  for (const char* kind : {"browser", "mobile"}) policy.add_client_kinds(kind);
  return policy;
}
inline PublicLists TestLists() { return PublicLists(TestPolicy()); }
inline DueDay TestDay() { return DueDay(absl::CivilDay(2026, 3, 31)); }

inline std::array<uint8_t, 16> PersonToken(uint64_t number) {
  std::array<uint8_t, 16> token{};
  std::memcpy(token.data(), &number, sizeof(number));
  return token;
}

inline Participation RandomRow(uint64_t person, Tape& tape) {
  return {.person = PersonToken(person),
          .hour = static_cast<uint8_t>(tape.Below(24)),
          .region = static_cast<uint8_t>(tape.Below(4)),
          .client = static_cast<uint8_t>(tape.Below(3)),
          .duration_seconds = tape.Below(30'000),
          .meeting_size = 1 + tape.Below(120),
          .reconnections = tape.Below(14)};
}

// `people` people, each in one to five of `meetings` meetings.
inline Meetings RandomMeetings(uint32_t people, uint32_t meetings, Tape& tape) {
  Meetings all(meetings);
  for (uint32_t m = 0; m < meetings; ++m) all[m].id = "meeting " + std::to_string(m);
  for (uint32_t person = 1; person <= people; ++person) {
    for (uint32_t i = 0, count = 1 + tape.Below(5); i < count; ++i) {
      all[tape.Below(meetings)].rows.push_back(RandomRow(person, tape));
    }
  }
  return all;
}

// A builder that has taken everything in. Its key comes from `tape`.
inline CohortBuilder Filled(const Meetings& meetings, RandomSource& tape, const Profile& profile = kLargeProfile) {
  CohortBuilder builder = *CohortBuilder::Create(TestDay(), 1, TestLists(), tape, profile);
  for (const Meeting& meeting : meetings) {
    builder.BeginMeeting(meeting.id);
    for (const Participation& row : meeting.rows) builder.Add(row);
  }
  return builder;
}

}  // namespace retention

#endif  // RETENTION_TESTS_ANONYMISATION_TEST_COHORT_H_
