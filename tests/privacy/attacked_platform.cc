#include "tests/privacy/attacked_platform.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/anonymisation/export.h"
#include "server/base/request_parts.h"
#include "server/days/released_cubes.h"
#include "server/law/periods.h"

namespace retention::privacy {
namespace {

const DueDay kFirst(absl::CivilDay(2026, 3, 1)), kLast(absl::CivilDay(2026, 3, 12));
// All has happened, and nothing is due.
constexpr double kHourOfRecording = 24 * 11;

// In `order`, which does not hang on whether the target's are among them.
std::vector<v1::Event> InOrder(const Scene& scene, bool target_is_there) {
  Tape order(scene.order);
  std::vector<std::pair<uint64_t, const v1::Event*>> keyed;
  for (const v1::Event& event : scene.others) keyed.emplace_back(order.Next(), &event);
  if (target_is_there) {
    for (const v1::Event& event : scene.target) keyed.emplace_back(order.Next(), &event);
  }
  std::sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<v1::Event> events;
  for (const auto& [key, event] : keyed) events.push_back(*event);
  return events;
}

}  // namespace

std::function<void(v1::Policy&)> Under(v1::StatisticsProfile profile) {
  return [profile](v1::Policy& policy) { policy.mutable_statistics()->set_profile(profile); };
}

absl::Time HourOf(double hour) { return At("2026-03-02T00:00:00+01:00") + absl::Hours(hour); }

std::vector<v1::Event> Stay(int person, absl::string_view meeting, double begin, int minutes, int key,
                            const std::string& pbx) {
  const std::string id = absl::StrCat(person, "-", key, "-"), participant = absl::StrCat("p", person);
  std::vector<v1::Event> events = {
      Joined(meeting, id + "in", HourOf(begin), participant, "", absl::StrCat("person", person, "@example.org")),
      Left(meeting, id + "out", HourOf(begin) + absl::Minutes(minutes), participant)};
  for (v1::Event& event : events) event.set_pbx_id(pbx);
  return events;
}

World::World(const Scene& scene, bool target_is_there)
    : harness_(HourOf(-24), PatientPolicy([&](v1::Policy& policy) {
                 if (scene.policy) scene.policy(policy);
               })) {
  for (const auto& [pbx, controller] : scene.pbxs) {
    v1::PbxSynced synced;
    synced.set_controller_id(controller);
    synced.mutable_profile()->set_fqdn(absl::StrCat(pbx, ".example.org"));
    EXPECT_TRUE(harness_.engine().SyncPbx(pbx, synced, harness_.now).ok());
  }
  harness_.now = HourOf(kHourOfRecording);
  constexpr size_t kBatch = 100;
  const std::vector<v1::Event> events = InOrder(scene, target_is_there);
  for (size_t begin = 0; begin < events.size(); begin += kBatch) {
    const size_t end = std::min(events.size(), begin + kBatch);
    harness_.Record(
        {events.begin() + static_cast<std::ptrdiff_t>(begin), events.begin() + static_cast<std::ptrdiff_t>(end)});
  }
}

std::vector<CohortDays> World::Cohorts() {
  std::vector<CohortDays> cohorts;
  for (DueDay day = kFirst; day <= kLast; day = cohorts.back().last.Next()) {
    cohorts.push_back(version().profiles.CohortOf(day));
  }
  return cohorts;
}

CohortDays World::CohortOf(double hour) {
  return version().profiles.CohortOf(DueDay(DayOf(HourOf(hour), policy().zone())));
}

Exact World::Count(const CohortDays& cohort) {
  // The same keys and names in both worlds: a person's participations are taken in their order.
  Tape keys(1);
  CohortBuilder builder = *CohortBuilder::Create(
      {.first_day = cohort.first, .day_count = cohort.count(), .lists = lists(), .late_people = {}},
      ProfileOf(cohort.profile), keys);
  const auto controllers = PublishedControllers(harness_.engine().holdings(), harness_.now);
  EXPECT_TRUE(controllers.ok()) << controllers.status();
  const auto read = ReadCohort(
      *harness_.store().Snapshot(), harness_.engine().vault(), version(), cohort, [&](const CountedPresence& of) {
        Participation participation = of.participation;
        const auto controller = controllers->find(of.pbx);
        participation.controller = controller == controllers->end() ? UINT8_MAX : controller->second;
        // Without the PBX's random name.
        builder.Add(participation, of.marked.substr(PbxId::kBytes));
      });
  EXPECT_TRUE(read.ok()) << read.status();
  return CohortTestAccess::Count(std::move(builder));
}

NoisyCube World::Draw(const CohortDays& cohort, RandomSource& random) {
  const auto controllers = PublishedControllers(harness_.engine().holdings(), harness_.now);
  EXPECT_TRUE(controllers.ok()) << controllers.status();
  auto counted =
      BuildCohort(*harness_.store().Snapshot(), harness_.engine().vault(), version(), cohort, random, *controllers);
  EXPECT_TRUE(counted.ok()) << counted.status();
  return std::move(counted->cube);
}

double RhoSpent(const Exact& with, const Exact& without, const CohortDays& cohort, const PublicLists& lists) {
  const Profile& profile = ProfileOf(cohort.profile);
  double rho = 0;
  for (const DrawnTable& table : TablesOf(profile, lists)) {
    const auto variance = static_cast<double>(NoiseVarianceOf(table, profile));
    const auto& a = with.at(table.spec->id);
    const auto& b = without.at(table.spec->id);
    for (size_t cell = 0; cell < a.size(); ++cell) {
      const auto difference = static_cast<double>(a[cell] - b[cell]);
      rho += difference * difference / (2 * variance);
    }
  }
  return rho;
}

Published::Published(const NoisyCube& cube, const Policy& policy)
    : policy_(policy),
      last_day_(DueDay::FromNumber(cube.description().first_day.number() + cube.description().day_count - 1)) {
  Batch batch;
  const DueDay first = cube.description().first_day;
  PutCube(cube, EraseDayOfCohort(CohortDays(first, last_day_, v1::STATISTICS_PROFILE_DAILY), policy), batch);
  EXPECT_TRUE(store_.Commit(batch).ok());
  const ReleasedCubes released(store_, policy, first, last_day_);
  const auto found = released.Find(first, last_day_);
  EXPECT_TRUE(found.ok() && found->size() == 1);
  const auto messages =
      ExportCube(found->front(), released, [](DueDay, DueDay) { return std::vector<ExpectedCohort>(); });
  EXPECT_TRUE(messages.ok()) << messages.status();
  for (const v1::ExportStatisticsResponse& message : *messages) {
    if (!message.has_table()) continue;
    const v1::ExportedTable& table = message.table();
    tables_[table.table().name()] = {.drawn = {table.drawn().begin(), table.drawn().end()},
                                     .variance = table.drawn_variance()};
  }
}

v1::QueryStatisticsResponse Published::Ask(const v1::QueryStatisticsRequest& request,
                                           const ProfileHistory& profiles) const {
  const auto answer = QueryReleased(store_, policy_, profiles, last_day_, request, HourOf(24 * 14));
  EXPECT_TRUE(answer.ok()) << answer.status() << request.ShortDebugString();
  return answer.value_or(v1::QueryStatisticsResponse());
}

double RightGuesses(World& with, World& without, const CohortDays& cohort, int draws, double weakness, int redraws) {
  const Exact exact_with = with.Count(cohort), exact_without = without.Count(cohort);
  Tape tape(20260302);
  int right = 0;
  for (int draw = 0; draw < draws; ++draw) {
    const bool is_there = tape.Below(2) == 1;
    double log_ratio = 0;
    for (int again = 0; again < redraws; ++again) {
      World& world = is_there ? with : without;
      const Published published(world.Draw(cohort, tape), world.policy());
      for (const auto& [table, exact] : exact_with) {
        const TableSpec& spec = SpecOf(table);
        const Published::Cells& cells = published.tables().at(std::string(spec.name));
        const double unit = UnitOf(spec.measure), variance = cells.variance / (weakness * weakness);
        for (size_t i = 0; i < exact.size(); ++i) {
          const double a = static_cast<double>(exact[i]) * unit,
                       b = static_cast<double>(exact_without.at(table)[i]) * unit;
          const double truth = is_there ? a : b;
          const double seen = truth + (cells.drawn[i] - truth) / weakness;
          log_ratio += ((seen - b) * (seen - b) - (seen - a) * (seen - a)) / (2 * variance);
        }
      }
    }
    right += (log_ratio > 0) == is_there;
  }
  return static_cast<double>(right) / draws;
}

}  // namespace retention::privacy
