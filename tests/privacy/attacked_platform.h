// A platform that somebody attacks who knows all events of everybody but one person, and sees all that is published.
#ifndef RETENTION_TESTS_PRIVACY_ATTACKED_PLATFORM_H_
#define RETENTION_TESTS_PRIVACY_ATTACKED_PLATFORM_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/anonymisation/budgets.h"
#include "server/days/cohort_rows.h"
#include "server/law/cohort_days.h"
#include "tests/anonymisation/cohort_test_access.h"
#include "tests/anonymisation/test_random.h"
#include "tests/engine/harness.h"

namespace retention::privacy {

using Exact = CohortTestAccess::Exact;

// What happens, to whom, and under which policy.
struct Scene {
  std::vector<v1::Event> others;
  std::vector<v1::Event> target;
  std::function<void(v1::Policy&)> policy;
  // PBXs and their controllers.
  std::vector<std::pair<std::string, std::string>> pbxs = {{"pbx", "controller"}};
  // The order in which events come in: the same with and without the target.
  uint64_t order = 1;
};
std::function<void(v1::Policy&)> Under(v1::StatisticsProfile profile);

// Somebody with an address of their own who is in a meeting from `begin` on for `minutes`, in hours after midnight of 2
// March 2026 (a Monday). Keys of events are made of the person's number and `key`.
std::vector<v1::Event> Stay(int person, absl::string_view meeting, double begin, int minutes, int key = 0,
                            const std::string& pbx = "pbx");
absl::Time HourOf(double hour);
template <typename Events>
void Append(const Events& events, std::vector<v1::Event>& to) {
  to.insert(to.end(), events.begin(), events.end());
}

// The platform with the target, or without.
class World {
 public:
  World(const Scene& scene, bool target_is_there);

  // All cohorts of which anything of the scene can be: from 1 to 12 March.
  std::vector<CohortDays> Cohorts();
  CohortDays CohortOf(double hour);
  // What is counted of a cohort, before the noise.
  Exact Count(const CohortDays& cohort);
  // As a release draws it.
  NoisyCube Draw(const CohortDays& cohort, RandomSource& random);

  const Policy& policy() { return harness_.engine().policy(); }
  PublicLists lists() { return PublicLists(policy().statistics()); }
  Harness& harness() { return harness_; }

 private:
  const PolicyVersion& version() { return harness_.engine().policies().current(); }

  Harness harness_;
};

// Of which tables a person changes anything, and how much rho that uses up: 1/2 sum of (difference / deviation)^2. So
// exact is what the best of all guesses can do: it is right in Phi(sqrt(rho / 2)) of all cases.
double RhoSpent(const Exact& with, const Exact& without, const CohortDays& cohort, const PublicLists& lists);

// A cube as those see it who export it.
class Published {
 public:
  Published(const NoisyCube& cube, const Policy& policy);
  // All cells as drawn, in units of the tables; by name of the table.
  struct Cells {
    std::vector<double> drawn;
    double variance = 0;
  };
  const std::map<std::string, Cells>& tables() const { return tables_; }
  // A question to the same cube, as of a server.
  v1::QueryStatisticsResponse Ask(const v1::QueryStatisticsRequest& request, const ProfileHistory& profiles) const;

 private:
  const Policy& policy_;
  MapStore store_;
  DueDay last_day_;
  std::map<std::string, Cells> tables_;
};

// How often a guess is right from `draws` cubes of a cohort, by the likelihood ratio of all that is exported. Nobody
// can do better, whatever averages, complements or differences they make. As if the noise of the build were `weakness`
// times as small; `redraws`: as if each cohort were drawn so often, and all draws seen.
double RightGuesses(World& with, World& without, const CohortDays& cohort, int draws, double weakness = 1,
                    int redraws = 1);

}  // namespace retention::privacy

#endif  // RETENTION_TESTS_PRIVACY_ATTACKED_PLATFORM_H_
