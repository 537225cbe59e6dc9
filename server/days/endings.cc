#include "server/days/endings.h"

#include <optional>

#include "server/base/crash_point.h"
#include "server/base/errors.h"
#include "server/meetings/report_notices.h"
#include "storage/keys.h"

namespace retention {

absl::StatusOr<uint64_t> EndPbx(const Enders& enders, const Commands& commands, std::string_view pbx_id,
                                std::string_view reason, absl::Time now) {
  const auto begun = commands.Do(now, [&](Change& change) -> absl::StatusOr<PbxId> {
    const auto pbx = enders.holdings.registry.Find(pbx_id, now);
    if (!pbx.has_value()) return PbxUnknown();
    if (absl::Status s = enders.pbxs.Begin(pbx_id, reason, change); !s.ok()) return s;
    return *pbx;
  });
  if (!begun.ok()) return begun.status();
  const auto ending = enders.holdings.registry.FindEnding(*begun);
  return ending.has_value() ? FinishEnding(enders, commands, *ending, now) : 0;  // a sweep has finished it meanwhile
}

namespace {

// Its place in lists, and what is told of its reports: before its end is finished, as nothing leads there afterwards.
absl::Status DropListings(const Enders& enders, const Commands& commands, const PbxId& pbx, absl::Time now) {
  CrashPoint("pbx.before_listings");
  absl::Status dropped = commands.Do(now, [&](Change& change) {
    change.batch().DeleteRange(Family::kState, BeginPrefix(pbx), PrefixEnd(BeginPrefix(pbx)));
    change.MarkState(BeginPrefix(pbx));
    return absl::OkStatus();
  });
  for (std::optional<uint64_t> after = 0; dropped.ok() && after.has_value();) {
    const auto step = commands.Do(
        now, [&](Change& change) { return WithdrawNoticesOf(enders.holdings.store, pbx, *after, change.batch()); });
    dropped = step.status();
    if (step.ok()) after = *step;
  }
  return dropped;
}

}  // namespace

absl::StatusOr<uint64_t> FinishEnding(const Enders& enders, const Commands& commands,
                                      const PbxRegistry::EndingPbx& ending, absl::Time now) {
  uint64_t values = 0;
  for (bool more = true; more;) {
    const auto step = commands.Do(now, [&](Change& change) { return enders.pbxs.TakeOut(ending, change); });
    if (!step.ok()) return step.status();
    values += step->values;
    more = step->more();
  }
  if (absl::Status s = DropListings(enders, commands, ending.pbx, now); !s.ok()) return s;
  const auto runs =
      PbxEnder::RowsOf(ending.pbx, *enders.store.Snapshot(), enders.holdings.counts, enders.holdings.policy());
  if (!runs.ok()) return runs.status();
  absl::Status finished =
      commands.Do(now, [&](Change& change) { return enders.pbxs.Finish(ending.pbx, *runs, change); });
  if (!finished.ok()) return finished;
  for (const RowRun& some : *runs) values += some.values;
  return values;
}

absl::StatusOr<uint64_t> LetGo(const Enders& enders, const Commands& commands, absl::Time now) {
  uint64_t values = 0;
  for (bool more = enders.holds.Releasing() != nullptr; more;) {
    const auto step = commands.Do(now, [&](Change& change) { return enders.keeping.LetGo(change); });
    if (!step.ok()) return step.status();
    values += step->values;
    more = step->more();
  }
  return values;
}

}  // namespace retention
