#include "server/days/gone_sweep.h"

#include <set>
#include <utility>
#include <vector>

#include "server/meetings/locator.h"
#include "server/rows/row_keys.h"
#include "server/rows/row_walk.h"
#include "storage/keys.h"

namespace retention {

bool GoneTally::empty() const {
  return values == CategoryCounts{} &&
         pbxs + records + occurrences + orders + holds + log_extensions + controllers == 0;
}

absl::StatusOr<GoneTally> GoneSweep::Run(absl::Time now, absl::FunctionRef<absl::Status()> then) {
  tally_ = {};
  if (absl::Status s = SweepPbxs(now); !s.ok()) return s;
  if (absl::Status s = then(); !s.ok()) return s;
  // Holds before rows, so that nothing is kept for one that is over; rows before the occurrences that they make.
  for (const auto part : {&GoneSweep::SweepState, &GoneSweep::SweepCovers, &GoneSweep::SweepFiled,
                          &GoneSweep::SweepReferences, &GoneSweep::SweepOccurrences}) {
    if (absl::Status s = (this->*part)(now); !s.ok()) return s;
  }
  absl::Status done = writer_.Do(now, [](Change& change) {
    change.batch().Delete(Family::kState, GoneSweepKey());
    return absl::OkStatus();
  });
  if (!done.ok()) return done;
  return tally_;
}

absl::Status GoneSweep::Walk(Family family, const std::string& begin, const std::string& end, absl::Time now,
                             Step look) {
  const StepBounds bounds;
  for (std::optional<std::string> from = begin; from.has_value();) {
    std::optional<std::string> next;
    absl::Status step = writer_.Do(now, [&](Change& change) {
      size_t rows = 0;
      size_t bytes = 0;
      auto cursor = enders_.store.Scan(family, *from, end, AtLoss::kPass);
      for (; cursor->Valid(); cursor->Next()) {
        // What ends with a row counts as well.
        if (rows++ == bounds.rows || bytes >= bounds.bytes || change.dropped().size() >= bounds.rows) {
          next = std::string(cursor->key());
          break;
        }
        bytes += cursor->value().size();
        if (absl::Status s = look(cursor->key(), cursor->value(), change); !s.ok()) return s;
      }
      return cursor->status();
    });
    if (!step.ok()) return step;
    from = std::move(next);
  }
  return absl::OkStatus();
}

absl::Status GoneSweep::SweepPbxs(absl::Time now) {
  const auto& lost = holdings_.registry.lost();
  for (const PbxRegistry::LostPbx& pbx : lost) {
    absl::Status swept = writer_.Do(now, [&](Change& change) -> absl::Status {
      if (!pbx.lives) return enders_.pbxs.BeginLost(pbx, change);
      const FiledKey key = PbxRecordKey(pbx.pbx);
      const auto row = enders_.store.Get(Family::kFiled, key.Encode());
      if (!row.ok()) return row.status();
      if (row->has_value()) change.DropGone(key, **row);
      stored::v1::Value record;
      record.mutable_pbx()->set_pbx_id(pbx.pbx_id);
      record.mutable_pbx()->set_created_us(absl::ToUnixMicros(now));
      change.File(key, Personal(record.SerializeAsString()), 1);
      return absl::OkStatus();
    });
    if (!swept.ok()) return swept;
    ++(pbx.lives ? tally_.records : tally_.pbxs);
  }
  return lost.empty() ? absl::OkStatus() : enders_.pbxs.ReloadRegistry();
}

absl::Status GoneSweep::SweepState(absl::Time now) {
  const auto sweep = [&](const std::string& prefix, uint64_t& swept, auto drop) {
    return Walk(Family::kState, prefix, PrefixEnd(prefix), now,
                [&](std::string_view key, std::string_view value, Change& change) {
                  const auto gone = holdings_.vault.IsStateGone(value);
                  if (!gone.ok() || !*gone) return gone.status();
                  ++swept;
                  drop(std::string(key), change);
                  return absl::OkStatus();
                });
  };
  const auto drop = [](const std::string& key, Change& change) { change.DeleteState(key); };
  const auto forget = [](const std::string& key, Change& change) {
    if (const auto sequence = DecodeOrderKey(key); sequence.has_value()) change.ForgetOrder(*sequence);
  };
  const auto release = [](const std::string& key, Change& change) {
    change.DeleteState(key);
    stored::v1::LedgerEntry entry;
    entry.set_kind(stored::v1::LedgerEntry::KIND_HOLD_RELEASED);
    entry.set_reason(std::string(kReasonKeyGone));
    entry.set_hold(DecodeHoldKey(key).value_or(0));
    change.Enter(std::move(entry));
  };
  if (absl::Status s = sweep(OrderPrefix(), tally_.orders, forget); !s.ok()) return s;
  if (absl::Status s = sweep(HoldPrefix(), tally_.holds, release); !s.ok()) return s;
  if (absl::Status s = sweep(ControllerPrefix(), tally_.controllers, drop); !s.ok()) return s;
  return sweep(LogExtensionPrefix(), tally_.log_extensions, drop);
}

// What a controller's holds covered goes with the last of them, and so does what is known of PBXs that have ended.
absl::Status GoneSweep::SweepCovers(absl::Time now) {
  std::set<OwnerId> held;
  for (const HoldPtr& hold : enders_.holds.List("")) {
    if (hold->targets.empty()) held.insert(ControllerOwner(holdings_.vault, hold->Controller()));
  }
  absl::Status covers = Walk(Family::kState, HoldCoverPrefix(), PrefixEnd(HoldCoverPrefix()), now,
                             [&](std::string_view key, std::string_view, Change& change) {
                               const auto name = DecodeHoldCoverKey(key);
                               if (name.has_value() && !held.contains(name->controller)) {
                                 change.batch().Delete(Family::kState, std::string(key));
                               }
                               return absl::OkStatus();
                             });
  if (!covers.ok()) return covers;
  return Walk(Family::kState, HeldEndPrefix(), PrefixEnd(HeldEndPrefix()), now,
              [&](std::string_view key, std::string_view, Change& change) {
                const auto pbx = DecodeHeldEndKey(key);
                if (pbx.has_value() && !enders_.holds.Covers(*pbx)) {
                  change.batch().Delete(Family::kState, std::string(key));
                }
                return absl::OkStatus();
              });
}

absl::Status GoneSweep::SweepFiled(absl::Time now) {
  const Policy& policy = holdings_.policy();
  const std::string begin = FiledPrefix(holdings_.ring.destroyed_through().Next());
  return Walk(Family::kFiled, begin, "", now,
              [&](std::string_view raw, std::string_view envelope, Change& change) -> absl::Status {
                const auto key = FiledKey::Decode(raw);
                if (!key.has_value()) return absl::OkStatus();  // it costs itself
                // It ends as one of many.
                if (key->day != DueDay::Kept() && policy.rule(key->category).ends_with_pbx &&
                    holdings_.registry.FindEnding(key->pbx).has_value()) {
                  return absl::OkStatus();
                }
                const auto gone = holdings_.vault.IsGone(*key, envelope);
                if (!gone.ok()) return gone.status();
                if (*gone) {
                  tally_.values[key->category] += Vault::ValueCount(envelope);
                  change.DropGone(*key, envelope);
                  return absl::OkStatus();
                }
                // The hold for which it was kept may be one that is gone.
                if (key->day != DueDay::Kept()) return absl::OkStatus();
                const absl::Status let_go = change.LetGo(*key, envelope).status();
                return absl::IsDataLoss(let_go) ? absl::OkStatus() : let_go;
              });
}

// Whose object nobody could tell when they went.
absl::Status GoneSweep::SweepReferences(absl::Time now) {
  const std::string prefix = ObjectReferencePrefix(OwnerId()).substr(0, 1);
  return Walk(Family::kState, prefix, PrefixEnd(prefix), now,
              [&](std::string_view key, std::string_view bucket, Change& change) -> absl::Status {
                const auto row = DecodeObjectReference(key, bucket);
                if (!row.has_value()) return absl::OkStatus();  // it costs itself
                const auto envelope = GetRow(enders_.store, *row);
                if (absl::IsDataLoss(envelope.status())) return absl::OkStatus();
                if (!envelope.ok()) return envelope.status();
                const absl::StatusOr<bool> gone =
                    envelope->has_value() ? holdings_.vault.IsGone(*row, **envelope) : true;
                if (gone.ok() && *gone) change.DeleteState(std::string(key));
                return gone.status();
              });
}

absl::StatusOr<bool> GoneSweep::IsLost(const LocatorName& name, const MeetingLocator& locator) const {
  const DueDay history = locator.days[kHistory];
  if (history == DueDay::None() || history <= holdings_.ring.destroyed_through()) return false;
  const auto gone = holdings_.vault.IsGone(MeetingIdKey(history, name.pbx, name.meeting), locator.sealed_id);
  if (!gone.ok() || *gone) return gone;
  const auto has_course = HasRows(enders_.store, FiledPrefix(history, kHistory, name.pbx, name.meeting));
  // Lost with a damaged file: nobody can tell, and calls for it fail until its day ends.
  if (absl::IsDataLoss(has_course.status())) return false;
  if (!has_course.ok()) return has_course.status();
  return !*has_course;
}

absl::Status GoneSweep::SweepOccurrences(absl::Time now) {
  return Walk(Family::kState, LocatorPrefix(), PrefixEnd(LocatorPrefix()), now,
              [&](std::string_view key, std::string_view value, Change& change) -> absl::Status {
                const auto name = DecodeLocatorKey(key);
                const auto locator = MeetingLocator::Parse(value);
                if (!name.has_value() || !locator.has_value()) return absl::OkStatus();  // it costs itself
                const auto lost = IsLost(*name, *locator);
                if (!lost.ok() || !*lost) return lost.status();
                ++tally_.occurrences;
                return enders_.meetings.EndLost(*name, *locator, kReasonKeyGone, change);
              });
}

}  // namespace retention
