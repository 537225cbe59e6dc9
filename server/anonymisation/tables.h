// The public schema of a cohort: which tables there are, how their axes are divided, and the privacy constants.
//
// Everything here is a function of the profile and of the policy's public lists, never of data: a domain or a threshold
// that was read off raw data would itself give people away.
#ifndef RETENTION_SERVER_ANONYMISATION_TABLES_H_
#define RETENTION_SERVER_ANONYMISATION_TABLES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/repeated_ptr_field.h"
#include "retention/v1/policy.pb.h"
#include "retention/v1/statistics_service.pb.h"
#include "server/anonymisation/schema.h"

namespace retention {

// REQUIRES: there is one.
const TableSpec& SpecOf(TableId id);

const Profile& ProfileOf(v1::StatisticsProfile profile);
// The profile that cubes of `schema_version` were drawn under; null if this build does not know it.
const Profile* ProfileOfSchema(uint32_t schema_version);

// The public lists that a cohort is, or was, drawn under. Values that are in no list count as "other". Lists longer
// than kMaxPublicNames are cut, so that an index always fits.
class PublicLists {
 public:
  using Names = google::protobuf::RepeatedPtrField<std::string>;
  // Names that occur twice, or are "other", are taken once.
  PublicLists(const Names& media_sites, const Names& client_kinds, const Names& controllers = {});
  explicit PublicLists(const v1::StatisticsPolicy& policy)
      : PublicLists(policy.media_sites(), policy.client_kinds(), policy.published_controllers()) {}

  // With "other" last.
  const std::vector<std::string>& regions() const { return regions_; }
  const std::vector<std::string>& clients() const { return clients_; }
  // Of one name alone, "other", if none are published.
  const std::vector<std::string>& controllers() const { return controllers_; }
  bool publishes_controllers() const { return controllers_.size() > 1; }
  // Position in the list, that of "other" for a name that is not listed.
  uint8_t RegionIndex(std::string_view media_site) const;
  uint8_t ClientIndex(std::string_view client_kind) const;
  uint8_t ControllerIndex(std::string_view controller) const;

  friend bool operator==(const PublicLists&, const PublicLists&) = default;

 private:
  std::vector<std::string> regions_;
  std::vector<std::string> clients_;
  std::vector<std::string> controllers_;
};

// The tables of a cohort under these lists: those of the profile; where controllers are published, nine tenths of every
// share, and a tenth for theirs. Shares in parts of 10,000.
struct DrawnTable {
  const TableSpec* spec;
  uint16_t share;
};
std::vector<DrawnTable> TablesOf(const Profile& profile, const PublicLists& lists);
// The most that one person adds to the table, in its units: all of it in one cell. Its square is the squared L2.
int64_t ContributionOf(Measure measure, const Profile& profile);
// Variance of the noise in every cell, in units squared: contribution^2 / (2 rho share), rounded up.
int64_t NoiseVarianceOf(const DrawnTable& table, const Profile& profile);
// Of the late cell.
int64_t LateNoiseVariance(const Profile& profile);
// What one unit is in the unit that callers see: people, participations, seconds, reconnections, meetings.
double UnitOf(Measure measure);
std::string_view UnitName(Measure measure);

size_t AxisSize(Axis axis, const PublicLists& lists);
size_t CellCount(const TableSpec& table, const PublicLists& lists);
// Names of the axis's values, in cell order; of kDuration12 and kDurationHalf together those of the 24 buckets.
std::vector<std::string> AxisValues(Axis axis, const PublicLists& lists);
std::vector<std::string> Duration24Values();
// What callers call the axis.
v1::Dimension DimensionOf(Axis axis);
// What a table is split by for callers, with the values of each: kDuration12 and kDurationHalf are one.
struct TableDomain {
  v1::Dimension dimension;
  std::vector<std::string> values;
};
std::vector<TableDomain> DomainsOf(const TableSpec& table, const PublicLists& lists);

// Where a number falls on its axis.
uint8_t Duration24Bucket(uint32_t seconds);
uint8_t ReconnectionsBucket(uint32_t reconnections);
uint8_t PerPersonBucket(uint32_t participations);
uint8_t RttBucket(uint32_t milliseconds);
uint8_t LossBucket(uint32_t per_million);
uint8_t JitterBucket(uint32_t milliseconds);

// The numbers that a bucket may stand for. Top buckets are top-coded.
struct BucketBounds {
  double low = 0;
  double high = 0;
  double middle() const { return (low + high) / 2; }
};
// Bounds of the buckets of a dimension that is divided into `count`; empty for those that are no numbers.
std::span<const BucketBounds> BoundsOf(v1::Dimension dimension, size_t count);

}  // namespace retention

#endif  // RETENTION_SERVER_ANONYMISATION_TABLES_H_
