// Building a cohort: one streaming pass over its participations, out of which comes a noisy cube and nothing else.
//
// Guarantees, where neighbouring data sets differ in all events of one person:
//   G1  a person adds to each table exactly ContributionOf at most, as L2: all their weight in one cell;
//   G3  every cell, empty ones too, gets one draw of discrete Gaussian noise: rho-zCDP per person and cohort;
//   G6  what a person adds follows from their own participations alone.
//
// In tables of people the i-th of a person's m participations weighs floor(60 i/m) - floor(60 (i-1)/m) sixtieths: 60 in
// all, for every m, without a cap and without a lot. Sums are capped per person, and the excess scaled down over what
// they did; of every table in the same way, so that tables add up. Integers throughout.
#ifndef RETENTION_SERVER_ANONYMISATION_COHORT_H_
#define RETENTION_SERVER_ANONYMISATION_COHORT_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/anonymisation/cohort_records.h"
#include "server/anonymisation/cube.h"
#include "server/anonymisation/siphash.h"
#include "server/anonymisation/tables.h"
#include "storage/due_day.h"
#include "storage/random_source.h"

namespace retention {

// Of a person in a room, by their own events; or a failed try to join.
struct Participation {
  std::array<uint8_t, 16> person;  // keyed hash under the cohort's key
  uint8_t hour = 0;                // 0 to 23, policy time zone; more counts as 23
  uint8_t weekday = 0;             // 0 is Monday
  uint8_t region = 0;              // PublicLists::RegionIndex; more counts as "other"
  uint8_t client = 0;
  uint8_t controller = 0;
  uint32_t duration_seconds = 0;
  uint32_t reconnections = 0;
  // Means over the participation; none without samples.
  struct Quality {
    uint32_t rtt_ms = 0, loss_ppm = 0, jitter_ms = 0;
  };
  std::optional<Quality> quality;
  // A failed join, and why (retention.v1.JoinFailureCause); 0: it is none. Of one, all but person, client and cause is
  // not looked at.
  uint8_t failure_cause = 0;
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

  // Where something falls on each axis.
  using Position = std::array<uint8_t, kAxes>;
  void Add(Measure measure, const Position& at, int64_t amount);
  // One person: all of their records. `lot`: of their own, and of nobody's acts; whether the rest of their time makes
  // one more unit.
  void AddPerson(std::span<const CohortRecord> records, uint64_t lot);
  // v = c + N for every cell, and the estimates.
  absl::StatusOr<NoisyCube> AddNoise(CubeDescription description, RandomSource& random) &&;

  struct Counted {
    DrawnTable table;
    std::array<size_t, 2> strides;
    std::vector<int64_t> cells;
  };
  const Profile* profile_;
  std::vector<Counted> tables_;
  std::array<std::vector<size_t>, kMeasures> by_measure_;  // indexes of tables
};

// Not thread-safe. Memory: 24 bytes per participation, sorted where they lie.
class CohortBuilder {
 public:
  // Draws the keys of the build. Fails as `random` does. `description` says days and lists; schema and rho are those of
  // the profile.
  static absl::StatusOr<CohortBuilder> Create(CubeDescription description, const Profile& profile,
                                              RandomSource& random);
  CohortBuilder(CohortBuilder&&) = default;
  CohortBuilder(const CohortBuilder&) = delete;
  CohortBuilder& operator=(const CohortBuilder&) = delete;
  ~CohortBuilder();

  // Takes one in. `meeting` is any byte string that names its meeting within the cohort, the same whenever the cohort
  // is built. Those of people who objected must not get here.
  void Add(const Participation& participation, std::string_view meeting);
  // Rows of the cohort's originals were damaged, and are not in it.
  void NoteDamaged() { description_.damaged = true; }

  // Participations so far. For sizing and tests: an exact count, not to be published.
  size_t participations() const { return records_.size(); }

  // Counts and draws the noise. Fails as `random` does, and then the whole release must be given up;
  // RESOURCE_EXHAUSTED if there were more than can be counted. The builder, its keys and all that it held is wiped in
  // any case.
  absl::StatusOr<NoisyCube> Finish(RandomSource& random) &&;

 private:
  friend struct CohortTestAccess;

  CohortBuilder(CubeDescription description, const Profile& profile);
  RawCube Count();
  // Of one person's records: puts the meetings that they mark at `marks`, which holds no more than there are records.
  size_t Mark(std::span<const CohortRecord> records, uint64_t* marks) const;
  // Of a person, under the key of the build.
  uint64_t LotOf(uint64_t person) const;
  void Wipe();

  CubeDescription description_;
  const Profile* profile_;
  SipKey choice_key_;   // of the meetings that a person marks, and of their lot
  SipKey meeting_key_;  // of the names of meetings
  CohortRecords records_;
};

// The cell of those who came late to a cohort: `people` of them, blurred. To be drawn once a cohort. Fails as `random`
// does, and then it must be given up.
absl::StatusOr<int64_t> DrawLatePeople(size_t people, RandomSource& random, const Profile& profile);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_COHORT_H_
