// What history holds of other days than that of its bucket. A cohort's originals lie with their meetings, most of which
// begin on its day; a release finds the others by these rows, and reads no more.
#ifndef RETENTION_SERVER_MEETINGS_COHORT_SPAN_H_
#define RETENTION_SERVER_MEETINGS_COHORT_SPAN_H_

#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "server/law/cohort_days.h"
#include "server/meetings/locator.h"
#include "storage/due_day.h"
#include "storage/ids.h"
#include "storage/store.h"

namespace retention {

// From the first day on which anybody was in an occurrence, or tried to join it, to the last.
struct CohortSpan {
  DueDay first, last;

  friend bool operator==(const CohortSpan&, const CohortSpan&) = default;
};

// nullopt if its history is not filed, or all of that was on the day by which it is.
std::optional<CohortSpan> CohortSpanOf(const MeetingLocator& locator, const Policy& policy);
// Files the span of an occurrence whose locator was `before`. A row that no longer holds stays, and leads to nothing:
// it goes with the day that it is filed under.
void FileCohortSpan(const PbxId& pbx, const OwnerId& meeting, const MeetingLocator& before, const MeetingLocator& after,
                    const Policy& policy, Batch& batch);
// Files it with history that no locator leads to, and that moves to `right`.
absl::Status MoveCohortSpan(const StoreView& store, const FiledKey& history, DueDay right, Batch& batch);
// Visits what lies under `history_day` and may hold something of the cohort.
absl::Status VisitCohortSpans(const StoreView& view, DueDay history_day, const CohortDays& cohort,
                              absl::FunctionRef<absl::Status(const PbxId& pbx, const OwnerId& meeting)> visit);
// Those of days that are over.
void DropCohortSpans(DueDay last, Batch& batch);

}  // namespace retention

#endif  // RETENTION_SERVER_MEETINGS_COHORT_SPAN_H_
