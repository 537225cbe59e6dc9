// The oracle of log lines: which are held, and until when.
#ifndef RETENTION_TESTS_SIMULATION_LOG_MODEL_H_
#define RETENTION_TESTS_SIMULATION_LOG_MODEL_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "retention/v1/log_service.pb.h"
#include "tests/simulation/model.h"

namespace retention::simulation {

struct LineModel {
  v1::LogLine line;  // its text is unlike any other's
  absl::CivilDay due;
  bool sure = true;  // false: it came in the lead window of its day, and may not be held
};

struct ExtensionModel {
  absl::CivilDay until;
  std::string reason;
  int64_t created_us = 0;
};

class LogModel {
 public:
  explicit LogModel(PolicyModel policy) : policy_(std::move(policy)) {}

  // Time passes: lines that are due are gone, extensions that are over are not in force.
  void AdvanceTo(absl::Time now);

  // What a batch must be answered with. Lines without text are malformed.
  struct Answer {
    uint32_t accepted_min = 0;
    uint32_t accepted_max = 0;
    uint32_t rejected = 0;
  };
  Answer Append(const std::vector<v1::LogLine>& lines, absl::Time now);
  // Whether such an extension may be made; if so, it is.
  bool Extend(v1::LogServer server, absl::CivilDay until, const std::string& reason, absl::Time now);

  void ApplyPolicy(const PolicyModel& next, absl::Time now);
  // As Model::MovesUnder.
  Model::Moves MovesUnder(const PolicyModel& next, absl::Time now) const;

  const std::vector<LineModel>& lines() const { return lines_; }
  const std::map<int, ExtensionModel>& extensions() const { return extensions_; }
  uint64_t extended() const { return extended_; }
  // Values by due day.
  std::map<absl::CivilDay, Model::Range> ExpectedValues() const;

 private:
  absl::CivilDay DueDayOf(const v1::LogLine& line, const PolicyModel& policy) const;

  PolicyModel policy_;
  std::vector<LineModel> lines_;
  std::map<int, ExtensionModel> extensions_;  // by server
  uint64_t extended_ = 0;
};

}  // namespace retention::simulation

#endif  // RETENTION_TESTS_SIMULATION_LOG_MODEL_H_
