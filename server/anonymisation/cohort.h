// Building a cohort: one streaming pass over its participations, out of which comes a noisy cube and nothing else.
//
// Guarantees, for rows as recorded (neighbouring data sets differ in all rows of one person; other rows are unchanged):
//   G1  a person adds at most one tick to each table, however many participations they have;
//   G2  a cell with fewer than k people is treated exactly as an empty one;
//   G3  every cell, empty ones too, gets one draw of discrete Gaussian noise: rho-zCDP per person and cohort.
//
// A participation is a person in a meeting. Of a person's meetings one is chosen uniformly, by the least value of a
// pseudo-random function of person and meeting under a key that is drawn for this cohort and wiped with it. So the
// choice depends on no order of rows, one person's choice is independent of all others' rows, and a row costs no random
// bits. A person with several participant ids in one meeting is in it once; its rows are alternatives, chosen among in
// the same way.
#ifndef RETENTION_SERVER_ANONYMISATION_COHORT_H_
#define RETENTION_SERVER_ANONYMISATION_COHORT_H_

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/anonymisation/cube.h"
#include "server/anonymisation/siphash.h"
#include "server/anonymisation/tables.h"
#include "storage/due_day.h"
#include "storage/random_source.h"

namespace retention {

// A person in a meeting, as recorded.
struct Participation {
  std::array<uint8_t, 16> person;  // keyed hash under the cohort's key
  uint8_t hour;                    // 0 to 23, policy time zone; more counts as 23
  uint8_t region;                  // PublicLists::RegionIndex; more counts as "other"
  uint8_t client;                  // PublicLists::ClientIndex; more counts as "other"
  uint32_t duration_seconds;       // time in the meeting
  uint32_t meeting_size;           // participants of the meeting
  uint32_t reconnections;
};

// Exact counts of a cohort: personal data still, held for the moment between the last row and the noise, and wiped.
class RawCube {
 public:
  RawCube(const Profile& profile, const PublicLists& lists);
  RawCube(RawCube&&) = default;
  RawCube(const RawCube&) = delete;
  RawCube& operator=(const RawCube&) = delete;
  ~RawCube();

 private:
  friend class CohortBuilder;
  friend struct CohortTestAccess;

  // What feeds the tables, on the divided axes.
  struct Ticks {
    uint8_t hour, region, client, duration24, meeting_size, reconnections, meetings_per_person;
  };
  // One tick in every table.
  void Count(const Ticks& ticks);
  void ApplyFloor();
  // v = c' + N for every cell.
  absl::StatusOr<NoisyCube> AddNoise(CubeDescription description, RandomSource& random) &&;

  const Profile* profile_;
  std::vector<NoisyTable> tables_;  // exact until AddNoise
  std::vector<std::array<size_t, 2>> strides_;
};

// Not thread-safe. Memory: at most 128 bytes per person (73 when no table is growing), whatever the number of rows.
class CohortBuilder {
 public:
  // More people than this in one cohort are not built: 16 GiB.
  static constexpr size_t kMaxPeople = size_t{1} << 27;

  // Draws the key of the choices. Fails as `random` does.
  static absl::StatusOr<CohortBuilder> Create(DueDay first_day, uint32_t day_count, const PublicLists& lists,
                                              RandomSource& random, const Profile& profile = kLargeProfile);
  CohortBuilder(CohortBuilder&&) = default;
  CohortBuilder(const CohortBuilder&) = delete;
  CohortBuilder& operator=(const CohortBuilder&) = delete;
  ~CohortBuilder();

  // All rows that follow belong to that meeting. `meeting` is any byte string that names it within the cohort, the same
  // whenever the cohort is built (PBX and owner of its rows). REQUIRES: all rows of a meeting come together.
  void BeginMeeting(std::string_view meeting);
  // Takes a row in. Rows of people who objected must not get here. REQUIRES: BeginMeeting was called.
  void Add(const Participation& participation);

  // People seen so far. For sizing and tests: an exact count, not to be published.
  size_t people() const { return people_; }

  // Counts, floors and draws the noise. Fails as `random` does, and then the whole release must be given up;
  // RESOURCE_EXHAUSTED beyond kMaxPeople. The builder, its key and all that it held is wiped in any case.
  absl::StatusOr<NoisyCube> Finish(RandomSource& random) &&;

 private:
  friend struct CohortTestAccess;

  // One person: the chosen participation so far. 32 bytes, two to a cache line.
  struct Person {
    uint64_t token[2];
    uint64_t priority;      // of the chosen meeting
    uint32_t last_meeting;  // ordinal of the meeting that was counted last; 0 marks a free slot
    uint32_t ticks;         // packed: see Pack in cohort.cc
  };
  static_assert(sizeof(Person) == 32);
  struct Pending {
    uint64_t token[2];
    uint64_t meeting;
    uint32_t meeting_ordinal;
    uint32_t ticks;
    size_t slot;
  };

  CohortBuilder(CubeDescription description, const Profile& profile);
  void Settle(const Pending& row);
  void Grow();
  void Wipe();
  size_t SlotOf(const uint64_t token[2]) const;
  RawCube Count();

  CubeDescription description_;
  const Profile* profile_;
  SipKey choice_key_;  // of the choices
  SipKey slot_key_;    // of places in `slots_`
  std::vector<Person> slots_;
  size_t people_ = 0;
  bool overfull_ = false;
  uint64_t meeting_ = 0;  // hash of the current meeting
  uint32_t meeting_ordinal_ = 0;
  // Rows whose slot is on its way from memory.
  std::array<Pending, 16> pending_{};
  size_t pending_count_ = 0;
};

// The cell of those who came late to a cohort: `people` of them, floored and blurred as any cell. To be drawn once a
// cohort. Fails as `random` does, and then it must be given up.
absl::StatusOr<int64_t> DrawLatePeople(size_t people, RandomSource& random, const Profile& profile = kLargeProfile);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_COHORT_H_
