// The public schema of a cohort: which histograms there are, how their axes are divided, and the privacy constants.
//
// Everything here is a function of the schema version and of the policy's public lists, never of data: a domain or a
// threshold that was read off raw data would itself give people away.
#ifndef RETENTION_SERVER_ANONYMISATION_TABLES_H_
#define RETENTION_SERVER_ANONYMISATION_TABLES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/repeated_ptr_field.h"
#include "retention/v1/policy.pb.h"
#include "retention/v1/statistics_service.pb.h"

namespace retention {

// How an axis of a table is divided.
enum class Axis : uint8_t {
  kHour,              // "00" to "23"
  kRegion,            // the public media server sites, then "other"
  kClient,            // the public client kinds, then "other"
  kDuration24,        // seconds, 24 buckets
  kDuration12,        // seconds, 12 buckets, each the union of two of the 24
  kMeetingSize,       // 1, 2, 3-5, 6-10, 11-25, 26-100, 101+
  kReconnections,     // 0, 1, 2, 3-4, 5-9, 10+
  kMeetingsPerPerson  // 1, 2, 3, 4, 5-6, 7-9, 10+
};

// Written into row keys: never change or reuse a number.
enum class TableId : uint32_t {
  kHourByRegion = 1,
  kClientByRegion = 2,
  kMeetingsPerPerson = 3,
  kDuration24 = 4,
  kDuration12ByRegion = 5,
  kDuration12ByClient = 6,
  kDuration12ByMeetingSize = 7,
  kReconnectionsByRegion = 8,
  kReconnectionsByClient = 9,
  kReconnectionsByMeetingSize = 10,
};

// A histogram of a cohort. Cells are laid out with the first axis slowest.
struct TableSpec {
  TableId id;
  std::string_view name;
  std::array<Axis, 2> axes_storage;
  uint8_t axis_count;

  std::span<const Axis> axes() const { return {axes_storage.data(), axis_count}; }
};

// The civil period whose participations make one cohort.
enum class CohortPeriod : uint8_t { kDay, kWeek, kMonth };

// The constants under which cohorts are drawn. Chosen by configuration from public facts, never from raw data.
struct Profile {
  uint32_t schema_version;      // names this profile and its tables in every stored cube
  CohortPeriod period;          //
  uint32_t contribution_bound;  // C: ticks that one person adds to one cohort, at most one per cell
  int64_t floor;                // k: a cell with fewer people is treated as an empty one
  uint32_t rho_ppm;             // rho of zCDP per person and cohort, in millionths
  int64_t noise_variance;       // sigma^2 = C / (2 rho), people squared
  int64_t cell_threshold;       // lowest noisy value at which one cell is shown: 3.09 sigma, rounded up
  std::span<const TableSpec> tables;
};

inline constexpr uint32_t kSchemaVersion = 1;

// One tick per person in each.
inline constexpr std::array<TableSpec, 10> kParticipationTables = {{
    {TableId::kHourByRegion, "hour_by_region", {Axis::kHour, Axis::kRegion}, 2},
    {TableId::kClientByRegion, "client_by_region", {Axis::kClient, Axis::kRegion}, 2},
    {TableId::kMeetingsPerPerson, "meetings_per_person", {Axis::kMeetingsPerPerson}, 1},
    {TableId::kDuration24, "duration24", {Axis::kDuration24}, 1},
    {TableId::kDuration12ByRegion, "duration12_by_region", {Axis::kDuration12, Axis::kRegion}, 2},
    {TableId::kDuration12ByClient, "duration12_by_client", {Axis::kDuration12, Axis::kClient}, 2},
    {TableId::kDuration12ByMeetingSize, "duration12_by_meeting_size", {Axis::kDuration12, Axis::kMeetingSize}, 2},
    {TableId::kReconnectionsByRegion, "reconnections_by_region", {Axis::kReconnections, Axis::kRegion}, 2},
    {TableId::kReconnectionsByClient, "reconnections_by_client", {Axis::kReconnections, Axis::kClient}, 2},
    {TableId::kReconnectionsByMeetingSize,
     "reconnections_by_meeting_size",
     {Axis::kReconnections, Axis::kMeetingSize},
     2},
}};

// What one person adds to the cell of those who came late: once as who was counted and changed, once as who was not
// (their tokens have nothing in common). As squared L2.
inline constexpr uint32_t kLateContribution = 4;

// Daily cohorts of a large platform. C leaves room for the ticks that the performance and meetings tables will add,
// so that adding them changes neither sigma nor what was promised about the cubes already drawn.
inline constexpr Profile kLargeProfile = {.schema_version = kSchemaVersion,
                                          .period = CohortPeriod::kDay,
                                          .contribution_bound = 20,
                                          .floor = 10,
                                          .rho_ppm = 20'000,
                                          .noise_variance = 500,
                                          .cell_threshold = 70,
                                          .tables = kParticipationTables};
static_assert(kLargeProfile.noise_variance * 2 * kLargeProfile.rho_ppm == kLargeProfile.contribution_bound * 1'000'000);
static_assert(kParticipationTables.size() + kLateContribution <= kLargeProfile.contribution_bound);

// The profile that cubes of `schema_version` were drawn under; null if this build does not know it.
const Profile* ProfileOfSchema(uint32_t schema_version);

// The public lists that a cohort is, or was, drawn under. Values that are in no list count as "other". Lists longer
// than kMaxPublicNames are cut, so that an index always fits.
class PublicLists {
 public:
  using Names = google::protobuf::RepeatedPtrField<std::string>;
  // Names that occur twice, or are "other", are taken once.
  PublicLists(const Names& media_sites, const Names& client_kinds);
  explicit PublicLists(const v1::StatisticsPolicy& policy) : PublicLists(policy.media_sites(), policy.client_kinds()) {}

  // With "other" last.
  const std::vector<std::string>& regions() const { return regions_; }
  const std::vector<std::string>& clients() const { return clients_; }
  // Position in regions() or clients(), that of "other" for a name that is not listed.
  uint8_t RegionIndex(std::string_view media_site) const;
  uint8_t ClientIndex(std::string_view client_kind) const;

  friend bool operator==(const PublicLists&, const PublicLists&) = default;

 private:
  std::vector<std::string> regions_;
  std::vector<std::string> clients_;
};

size_t AxisSize(Axis axis, const PublicLists& lists);
size_t CellCount(const TableSpec& table, const PublicLists& lists);
// Names of the axis's values, in cell order.
std::vector<std::string> AxisValues(Axis axis, const PublicLists& lists);
// What callers call the axis.
v1::Dimension DimensionOf(Axis axis);

// Where a number falls on its axis.
uint8_t Duration24Bucket(uint32_t seconds);
inline uint8_t Duration12Bucket(uint8_t duration24_bucket) { return duration24_bucket / 2; }
uint8_t MeetingSizeBucket(uint32_t participants);
uint8_t ReconnectionsBucket(uint32_t reconnections);
uint8_t MeetingsPerPersonBucket(uint32_t meetings);

// The numbers that a bucket may stand for. Top buckets are top-coded: a duration above 12 h counts as 12 h, more than
// ten reconnections or meetings as ten.
struct BucketBounds {
  double low = 0;
  double high = 0;
  double middle() const { return (low + high) / 2; }
};
// Bounds of every bucket of a numeric axis, in order, in the unit of the axis; empty for the others.
std::span<const BucketBounds> BoundsOf(Axis axis);

// What ListTables answers: the schema as it is drawn now, under the lists of `policy`.
v1::ListTablesResponse DescribeTables(const v1::StatisticsPolicy& policy, const Profile& profile = kLargeProfile);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_TABLES_H_
