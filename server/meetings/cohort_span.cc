#include "server/meetings/cohort_span.h"

#include <algorithm>
#include <string>

#include "retention/stored/v1/course.pb.h"
#include "server/law/filing.h"
#include "server/law/periods.h"
#include "storage/keys.h"

namespace retention {

std::optional<CohortSpan> CohortSpanOf(const MeetingLocator& locator, const Policy& policy) {
  const OccurrenceFacts& facts = locator.facts;
  if (locator.days[kHistory] == DueDay::None()) return std::nullopt;
  int64_t first_us = INT64_MAX, last_us = INT64_MIN;
  const auto include = [&](int64_t from_us, int64_t to_us) {
    first_us = std::min(first_us, from_us);
    last_us = std::max(last_us, to_us);
  };
  for (const SittingFacts& sitting : facts.sittings) include(sitting.start_us, sitting.last_us);
  if (facts.tries.has_value()) include(facts.tries->first_us, facts.tries->last_us);
  if (first_us > last_us) return std::nullopt;
  const auto day_of = [&policy](int64_t time_us) {
    return DueDay(DayOf(absl::FromUnixMicros(time_us), policy.zone()));
  };
  const CohortSpan span{.first = day_of(first_us), .last = day_of(last_us)};
  const DueDay filed_by(CollectionDay(facts, policy));
  return span == CohortSpan{.first = filed_by, .last = filed_by} ? std::nullopt : std::optional(span);
}

void FileCohortSpan(const PbxId& pbx, const OwnerId& meeting, const MeetingLocator& before, const MeetingLocator& after,
                    const Policy& policy, Batch& batch) {
  const auto span = CohortSpanOf(after, policy);
  if (!span.has_value()) return;
  if (before.days[kHistory] == after.days[kHistory] && CohortSpanOf(before, policy) == span) return;
  stored::v1::CohortSpan row;
  row.set_first_day(span->first.number());
  row.set_last_day(span->last.number());
  batch.Put(Family::kState, CohortSpanKey(after.days[kHistory], pbx, meeting), row.SerializeAsString());
}

absl::Status MoveCohortSpan(const StoreView& store, const FiledKey& history, DueDay right, Batch& batch) {
  auto row = store.Get(Family::kState, CohortSpanKey(history.day, history.pbx, history.owner));
  if (!row.ok()) return row.status();
  if (row->has_value()) batch.Put(Family::kState, CohortSpanKey(right, history.pbx, history.owner), **std::move(row));
  return absl::OkStatus();
}

absl::Status VisitCohortSpans(const StoreView& view, DueDay history_day, const CohortDays& cohort,
                              absl::FunctionRef<absl::Status(const PbxId& pbx, const OwnerId& meeting)> visit) {
  auto cursor = view.ScanPrefix(Family::kState, CohortSpanPrefix(history_day), AtLoss::kPass);
  for (; cursor->Valid(); cursor->Next()) {
    const auto name = DecodeCohortSpanKey(cursor->key());
    stored::v1::CohortSpan row;
    if (!name.has_value() || !row.ParseFromArray(cursor->value().data(), static_cast<int>(cursor->value().size()))) {
      return absl::DataLossError("a span of days of a history does not parse");
    }
    if (cohort.last.number() < row.first_day() || cohort.first.number() > row.last_day()) continue;
    if (absl::Status status = visit(name->pbx, name->meeting); !status.ok()) return status;
  }
  return cursor->status();
}

void DropCohortSpans(DueDay last, Batch& batch) {
  batch.DeleteRange(Family::kState, CohortSpanPrefix(), CohortSpanPrefix(last.Next()));
}

}  // namespace retention
