#include "server/days/endings.h"

#include <optional>

#include "server/base/crash_point.h"
#include "server/base/errors.h"
#include "server/meetings/report_notices.h"
#include "storage/keys.h"

namespace retention {

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

absl::StatusOr<uint64_t> TakeReleaseSteps(const Enders& enders, const Commands& commands, absl::Time now) {
  uint64_t values = 0;
  for (bool more = enders.holds.Releasing() != nullptr; more;) {
    const auto step = commands.Do(now, [&](Change& change) { return enders.keeping.LetGo(change); });
    if (!step.ok()) return step.status();
    values += step->values;
    more = step->more();
  }
  return values;
}

}  // namespace

absl::StatusOr<uint64_t> EndPbx(const Enders& enders, const Commands& commands, std::string_view pbx_id,
                                std::string_view reason, absl::Time now) {
  const MutexLock steps(enders.steps.pbxs);
  const auto begun = commands.Do(now, [&](Change& change) -> absl::StatusOr<PbxId> {
    const auto pbx = enders.holdings.registry.Find(pbx_id, now);
    if (!pbx.has_value()) return PbxUnknown();
    if (absl::Status s = enders.pbxs.Begin(pbx_id, reason, change); !s.ok()) return s;
    return *pbx;
  });
  if (!begun.ok()) return begun.status();
  const auto ending = enders.holdings.registry.FindEnding(*begun);
  return ending.has_value() ? FinishEnding(enders, commands, *ending, now) : 0;
}

absl::Status FinishEndings(const Enders& enders, const Commands& commands, absl::Time now) {
  if (!enders.steps.pbxs.TryLock()) return absl::OkStatus();
  absl::Status first;
  for (const PbxRegistry::EndingPbx& ending : enders.holdings.registry.Ending()) {
    first.Update(FinishEnding(enders, commands, ending, now).status());
  }
  enders.steps.pbxs.Unlock();
  return first;
}

absl::StatusOr<uint64_t> ReleaseHold(const Enders& enders, const Commands& commands, std::string_view hold_id,
                                     absl::Time now) {
  const MutexLock steps(enders.steps.releases);
  // What others kept that were released before is not this one's. Where it cannot be let go, this one is released all
  // the same: what it would keep from now on must not wait for that.
  const auto others = TakeReleaseSteps(enders, commands, now);
  absl::Status released =
      commands.Do(now, [&](Change& change) { return enders.hold_commands.Release(hold_id, change); });
  if (!released.ok()) return released;
  if (!others.ok()) return others.status();
  return TakeReleaseSteps(enders, commands, now);
}

absl::Status LetGo(const Enders& enders, const Commands& commands, absl::Time now) {
  if (!enders.steps.releases.TryLock()) return absl::OkStatus();
  absl::Status done = TakeReleaseSteps(enders, commands, now).status();
  enders.steps.releases.Unlock();
  return done;
}

absl::Status EndHolds(const Enders& enders, const Commands& commands, absl::Time now) {
  // One that ran out while a caller lets go of another's would be counted as theirs.
  if (!enders.steps.releases.TryLock()) return absl::OkStatus();
  absl::Status done;
  for (bool more = !enders.holds.Ended(enders.holdings.LastDue(now)).empty(); more && done.ok();) {
    const auto step = commands.Do(now, [&](Change& change) { return enders.hold_commands.EndOver(change); });
    done = step.status();
    more = step.ok() && *step;
  }
  enders.steps.releases.Unlock();
  return done.ok() ? LetGo(enders, commands, now) : done;
}

}  // namespace retention
