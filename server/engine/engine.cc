#include "server/engine/engine.h"

#include <algorithm>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/crash_point.h"
#include "server/base/errors.h"
#include "server/base/request_parts.h"
#include "server/engine/preview.h"
#include "server/ledger/reasons.h"
#include "server/rows/day_progress.h"
#include "server/rows/store_format.h"
#include "storage/keys.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

absl::Status Precondition(std::string_view reason, std::string_view message) {
  return ErrorWithReason(absl::StatusCode::kFailedPrecondition, reason, message);
}

}  // namespace

Engine::Engine(Store& store, KeyRing& ring, RandomSource& random, Policy policy)
    : store_(store),
      vault_(ring, random),
      domains_(store, ring, vault_, random, std::move(policy)),
      writer_(store, domains_.holdings),
      orders_(store, domains_.holdings),
      planner_(store, domains_.holdings, domains_.logs, domains_.refiler) {}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Open(Store& store, KeyRing& ring, RandomSource& random, Policy policy,
                                                     absl::Time now, const EngineOpening& opening) {
  std::unique_ptr<Engine> engine(new Engine(store, ring, random, std::move(policy)));
  engine->domains_.holdings.clock = opening.clock;
  if (absl::Status status = engine->Establish(now, opening); !status.ok()) return status;
  // On a full disk what there is of it is kept, and no object is taken in.
  engine->domains_.holdings.KeepRoomForObjects(0).IgnoreError();
  return engine;
}

Enders Engine::enders() {
  return {.store = store_,
          .holdings = domains_.holdings,
          .holds = domains_.holds,
          .hold_commands = domains_.hold_commands,
          .keeping = domains_.keeping,
          .pbxs = domains_.pbx_ender,
          .meetings = domains_.recorder.filer(),
          .logs = domains_.logs,
          .refiler = domains_.refiler,
          .days = domains_.days,
          .cohorts = domains_.cohorts,
          .names = domains_.names,
          .steps = ending_steps_};
}

absl::Status Engine::Establish(absl::Time now, const EngineOpening& opening) {
  auto row = store_.Get(Family::kState, FormatKey());
  if (!row.ok()) return row.status();
  if (!row->has_value()) {
    absl::Status created = Create(DueDay(DayOf(now, domains_.holdings.policy().zone())), now);
    return created.ok() ? SweepGone(now, opening) : created;
  }
  if (absl::Status s = CheckFormat(*row, kFormatVersion, domains_.holdings.ring); !s.ok()) return s;
  stored::v1::StoreFormat format;
  if (!format.ParseFromString(**row))
    return absl::DataLossError("the row that names the on-disk format does not parse");
  if (absl::Status s = domains_.Load(); !s.ok()) return s;
  if (absl::Status s = domains_.controllers.Load(); !s.ok()) return s;
  if (format.store_id() == 0) {
    absl::Status named = writer_.Do(now, [&](Change& change) { return PutFormat(format, change); });
    if (!named.ok()) return named;
  }
  if (absl::Status s = SweepGone(now, opening); !s.ok()) return s;
  return domains_.names.Recall(writer_, now);
}

absl::Status Engine::EnterLostKeys(Change& change) {
  const auto found = ReadLossMark(store_);
  if (!found.ok()) return found.status();
  stored::v1::LossMark mark = found->value_or(stored::v1::LossMark());
  if (!mark.has_keys_lost()) {
    mark.set_keys_lost(domains_.holdings.ledger.size());
    PutLossMark(mark, change.batch());
    LedgerEntry entry;
    entry.set_kind(LedgerEntry::KIND_LOSS_ACCEPTED);
    entry.set_reason(std::string(kReasonKeysDamaged));
    change.Enter(std::move(entry));
  }
  change.Then([this] { return domains_.holdings.ring.MarkLossTold(); });
  return absl::OkStatus();
}

absl::StatusOr<bool> Engine::LacksHolds() const {
  auto cursor = store_.ScanPrefix(Family::kState, HoldPrefix());
  for (; cursor->Valid(); cursor->Next()) {
    const auto lost = domains_.holdings.vault.IsStateLost(cursor->value());
    if (!lost.ok() || *lost) return lost;
  }
  if (!cursor->status().ok()) return cursor->status();
  return false;
}

absl::Status Engine::SweepGone(absl::Time now, const EngineOpening& opening) {
  const bool lacks_keys = domains_.holdings.ring.has_untold_loss();
  auto mark = ReadLossMark(store_);
  if (!mark.ok()) return mark.status();
  // Of what damage alone has cost, only whole PBXs are for somebody to give up.
  const bool is_accepted =
      opening.sweeps_gone || (mark->has_value() && (!(*mark)->has_keys_lost() || (*mark)->has_known_entries() ||
                                                    (*mark)->unentered_size() > 0));
  const bool is_damaged = lacks_keys || (mark->has_value() && (*mark)->has_keys_lost());
  if (!is_accepted) {
    const auto& all = domains_.holdings.registry.lost();
    const auto lost = std::count_if(all.begin(), all.end(), [&](const auto& pbx) { return !is_damaged || !pbx.lives; });
    if (lost == 0 && !is_damaged) return absl::OkStatus();
    if (lost > 0)
      return Precondition("PBX_KEYS_GONE",
                          absl::StrCat("the key ring has no keys for ", lost,
                                       " PBXs of the store: the one is older than the other, or keys were damaged; put "
                                       "the right one back, or go on without what is lost: --accept-data-loss"));
  }
  if (lacks_keys) {
    absl::Status entered = writer_.Do(now, [&](Change& change) { return EnterLostKeys(change); });
    if (!entered.ok()) return entered;
    mark = ReadLossMark(store_);
    if (!mark.ok()) return mark.status();
  }
  const stored::v1::LossMark loss = mark->value_or(stored::v1::LossMark());
  absl::Status begun = writer_.Do(now, [&](Change& change) {
    EnterLosses(loss, change);
    return absl::OkStatus();
  });
  if (!begun.ok()) return begun;
  CrashPoint("loss.after_entry");
  if (loss.has_known_entries()) {
    auto lost = ReadLostPart(store_, loss.known_entries());
    if (!lost.ok()) return lost.status();
    lost_part_ = *std::move(lost);
  }
  auto swept = GoneSweep(enders(), writer_).Run(now, [&]() -> absl::Status {
    if (lost_part_ && !lost_part_->holds.empty()) return ReplaceHolds(loss.known_entries(), now);
    const auto lacks_holds = loss.has_keys_lost() ? LacksHolds() : false;
    if (!lacks_holds.ok()) return lacks_holds.status();
    return *lacks_holds ? ReplaceHolds(loss.keys_lost(), now) : absl::OkStatus();
  });
  if (!swept.ok()) return swept.status();
  swept_ = *std::move(swept);
  return absl::OkStatus();
}

void Engine::EnterLosses(stored::v1::LossMark mark, Change& change) {
  for (const stored::v1::AcceptedLoss& loss : mark.unentered()) {
    LedgerEntry entry;
    entry.set_kind(LedgerEntry::KIND_LOSS_ACCEPTED);
    entry.set_reason(loss.reason());
    entry.set_backup(loss.backup());
    entry.set_backup_us(loss.backup_made_us());
    entry.set_lost_until_us(loss.lost_until_us());
    entry.set_day(loss.first_day());
    entry.set_through_day(loss.last_day());
    change.Enter(std::move(entry));
  }
  const bool lost = mark.unentered_size() > 0;
  mark.clear_unentered();
  PutLossMark(mark, change.batch());
  if (!lost) return;
  Holdings& holdings = domains_.holdings;
  const uint64_t beyond = OrderNumbers::BeyondLoss(holdings.ledger.size() + 1);
  OrderNumbers::Counter orders = holdings.orders.counter();
  orders.last_issued = std::max(orders.last_issued, beyond);
  OrderNumbers::Put(orders, change.batch());
  NoticeNumbers::PutReserved(beyond, change.batch());
  change.ThenDo([&holdings, orders, beyond] {
    holdings.orders.Set(orders);
    holdings.notices.Set({.next = beyond + 1, .reserved_through = beyond});
  });
}

absl::Status Engine::ReplaceHolds(uint64_t since, absl::Time now) {
  const Holdings& holdings = domains_.holdings;
  const DueDay last_due = holdings.LastDue(now);
  for (const auto& [pbx, until] : holdings.ring.due_rules().held) {
    const std::string pbx_id = holdings.registry.ExternalId(pbx);
    if (until <= last_due || pbx_id.empty() || !holdings.registry.Lives(pbx)) continue;
    v1::Hold hold;
    // The same after a crash, whatever has ended meanwhile: then it is there already.
    hold.set_hold_id(absl::StrCat("in-place-of-lost-", since, "-", absl::BytesToHexString(std::string(pbx.view()))));
    hold.mutable_scope()->set_pbx_id(pbx_id);
    hold.set_basis(v1::HOLD_BASIS_LEGAL_CLAIMS);
    hold.set_owner("operator");
    hold.set_reason("holds on this PBX were lost with what followed a backup: place them again, then release this");
    SetDate(last_due.Next(), *hold.mutable_review_date());
    SetDate(until, *hold.mutable_end_date());
    const absl::Status placed =
        writer_.Do(now, [&](Change& change) { return domains_.hold_commands.PlaceInstead(hold, change); });
    if (!placed.ok() && !absl::IsAlreadyExists(placed)) return placed;
    CrashPoint("loss.after_hold");
  }
  return absl::OkStatus();
}

absl::Status Engine::PutFormat(stored::v1::StoreFormat format, Change& change) const {
  uint64_t id = 0;
  if (absl::Status s = domains_.holdings.random.Fill(reinterpret_cast<uint8_t*>(&id), sizeof(id)); !s.ok()) return s;
  format.set_store_id(std::max<uint64_t>(id, 1));
  change.batch().Put(Family::kState, FormatKey(), format.SerializeAsString());
  return absl::OkStatus();
}

absl::Status Engine::Create(DueDay today, absl::Time now) {
  Holdings& holdings = domains_.holdings;
  if (absl::Status s = holdings.ring.MintNames(1, today); !s.ok()) return s;
  // Nothing before today will ever be a cohort.
  if (absl::Status s = holdings.ring.DestroyCohortsThrough(DueDay::FromNumber(today.number() - 1)); !s.ok()) return s;
  if (absl::Status s = domains_.Load(); !s.ok()) return s;
  absl::Status created = writer_.Do(now, [&](Change& change) {
    stored::v1::StoreFormat format;
    format.set_version(kFormatVersion);
    format.set_ring_identity(holdings.ring.identity());
    if (absl::Status s = PutFormat(format, change); !s.ok()) return s;
    const absl::Time since = absl::FromUnixMicros(absl::ToUnixMicros(now));
    PolicyVersions::Put(holdings.policy(), since, /*refiling=*/false, change.batch());
    LedgerEntry entry;
    entry.set_kind(LedgerEntry::KIND_CREATED);
    change.Enter(entry);
    entry.set_kind(LedgerEntry::KIND_POLICY);
    change.Enter(entry);
    return absl::OkStatus();
  });
  if (!created.ok()) return created;
  return holdings.policies.Load(store_);
}

absl::Status Engine::Record(std::span<EventBatch* const> events, std::span<LineBatch* const> lines, absl::Time now,
                            std::optional<absl::Time> rival) {
  Recorder& recorder = domains_.recorder;
  if (domains_.holdings.policies.refiling_since().has_value()) {
    for (const auto& meeting : Recorder::MeetingsOf(events)) {
      absl::Status refiled =
          writer_.Do(now, [&](Change& change) { return recorder.RefileFirst(meeting.first, meeting.second, change); });
      if (!refiled.ok()) return refiled;
    }
  }
  std::span<LineBatch* const> left = lines;
  for (const RecordPart& part : Recorder::PartsOf(events)) {
    absl::Status recorded = writer_.Do(now, [&](Change& change) {
      change.SetRival(rival);
      absl::Status taken = domains_.logs.Append(left, change);
      if (taken.ok()) taken = recorder.Record(part, change);
      return taken.ok() && change.is_in_doubt() ? ClockInDoubt() : taken;
    });
    // A refusal from deep inside is a broken invariant here, never an answer to a batch.
    if (IsRefusal(recorded)) return absl::InternalError("a batch met rows that do not belong together");
    if (!recorded.ok()) return recorded;
    left = {};
  }
  return absl::OkStatus();
}

Engine::Overdue Engine::OldestOverdue(absl::Time now) const {
  const Holdings& holdings = domains_.holdings;
  Overdue overdue;
  const auto since = [&](absl::Time due) { overdue.oldest = std::max(overdue.oldest, now - due); };
  // What the ring still holds of days that are due: their keys, and what was rescued of them.
  const std::vector<DueDay> days = holdings.ring.DaysThrough(holdings.LastDue(now));
  if (!days.empty()) since(DueInstant(days.front(), holdings.policy().zone()));
  if (const DueDay rescued = holdings.ring.FirstRescued(); rescued != DueDay::None()) {
    since(DueInstant(rescued, holdings.policy().zone()));
  }
  const DueDay destroyed = holdings.ring.destroyed_through();
  if (holdings.ring.unfinished() && destroyed != DueDay::None()) since(DueInstant(destroyed, holdings.policy().zone()));
  // What holds kept that are over. Whether others keep it nobody knows until it has been looked at.
  for (const HoldPtr& hold : domains_.holds.List("")) {
    const absl::Time over = hold->released.value_or(DueInstant(hold->End(), holdings.policy().zone()));
    if (over < now) since(over);
  }
  for (const auto& ending : holdings.registry.Ending()) since(ending.begun);
  if (const auto over = holdings.registry.Over(now); !over.empty()) since(over.front().second.time);
  const auto files = OldestOverdueFile(now);
  overdue.unread = files.status();
  if (files.ok()) since(*files);
  return overdue;
}

absl::StatusOr<absl::Time> Engine::OldestOverdueFile(absl::Time now) const {
  // Other timers that wait for the next run hold nothing that is due.
  auto timers = store_.ScanPrefix(Family::kState, MeetingTimerPrefix(), AtLoss::kPass);
  for (; timers->Valid(); timers->Next()) {
    const auto timer = DecodeMeetingTimerKey(timers->key());
    if (!timer.has_value()) return absl::DataLossError("a timer's key does not parse");
    if (timer->instant_us > absl::ToUnixMicros(now)) break;
    auto row = store_.Get(Family::kState, LocatorKey(timer->pbx, timer->meeting));
    if (!row.ok()) return row.status();
    const auto locator = row->has_value() ? MeetingLocator::Parse(**row) : std::nullopt;
    const absl::Time instant = absl::FromUnixMicros(timer->instant_us);
    if (!locator.has_value() || locator->files_end_us == 0) continue;
    if (MayFilesHaveEnded(locator->facts, instant)) return instant;
  }
  if (!timers->status().ok()) return timers->status();
  return now;
}

absl::Status Engine::OnSnapshot(absl::FunctionRef<absl::Status(Domains&)> look) const {
  // Those that wait would keep other calls from their workers.
  if (previewing_.exchange(true)) return QueueFull(kPreviewRetryDelay);
  const absl::Cleanup done = [this] { previewing_.store(false); };
  const Holdings& live = domains_.holdings;
  const auto snapshot = store_.Snapshot();
  Domains domains(*snapshot, live.ring, vault_, live.random, live.policy());
  if (absl::Status s = domains.Load(); !s.ok()) return s;
  return look(domains);
}

absl::StatusOr<v1::PreviewErasureResponse> Engine::PreviewErasure(const v1::PreviewErasureRequest& request,
                                                                  absl::Time now) const {
  v1::PreviewErasureResponse response;
  absl::Status status = OnSnapshot([&](Domains& domains) {
    // What a new policy has not come to yet would be looked for where it is to be.
    if (domains.holdings.policies.refiling_since().has_value()) return RefileUnderWay();
    Preview preview(store_, domains, now);
    if (absl::Status s = preview.Of(request); !s.ok()) return s;
    auto made = preview.Response();
    if (made.ok()) response = *std::move(made);
    return made.status();
  });
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<PbxCommands::SyncOutcome> Engine::PreviewSync(std::string_view pbx_id, const v1::PbxSynced& synced,
                                                             absl::Time now) const {
  PbxCommands::SyncOutcome outcome;
  absl::Status status = OnSnapshot([&](Domains& domains) {
    Change change(domains.holdings, now);
    auto would = domains.pbxs.Sync(pbx_id, synced, now, SyncMode::kValidate, change);
    if (would.ok()) outcome = *std::move(would);
    // Its key may have gone after the snapshot was taken.
    return absl::IsNotFound(would.status()) ? absl::UnavailableError("the PBX has just ended; ask again")
                                            : would.status();
  });
  if (!status.ok()) return status;
  return outcome;
}

}  // namespace retention
