// The engine's clock in the process: where it goes on at a start, and what follows from a look at it (docs/clock.md).
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/app/explain.h"
#include "server/app/server.h"
#include "server/base/errors.h"
#include "server/ledger/ledger.h"
#include "server/ledger/reasons.h"
#include "server/ops/log.h"
#include "server/rpc/watch_courier.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

std::string Readable(absl::Time time) { return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone()); }

std::string_view ReasonOf(ClockWord word) {
  switch (word) {
    case ClockWord::kRestart:
      return kReasonRestarted;
    case ClockWord::kMachine:
      return kReasonVouchedFor;
    case ClockWord::kOperator:
      break;
  }
  return kReasonConfirmed;
}

}  // namespace

LedgerEntry::Clock Server::clock_kind() const {
  return simulated_clock_.has_value() ? LedgerEntry::CLOCK_SIMULATED : LedgerEntry::CLOCK_SYSTEM;
}

absl::Status Server::CheckClock(LedgerEntry::Clock kind) {
  if (kind == LedgerEntry::CLOCK_UNSPECIFIED || kind == clock_kind()) return absl::OkStatus();
  // By the wrong clock nothing is due.
  knows_time_ = false;
  return ErrorWithReason(
      absl::StatusCode::kFailedPrecondition, "CLOCK_MISMATCH",
      kind == LedgerEntry::CLOCK_SIMULATED
          ? "the store lives on a simulated clock, and stays with it: start with --clock=simulated, or give another "
            "directory"
          : "the store lives on the machine's clock, and stays with it: start without --clock=simulated, or give "
            "another directory");
}

absl::Status Server::TakeUpClock(const StoreWitness& witness) {
  const auto& known = witness.known_clock();
  if (!known.has_value()) return absl::OkStatus();
  if (absl::Status s = CheckClock(known->kind); !s.ok()) return s;
  if (simulated_clock_.has_value()) {
    simulated_clock_->RaiseTo(known->anchor.instant);
  } else {
    guarded_clock_->Resume(known->anchor);
  }
  knows_time_ = known->kind != LedgerEntry::CLOCK_UNSPECIFIED;
  return absl::OkStatus();
}

absl::Status Server::TakeUpLedgersTime(const StoreView& store) {
  const auto ledger = Ledger::Open(store);
  if (!ledger.ok()) return Explain("data directory", ledger.status());
  if (ledger->size() == 0) return absl::OkStatus();
  const auto last = LedgerRowAt(store, ledger->size());
  if (!last.ok()) return Explain("data directory", last.status());
  if (!last->has_value()) return absl::OkStatus();
  const LedgerEntry& entry = (*last)->entry;
  if (absl::Status s = CheckClock(entry.clock()); !s.ok()) return s;
  const absl::Time entered = absl::FromUnixMicros(entry.time_us());
  if (simulated_clock_.has_value()) {
    simulated_clock_->RaiseTo(entered);
  } else {
    // Without a witness it is all that is known.
    if (!witness_->known_clock().has_value()) guarded_clock_->Resume({.instant = entered});
    guarded_clock_->RaiseTo(entered);
  }
  knows_time_ = true;
  return absl::OkStatus();
}

void Server::LookAtClock() {
  if (!guarded_clock_.has_value()) return;
  const GuardedClock::Reading reading = guarded_clock_->Look();
  ReportClock(reading);
  const auto correction = guarded_clock_->unentered();
  if (!correction.has_value()) return;
  if (correction != reported_correction_) {
    reported_correction_ = correction;
    Log(Severity::kWarning, "the engine's clock was corrected",
        {{"from", Readable(correction->from)},
         {"to", Readable(correction->to)},
         {"reason", std::string(ReasonOf(correction->by))}});
    witness_loop_->RunOnce().IgnoreError();
    order_courier_->Wake();
    report_courier_->Wake();
    if (dns_loop_ != nullptr) dns_loop_->Wake();
  }
  // A store that takes no writes gets it later.
  const absl::Status entered = Commands(*committer_, engine_->writer()).Do([&](Change& change) {
    LedgerEntry entry;
    entry.set_kind(LedgerEntry::KIND_CLOCK_CORRECTED);
    entry.set_reason(std::string(ReasonOf(correction->by)));
    entry.set_clock_from_us(absl::ToUnixMicros(correction->from));
    entry.set_done_us(absl::ToUnixMicros(correction->to));
    change.Enter(std::move(entry));
    return absl::OkStatus();
  });
  if (entered.ok()) guarded_clock_->Entered(*correction);
}

void Server::ReportClock(const GuardedClock::Reading& reading) {
  if (clock_agrees_ != reading.agrees) {
    clock_agrees_ = reading.agrees;
    if (reading.agrees) {
      Log(Severity::kInfo, "the machine's clock and the engine's agree again");
    } else {
      Log(Severity::kWarning,
          "the machine's clock and the engine's disagree: what is due by the later is hidden, by the engine's "
          "destroyed",
          {{"engine", Readable(reading.now)}, {"machine", Readable(reading.machine)}});
    }
  }
  if (clock_waits_.exchange(reading.waits_for_confirmation) == reading.waits_for_confirmation) return;
  if (reading.waits_for_confirmation) {
    const std::string engine = Readable(reading.now);
    const std::string machine = Readable(reading.machine);
    const std::string type = absl::StrCat("retentionctl clock confirm ", machine);
    if (reading.machine < reading.now) {
      Log(Severity::kError,
          "the machine's clock is behind the engine's, by which keys go on being destroyed: look at another clock and "
          "set the machine's if it is wrong; if the engine's is wrong, type what follows",
          {{"engine", engine}, {"machine", machine}, {"type", type}});
    } else {
      Log(Severity::kError,
          "what is due by the machine's clock alone waits: look at another clock, set the machine's if it is wrong, "
          "and type what follows",
          {{"engine", engine}, {"machine", machine}, {"type", type}});
    }
  } else {
    Log(Severity::kInfo, "nothing waits for a word about the clock any more");
  }
}

}  // namespace retention
