// MisfiledRows: what lies elsewhere than a policy says, and where it belongs.
//
// The one planner of a change of policy. Its preview counts what it finds, and the refile moves what it finds, so that
// the one says what the other does.
#ifndef RETENTION_SERVER_POLICIES_MISFILED_ROWS_H_
#define RETENTION_SERVER_POLICIES_MISFILED_ROWS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/law/filing.h"
#include "server/law/policy.h"
#include "server/logs/log_rows.h"
#include "server/meetings/locator.h"
#include "server/rows/pbx_registry.h"
#include "server/rows/policy_versions.h"
#include "server/rows/row_walk.h"
#include "storage/keys.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// The day of a value of which nobody can say any more from when its period ran, as its day tells: of the days that it
// may have run from, the earliest. Never later than it was; DueDay::None() if it now runs from something else.
DueDay DayWithoutFacts(DueDay held, const DeletionRule& before, const DeletionRule& after);

// How far a walk may go, and has gone.
struct WalkStep {
  size_t budget = 0;      // rows and events looked at, and what the visitor takes off; it ends soon after it is used up
  uint64_t examined = 0;  // meetings or rows
  WalkPosition position;
};

// Thread-safe.
class MisfiledRows {
 public:
  // Of what lies where `version.before()` put it, under `version.policy`. What was due through `ended` has ended, and
  // is left alone. REQUIRES: all references outlive it.
  MisfiledRows(const StoreView& view, Vault& vault, const PbxRegistry& registry, LogTerms terms,
               const PolicyVersion& version, DueDay ended, absl::Time now);

  // Calls `visit` with every meeting of which something lies elsewhere.
  using MeetingVisit =
      absl::FunctionRef<absl::Status(const LocatorName& name, const MeetingLocator& locator, const Filing& filing)>;
  absl::Status VisitMeetings(WalkStep& step, MeetingVisit visit) const;

  // Calls `visit` with every other row that lies elsewhere: recordings, log lines, and what no locator leads to any
  // more, because the meeting's history or its PBX is gone. Rows of one category and meeting come in one step.
  using RowVisit = absl::FunctionRef<absl::Status(const FiledKey& key, std::string_view envelope, DueDay right)>;
  absl::Status VisitRows(WalkStep& step, RowVisit visit) const;

  // Calls `visit` with every released cube whose rows lie elsewhere.
  using CubeVisit = absl::FunctionRef<absl::Status(DueDay erase_day, DueDay cohort, DueDay right)>;
  absl::Status VisitCubes(WalkStep& step, CubeVisit visit) const;

  // Whether originals of cohorts move.
  bool moves_history() const { return affected_[kHistory]; }

 private:
  // nullopt: it is to stay.
  absl::StatusOr<std::optional<DueDay>> OfRecording(const FiledKey& key, std::string_view envelope) const;
  // Of a row that belongs to a meeting; nullopt if the meeting's locator leads to it, if it was marked as refiled, or
  // if its PBX is ending.
  absl::StatusOr<std::optional<DueDay>> OfStray(const FiledKey& key) const;
  bool IsEnding(const FiledKey& key) const;

  const StoreView& view_;
  Vault& vault_;
  const PbxRegistry& registry_;
  const LogTerms terms_;
  const Policy& before_;
  const Policy& after_;
  const CutHistory& cuts_;
  const DueDay ended_;
  const absl::Time now_;
  std::array<bool, kCategories> affected_{};  // by the change of policy
  bool meetings_affected_ = false;
};

}  // namespace retention

#endif  // RETENTION_SERVER_POLICIES_MISFILED_ROWS_H_
