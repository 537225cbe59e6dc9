#include "server/anonymisation/tables.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/base/field_checks.h"

namespace retention {
namespace {

constexpr char kOther[] = "other";

// Seconds at which the buckets begin.
constexpr std::array<uint32_t, 24> kDurationStarts = {0,    30,   60,   120,  300,   450,   600,   900,
                                                      1200, 1500, 1800, 2100, 2700,  3000,  3600,  4500,
                                                      5400, 6300, 7200, 9000, 10800, 12600, 14400, 21600};
// Durations are top-coded at 12 h.
constexpr uint32_t kDurationCap = 43'200;
// All starts are multiples of it, so that a bucket is found with one look-up.
constexpr uint32_t kDurationStep = 30;

constexpr std::array<uint32_t, 7> kSizeStarts = {1, 2, 3, 6, 11, 26, 101};
constexpr std::array<uint32_t, 6> kReconnectionsStarts = {0, 1, 2, 3, 5, 10};
constexpr std::array<uint32_t, 7> kMeetingsStarts = {1, 2, 3, 4, 5, 7, 10};

constexpr auto kDurationLookup = [] {
  std::array<uint8_t, kDurationStarts.back() / kDurationStep + 1> lookup{};
  for (size_t i = 0; i < lookup.size(); ++i) {
    for (size_t bucket = 0; bucket < kDurationStarts.size(); ++bucket) {
      if (i * kDurationStep >= kDurationStarts[bucket]) lookup[i] = static_cast<uint8_t>(bucket);
    }
  }
  return lookup;
}();
static_assert(std::all_of(kDurationStarts.begin(), kDurationStarts.end(),
                          [](uint32_t start) { return start % kDurationStep == 0; }));

constexpr auto kDuration24Bounds = [] {
  std::array<BucketBounds, 24> bounds{};
  for (size_t i = 0; i < 24; ++i) {
    bounds[i] = {double(kDurationStarts[i]), double(i + 1 < 24 ? kDurationStarts[i + 1] : kDurationCap)};
  }
  return bounds;
}();
constexpr auto kDuration12Bounds = [] {
  std::array<BucketBounds, 12> bounds{};
  for (size_t i = 0; i < 12; ++i) bounds[i] = {kDuration24Bounds[2 * i].low, kDuration24Bounds[2 * i + 1].high};
  return bounds;
}();

// Bounds of whole numbers: both ends belong to the bucket, and the top one counts with its start.
template <size_t N>
constexpr std::array<BucketBounds, N> CountBounds(const std::array<uint32_t, N>& starts) {
  std::array<BucketBounds, N> bounds{};
  for (size_t i = 0; i < N; ++i) bounds[i] = {double(starts[i]), double(i + 1 < N ? starts[i + 1] - 1 : starts[i])};
  return bounds;
}
constexpr auto kReconnectionsBounds = CountBounds(kReconnectionsStarts);
constexpr auto kMeetingsBounds = CountBounds(kMeetingsStarts);

template <size_t N>
uint8_t BucketOf(uint32_t value, const std::array<uint32_t, N>& starts) {
  uint8_t bucket = 0;
  for (size_t i = 1; i < N; ++i) bucket += value >= starts[i];
  return bucket;
}

// "0-29", "30-59", ..., "21600+"; a bucket of one number is that number.
std::vector<std::string> RangeNames(std::span<const uint32_t> starts) {
  std::vector<std::string> names;
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    const uint32_t last = starts[i + 1] - 1;
    names.push_back(last == starts[i] ? absl::StrCat(last) : absl::StrCat(starts[i], "-", last));
  }
  names.push_back(absl::StrCat(starts.back(), "+"));
  return names;
}

std::vector<std::string> WithOther(const PublicLists::Names& names) {
  std::vector<std::string> values;
  for (const std::string& name : names) {
    if (values.size() == kMaxPublicNames) break;
    if (name != kOther && std::find(values.begin(), values.end(), name) == values.end()) values.push_back(name);
  }
  values.emplace_back(kOther);
  return values;
}

uint8_t IndexOrOther(const std::vector<std::string>& values, std::string_view name) {
  const auto at = std::find(values.begin(), values.end() - 1, name);
  return static_cast<uint8_t>(at - values.begin());
}

}  // namespace

const Profile* ProfileOfSchema(uint32_t schema_version) {
  return schema_version == kLargeProfile.schema_version ? &kLargeProfile : nullptr;
}

PublicLists::PublicLists(const Names& media_sites, const Names& client_kinds)
    : regions_(WithOther(media_sites)), clients_(WithOther(client_kinds)) {}

uint8_t PublicLists::RegionIndex(std::string_view media_site) const { return IndexOrOther(regions_, media_site); }
uint8_t PublicLists::ClientIndex(std::string_view client_kind) const { return IndexOrOther(clients_, client_kind); }

size_t AxisSize(Axis axis, const PublicLists& lists) {
  switch (axis) {
    case Axis::kHour:
      return 24;
    case Axis::kRegion:
      return lists.regions().size();
    case Axis::kClient:
      return lists.clients().size();
    case Axis::kDuration24:
      return kDuration24Bounds.size();
    case Axis::kDuration12:
      return kDuration12Bounds.size();
    case Axis::kMeetingSize:
      return kSizeStarts.size();
    case Axis::kReconnections:
      return kReconnectionsStarts.size();
    case Axis::kMeetingsPerPerson:
      return kMeetingsStarts.size();
  }
  return 0;
}

size_t CellCount(const TableSpec& table, const PublicLists& lists) {
  size_t cells = 1;
  for (Axis axis : table.axes()) cells *= AxisSize(axis, lists);
  return cells;
}

std::vector<std::string> AxisValues(Axis axis, const PublicLists& lists) {
  switch (axis) {
    case Axis::kHour: {
      std::vector<std::string> hours;
      for (int hour = 0; hour < 24; ++hour) hours.push_back(absl::StrFormat("%02d", hour));
      return hours;
    }
    case Axis::kRegion:
      return lists.regions();
    case Axis::kClient:
      return lists.clients();
    case Axis::kDuration24:
      return RangeNames(kDurationStarts);
    case Axis::kDuration12: {
      std::array<uint32_t, 12> starts{};
      for (size_t i = 0; i < starts.size(); ++i) starts[i] = kDurationStarts[2 * i];
      return RangeNames(starts);
    }
    case Axis::kMeetingSize:
      return RangeNames(kSizeStarts);
    case Axis::kReconnections:
      return RangeNames(kReconnectionsStarts);
    case Axis::kMeetingsPerPerson:
      return RangeNames(kMeetingsStarts);
  }
  return {};
}

v1::Dimension DimensionOf(Axis axis) {
  switch (axis) {
    case Axis::kHour:
      return v1::DIMENSION_HOUR;
    case Axis::kRegion:
      return v1::DIMENSION_REGION;
    case Axis::kClient:
      return v1::DIMENSION_CLIENT;
    case Axis::kDuration24:
    case Axis::kDuration12:
      return v1::DIMENSION_DURATION;
    case Axis::kMeetingSize:
      return v1::DIMENSION_MEETING_SIZE;
    case Axis::kReconnections:
      return v1::DIMENSION_RECONNECTIONS;
    case Axis::kMeetingsPerPerson:
      return v1::DIMENSION_MEETINGS_PER_PERSON;
  }
  return v1::DIMENSION_UNSPECIFIED;
}

uint8_t Duration24Bucket(uint32_t seconds) {
  return kDurationLookup[std::min<size_t>(seconds / kDurationStep, kDurationLookup.size() - 1)];
}
uint8_t MeetingSizeBucket(uint32_t participants) { return BucketOf(participants, kSizeStarts); }
uint8_t ReconnectionsBucket(uint32_t reconnections) { return BucketOf(reconnections, kReconnectionsStarts); }
uint8_t MeetingsPerPersonBucket(uint32_t meetings) { return BucketOf(meetings, kMeetingsStarts); }

std::span<const BucketBounds> BoundsOf(Axis axis) {
  switch (axis) {
    case Axis::kDuration24:
      return kDuration24Bounds;
    case Axis::kDuration12:
      return kDuration12Bounds;
    case Axis::kReconnections:
      return kReconnectionsBounds;
    case Axis::kMeetingsPerPerson:
      return kMeetingsBounds;
    default:
      return {};
  }
}

v1::ListTablesResponse DescribeTables(const v1::StatisticsPolicy& policy, const Profile& profile) {
  const PublicLists lists(policy);
  v1::ListTablesResponse response;
  for (const TableSpec& spec : profile.tables) {
    v1::Table& table = *response.add_tables();
    table.set_name(std::string(spec.name));
    for (Axis axis : spec.axes()) {
      v1::DimensionDomain& domain = *table.add_dimensions();
      domain.set_dimension(DimensionOf(axis));
      for (std::string& value : AxisValues(axis, lists)) domain.add_values(std::move(value));
    }
    table.set_cell_count(static_cast<uint32_t>(CellCount(spec, lists)));
  }
  response.set_schema_version(profile.schema_version);
  response.set_rho_per_cohort(profile.rho_ppm / 1e6);
  response.set_noise_variance(static_cast<double>(profile.noise_variance));
  response.set_floor(static_cast<uint32_t>(profile.floor));
  response.set_contribution_bound(profile.contribution_bound);
  response.set_single_cell_threshold(static_cast<double>(profile.cell_threshold));
  return response;
}

}  // namespace retention
