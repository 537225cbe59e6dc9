#include "server/anonymisation/tables.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/anonymisation/budgets.h"
#include "server/base/field_checks.h"

namespace retention {
namespace {

constexpr char kOther[] = "other";

// Seconds at which the buckets begin.
constexpr std::array<uint32_t, 24> kDurationStarts = {0,    30,   60,   120,  300,   450,   600,   900,
                                                      1200, 1500, 1800, 2100, 2700,  3000,  3600,  4500,
                                                      5400, 6300, 7200, 9000, 10800, 12600, 14400, 21600};
constexpr uint32_t kDurationCap = 43'200;  // durations are top-coded at 12 h
constexpr std::array<uint32_t, 6> kReconnectionsStarts = {0, 1, 2, 3, 5, 10};
constexpr std::array<uint32_t, 9> kPerPersonStarts = {1, 2, 3, 4, 5, 7, 10, 15, 25};
constexpr std::array<uint32_t, 8> kRttStarts = {0, 20, 40, 60, 100, 150, 250, 500};
constexpr std::array<uint32_t, 8> kLossStarts = {0, 100, 500, 1'000, 5'000, 10'000, 30'000, 100'000};
constexpr std::array<uint32_t, 8> kJitterStarts = {0, 3, 6, 10, 20, 30, 60, 120};

template <size_t N>
uint8_t BucketOf(uint32_t value, const std::array<uint32_t, N>& starts) {
  uint8_t bucket = 0;
  for (size_t i = 1; i < N; ++i) bucket += value >= starts[i];
  return bucket;
}

// Of measures: both ends are bounds of the bucket.
template <size_t N>
constexpr std::array<BucketBounds, N> MeasureBounds(const std::array<uint32_t, N>& starts, uint32_t cap) {
  std::array<BucketBounds, N> bounds{};
  for (size_t i = 0; i < N; ++i) bounds[i] = {double(starts[i]), double(i + 1 < N ? starts[i + 1] : cap)};
  return bounds;
}
constexpr auto kDuration24Bounds = MeasureBounds(kDurationStarts, kDurationCap);
constexpr auto kDuration12Bounds = [] {
  std::array<BucketBounds, 12> bounds{};
  for (size_t i = 0; i < 12; ++i) bounds[i] = {kDuration24Bounds[2 * i].low, kDuration24Bounds[2 * i + 1].high};
  return bounds;
}();
constexpr auto kRttBounds = MeasureBounds(kRttStarts, 1'000);
constexpr auto kLossBounds = MeasureBounds(kLossStarts, 1'000'000);
constexpr auto kJitterBounds = MeasureBounds(kJitterStarts, 500);

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

constexpr TableSpec kSpecs[] = {
    {TableId::kPeople, "people", Measure::kPeople, {}, 0},
    {TableId::kHour, "people/hour", Measure::kPeople, {Axis::kHour}, 1},
    {TableId::kWeekday, "people/weekday", Measure::kPeople, {Axis::kWeekday}, 1},
    {TableId::kRegion, "people/region", Measure::kPeople, {Axis::kRegion}, 1},
    {TableId::kClient, "people/client", Measure::kPeople, {Axis::kClient}, 1},
    {TableId::kDuration, "people/duration24", Measure::kPeople, {Axis::kDuration12, Axis::kDurationHalf}, 2},
    {TableId::kReconnections, "people/reconnections", Measure::kPeople, {Axis::kReconnections}, 1},
    {TableId::kPerPerson, "people/meetings_per_person", Measure::kPeople, {Axis::kPerPerson}, 1},
    {TableId::kHourByRegion, "people/hour_by_region", Measure::kPeople, {Axis::kHour, Axis::kRegion}, 2},
    {TableId::kHourByClient, "people/hour_by_client", Measure::kPeople, {Axis::kHour, Axis::kClient}, 2},
    {TableId::kWeekdayByHour, "people/weekday_by_hour", Measure::kPeople, {Axis::kWeekday, Axis::kHour}, 2},
    {TableId::kClientByRegion, "people/client_by_region", Measure::kPeople, {Axis::kClient, Axis::kRegion}, 2},
    {TableId::kDurationByRegion,
     "people/duration12_by_region",
     Measure::kPeople,
     {Axis::kDuration12, Axis::kRegion},
     2},
    {TableId::kDurationByClient,
     "people/duration12_by_client",
     Measure::kPeople,
     {Axis::kDuration12, Axis::kClient},
     2},
    {TableId::kReconnectionsByRegion,
     "people/reconnections_by_region",
     Measure::kPeople,
     {Axis::kReconnections, Axis::kRegion},
     2},
    {TableId::kReconnectionsByClient,
     "people/reconnections_by_client",
     Measure::kPeople,
     {Axis::kReconnections, Axis::kClient},
     2},
    {TableId::kController, "people/controller", Measure::kPeople, {Axis::kController}, 1},
    {TableId::kParticipations, "participations", Measure::kParticipations, {}, 0},
    {TableId::kParticipationsByHour, "participations/hour", Measure::kParticipations, {Axis::kHour}, 1},
    {TableId::kParticipationsByWeekday, "participations/weekday", Measure::kParticipations, {Axis::kWeekday}, 1},
    {TableId::kParticipationsByRegion, "participations/region", Measure::kParticipations, {Axis::kRegion}, 1},
    {TableId::kParticipationsByClient, "participations/client", Measure::kParticipations, {Axis::kClient}, 1},
    {TableId::kParticipationsByController,
     "participations/controller",
     Measure::kParticipations,
     {Axis::kController},
     1},
    {TableId::kTime, "time", Measure::kTime, {}, 0},
    {TableId::kTimeByHour, "time/hour", Measure::kTime, {Axis::kHour}, 1},
    {TableId::kTimeByWeekday, "time/weekday", Measure::kTime, {Axis::kWeekday}, 1},
    {TableId::kTimeByRegion, "time/region", Measure::kTime, {Axis::kRegion}, 1},
    {TableId::kTimeByClient, "time/client", Measure::kTime, {Axis::kClient}, 1},
    {TableId::kTimeByController, "time/controller", Measure::kTime, {Axis::kController}, 1},
    {TableId::kReconnectionsSum, "reconnections", Measure::kReconnections, {}, 0},
    {TableId::kReconnectionsSumByRegion, "reconnections/region", Measure::kReconnections, {Axis::kRegion}, 1},
    {TableId::kReconnectionsSumByClient, "reconnections/client", Measure::kReconnections, {Axis::kClient}, 1},
    {TableId::kReconnectionsSumByHour, "reconnections/hour", Measure::kReconnections, {Axis::kHour}, 1},
    {TableId::kReconnectionsSumByWeekday, "reconnections/weekday", Measure::kReconnections, {Axis::kWeekday}, 1},
    {TableId::kRttByRegion, "rtt/rtt_by_region", Measure::kRtt, {Axis::kRtt, Axis::kRegion}, 2},
    {TableId::kRttByClient, "rtt/rtt_by_client", Measure::kRtt, {Axis::kRtt, Axis::kClient}, 2},
    {TableId::kLossByRegion, "loss/loss_by_region", Measure::kLoss, {Axis::kLoss, Axis::kRegion}, 2},
    {TableId::kLossByClient, "loss/loss_by_client", Measure::kLoss, {Axis::kLoss, Axis::kClient}, 2},
    {TableId::kJitterByRegion, "jitter/jitter_by_region", Measure::kJitter, {Axis::kJitter, Axis::kRegion}, 2},
    {TableId::kJitterByClient, "jitter/jitter_by_client", Measure::kJitter, {Axis::kJitter, Axis::kClient}, 2},
    {TableId::kFailuresByClient, "join_failures/cause_by_client", Measure::kFailures, {Axis::kCause, Axis::kClient}, 2},
    {TableId::kMeetings, "meetings", Measure::kMeetings, {}, 0},
    {TableId::kCaps, "at_cap", Measure::kCaps, {Axis::kCaps}, 1},
};

constexpr const TableSpec* FindSpec(TableId id) {
  for (const TableSpec& spec : kSpecs) {
    if (spec.id == id) return &spec;
  }
  return nullptr;
}
// Every table that a profile names is one.
constexpr bool AreKnown(const Profile& profile) {
  for (const TableBudget& table : profile.tables) {
    if (FindSpec(table.id) == nullptr) return false;
  }
  return true;
}
static_assert(AreKnown(kLargeProfile) && AreKnown(kDailyProfile) && AreKnown(kSmallProfile));

// contribution^2 / (2 rho share), rounded up: never less noise than was promised.
int64_t NoiseVariance(int64_t contribution, uint32_t rho_ppm, uint32_t share_of_10000) {
  const __int128 scaled = static_cast<__int128>(contribution) * contribution * 1'000'000 * 10'000;
  const __int128 divisor = static_cast<__int128>(2) * rho_ppm * share_of_10000;
  return static_cast<int64_t>((scaled + divisor - 1) / divisor);
}

}  // namespace

const TableSpec& SpecOf(TableId id) { return *FindSpec(id); }

const Profile& ProfileOf(v1::StatisticsProfile profile) {
  switch (profile) {
    case v1::STATISTICS_PROFILE_DAILY:
      return kDailyProfile;
    case v1::STATISTICS_PROFILE_SMALL:
      return kSmallProfile;
    default:
      return kLargeProfile;
  }
}

const Profile* ProfileOfSchema(uint32_t schema_version) {
  for (const Profile* profile : {&kLargeProfile, &kDailyProfile, &kSmallProfile}) {
    if (profile->schema_version == schema_version) return profile;
  }
  return nullptr;
}

PublicLists::PublicLists(const Names& media_sites, const Names& client_kinds, const Names& controllers)
    : regions_(WithOther(media_sites)), clients_(WithOther(client_kinds)), controllers_(WithOther(controllers)) {}

uint8_t PublicLists::RegionIndex(std::string_view media_site) const { return IndexOrOther(regions_, media_site); }
uint8_t PublicLists::ClientIndex(std::string_view client_kind) const { return IndexOrOther(clients_, client_kind); }
uint8_t PublicLists::ControllerIndex(std::string_view controller) const {
  return IndexOrOther(controllers_, controller);
}

std::vector<DrawnTable> TablesOf(const Profile& profile, const PublicLists& lists) {
  // In parts of 10,000, of which a permille is ten.
  const uint16_t parts = lists.publishes_controllers() ? 9 : 10;
  std::vector<DrawnTable> tables;
  for (const TableBudget& table : profile.tables) {
    tables.push_back({FindSpec(table.id), static_cast<uint16_t>(table.permille * parts)});
  }
  if (lists.publishes_controllers()) {
    tables.push_back({FindSpec(TableId::kController), 200});
    tables.push_back({FindSpec(TableId::kParticipationsByController), 400});
    tables.push_back({FindSpec(TableId::kTimeByController), 400});
  }
  return tables;
}

int64_t ContributionOf(Measure measure, const Profile& profile) {
  switch (measure) {
    case Measure::kParticipations:
      return profile.cap_participations * kSixtieths;
    case Measure::kTime:
      return profile.cap_time_units;
    case Measure::kReconnections:
      return profile.cap_reconnections * kSixtieths;
    case Measure::kMeetings:
      return kMarksPerPerson;
    default:
      return kSixtieths;
  }
}

int64_t NoiseVarianceOf(const DrawnTable& table, const Profile& profile) {
  return NoiseVariance(ContributionOf(table.spec->measure, profile), profile.rho_ppm, table.share);
}

int64_t LateNoiseVariance(const Profile& profile) {
  // Nine tenths where controllers are published: always that, so that it does not depend on lists.
  return NoiseVariance(2, profile.rho_ppm, profile.late_permille * 9U);
}

double UnitOf(Measure measure) {
  switch (measure) {
    case Measure::kTime:
      return static_cast<double>(kTimeUnitSeconds);
    case Measure::kMeetings:
      return 1;
    default:
      return 1.0 / static_cast<double>(kSixtieths);
  }
}

std::string_view UnitName(Measure measure) {
  switch (measure) {
    case Measure::kParticipations:
      return "participations";
    case Measure::kTime:
      return "seconds";
    case Measure::kReconnections:
      return "reconnections";
    case Measure::kMeetings:
      return "meetings";
    default:
      return "people";
  }
}

size_t AxisSize(Axis axis, const PublicLists& lists) {
  switch (axis) {
    case Axis::kHour:
      return 24;
    case Axis::kWeekday:
      return 7;
    case Axis::kRegion:
      return lists.regions().size();
    case Axis::kClient:
      return lists.clients().size();
    case Axis::kController:
      return lists.controllers().size();
    case Axis::kDuration12:
      return kDuration12Bounds.size();
    case Axis::kDurationHalf:
      return 2;
    case Axis::kReconnections:
      return kReconnectionsStarts.size();
    case Axis::kPerPerson:
      return kPerPersonStarts.size();
    case Axis::kRtt:
      return kRttStarts.size();
    case Axis::kLoss:
      return kLossStarts.size();
    case Axis::kJitter:
      return kJitterStarts.size();
    case Axis::kCause:
      return 5;
    case Axis::kCaps:
      return 8;
  }
  return 0;
}

size_t CellCount(const TableSpec& table, const PublicLists& lists) {
  size_t cells = 1;
  for (Axis axis : table.axes()) cells *= AxisSize(axis, lists);
  return cells;
}

std::vector<std::string> Duration24Values() { return RangeNames(kDurationStarts); }

std::vector<std::string> AxisValues(Axis axis, const PublicLists& lists) {
  switch (axis) {
    case Axis::kHour: {
      std::vector<std::string> hours;
      for (int hour = 0; hour < 24; ++hour) hours.push_back(absl::StrFormat("%02d", hour));
      return hours;
    }
    case Axis::kWeekday:
      return {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    case Axis::kRegion:
      return lists.regions();
    case Axis::kClient:
      return lists.clients();
    case Axis::kController:
      return lists.controllers();
    case Axis::kDuration12: {
      std::array<uint32_t, 12> starts{};
      for (size_t i = 0; i < starts.size(); ++i) starts[i] = kDurationStarts[2 * i];
      return RangeNames(starts);
    }
    case Axis::kDurationHalf:
      return {"lower", "upper"};
    case Axis::kReconnections:
      return RangeNames(kReconnectionsStarts);
    case Axis::kPerPerson:
      return RangeNames(kPerPersonStarts);
    case Axis::kRtt:
      return RangeNames(kRttStarts);
    case Axis::kLoss:
      return RangeNames(kLossStarts);
    case Axis::kJitter:
      return RangeNames(kJitterStarts);
    case Axis::kCause:
      return {"network", "media", "not-admitted", "full", "other"};
    case Axis::kCaps:
      return {"none",
              "participations",
              "time",
              "participations+time",
              "reconnections",
              "participations+reconnections",
              "time+reconnections",
              "all"};
  }
  return {};
}

v1::Dimension DimensionOf(Axis axis) {
  switch (axis) {
    case Axis::kHour:
      return v1::DIMENSION_HOUR;
    case Axis::kWeekday:
      return v1::DIMENSION_WEEKDAY;
    case Axis::kRegion:
      return v1::DIMENSION_REGION;
    case Axis::kClient:
      return v1::DIMENSION_CLIENT;
    case Axis::kController:
      return v1::DIMENSION_CONTROLLER;
    case Axis::kDuration12:
    case Axis::kDurationHalf:
      return v1::DIMENSION_DURATION;
    case Axis::kReconnections:
      return v1::DIMENSION_RECONNECTIONS;
    case Axis::kPerPerson:
      return v1::DIMENSION_MEETINGS_PER_PERSON;
    case Axis::kRtt:
      return v1::DIMENSION_RTT;
    case Axis::kLoss:
      return v1::DIMENSION_LOSS;
    case Axis::kJitter:
      return v1::DIMENSION_JITTER;
    case Axis::kCause:
      return v1::DIMENSION_JOIN_FAILURE_CAUSE;
    case Axis::kCaps:
      return v1::DIMENSION_AT_CAP;
  }
  return v1::DIMENSION_UNSPECIFIED;
}

std::vector<TableDomain> DomainsOf(const TableSpec& table, const PublicLists& lists) {
  if (table.id == TableId::kDuration) return {{v1::DIMENSION_DURATION, Duration24Values()}};
  std::vector<TableDomain> domains;
  for (const Axis axis : table.axes()) domains.push_back({DimensionOf(axis), AxisValues(axis, lists)});
  return domains;
}

uint8_t Duration24Bucket(uint32_t seconds) { return BucketOf(seconds, kDurationStarts); }
uint8_t ReconnectionsBucket(uint32_t reconnections) { return BucketOf(reconnections, kReconnectionsStarts); }
uint8_t PerPersonBucket(uint32_t participations) { return BucketOf(participations, kPerPersonStarts); }
uint8_t RttBucket(uint32_t milliseconds) { return BucketOf(milliseconds, kRttStarts); }
uint8_t LossBucket(uint32_t per_million) { return BucketOf(per_million, kLossStarts); }
uint8_t JitterBucket(uint32_t milliseconds) { return BucketOf(milliseconds, kJitterStarts); }

std::span<const BucketBounds> BoundsOf(v1::Dimension dimension, size_t count) {
  switch (dimension) {
    case v1::DIMENSION_DURATION:
      if (count == kDuration24Bounds.size()) return kDuration24Bounds;
      return kDuration12Bounds;
    case v1::DIMENSION_RTT:
      return kRttBounds;
    case v1::DIMENSION_LOSS:
      return kLossBounds;
    case v1::DIMENSION_JITTER:
      return kJitterBounds;
    default:
      return {};
  }
}

}  // namespace retention
