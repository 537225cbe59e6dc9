#include "server/ledger/store_witness.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "retention/stored/v1/stored.pb.h"
#include "server/base/crash_point.h"
#include "server/base/errors.h"
#include "server/ledger/lost_part.h"
#include "storage/keys.h"

namespace retention {

using stored::v1::LedgerEntry;

namespace {

// Entries that are copied at once: about 1 MiB.
constexpr size_t kEntriesAtOnce = 4096;

// Calls `take` with all entries from `first` on, some at a time, until it fails.
absl::Status ReadEntries(const StoreView& store, uint64_t first,
                         absl::FunctionRef<absl::Status(std::span<const LedgerCopy::Entry>)> take) {
  std::vector<LedgerCopy::Entry> entries;
  auto cursor = store.Scan(Family::kLedger, LedgerKey(first), LedgerTilesBegin());
  for (uint64_t sequence = first; cursor->Valid(); cursor->Next(), ++sequence) {
    auto row = ReadRow(cursor->value());
    if (!row.has_value() || row->entry.sequence() != sequence) {
      return absl::DataLossError(absl::StrCat("ledger entry ", sequence, " does not parse"));
    }
    entries.push_back({std::move(row->leaf), std::move(row->hash)});
    if (entries.size() < kEntriesAtOnce) continue;
    if (absl::Status s = take(entries); !s.ok()) return s;
    entries.clear();
  }
  if (absl::Status s = cursor->status(); !s.ok()) return s;
  return entries.empty() ? absl::OkStatus() : take(entries);
}

StoreWitness::KnownClock ClockOf(const Witness& witness) {
  StoreWitness::KnownClock known;
  if (LedgerEntry::Clock_IsValid(witness.clock)) known.kind = static_cast<LedgerEntry::Clock>(witness.clock);
  known.anchor = {.instant = absl::FromUnixMicros(witness.instant_us),
                  .boot = {.boottime_us = witness.boottime_us, .boot_id = witness.boot_id},
                  .slack = absl::Microseconds(witness.slack_us),
                  .unentered = {},
                  .agreed = witness.agreed != 0};
  if (witness.corrected_by != 0) {
    known.anchor.unentered = {.from = absl::FromUnixMicros(witness.corrected_from_us),
                              .to = absl::FromUnixMicros(witness.corrected_to_us),
                              .by = static_cast<ClockWord>(witness.corrected_by)};
  }
  return known;
}

void SetClock(LedgerEntry::Clock kind, const ClockAnchor& anchor, Witness& witness) {
  witness.clock = static_cast<uint8_t>(kind);
  witness.instant_us = absl::ToUnixMicros(anchor.instant);
  witness.boottime_us = anchor.boot.boottime_us;
  witness.boot_id = anchor.boot.boot_id;
  witness.slack_us = absl::ToInt64Microseconds(anchor.slack);
  witness.agreed = anchor.agreed ? 1 : 0;
  if (!anchor.unentered.has_value()) return;
  witness.corrected_by = static_cast<uint8_t>(anchor.unentered->by);
  witness.corrected_from_us = absl::ToUnixMicros(anchor.unentered->from);
  witness.corrected_to_us = absl::ToUnixMicros(anchor.unentered->to);
}

// Whether they say the same, but for how often they were written and that the clock went on. A simulated one does not:
// it was moved.
bool SayTheSame(Witness one, const Witness& other) {
  const bool goes_on = one.clock != static_cast<uint8_t>(LedgerEntry::CLOCK_SIMULATED);
  const int64_t interval_us = goes_on ? absl::ToInt64Microseconds(StoreWitness::kClockInterval) : 1;
  const auto is_near = [interval_us](int64_t a, int64_t b) { return a - b < interval_us && b - a < interval_us; };
  if (!is_near(one.instant_us, other.instant_us) || !is_near(one.boottime_us, other.boottime_us)) return false;
  one.count = other.count;
  one.instant_us = other.instant_us;
  one.boottime_us = other.boottime_us;
  return one == other;
}

}  // namespace

absl::StatusOr<stored::v1::StoreFormat> ReadStoreFormat(const StoreView& store) {
  const auto row = store.Get(Family::kState, FormatKey());
  if (!row.ok()) return row.status();
  stored::v1::StoreFormat format;
  if (row->has_value() && !format.ParseFromString(**row)) {
    return absl::DataLossError("the row that names the on-disk format does not parse");
  }
  return format;
}

std::string_view ReasonOf(Standing standing) {
  switch (standing) {
    case Standing::kSound:
      break;
    case Standing::kRolledBack:
      return "STORE_ROLLED_BACK";
    case Standing::kShortLog:
      return "STORE_LOG_SHORT";
    case Standing::kAnother:
      return "STORE_ANOTHER";
    case Standing::kMissing:
      return "STORE_MISSING";
    case Standing::kWitnessDamaged:
      return "WITNESS_DAMAGED";
    case Standing::kWitnessMissing:
      return "WITNESS_MISSING";
  }
  return "";
}

absl::StatusOr<std::unique_ptr<StoreWitness>> StoreWitness::Open(std::vector<std::string> directories, OnIo on_io) {
  std::unique_ptr<StoreWitness> witness(new StoreWitness(std::move(directories), std::move(on_io)));
  WitnessFile::OnIo on_file_io;
  if (witness->on_io_) on_file_io = [asked = witness->on_io_](size_t) { return asked(); };
  auto file = WitnessFile::Open(witness->directories_, std::move(on_file_io));
  if (!file.ok()) return file.status();
  const MutexLock lock(witness->mutex_);
  witness->file_ = *std::move(file);
  witness->found_ = witness->file_->last().has_value();
  if (witness->found_) {
    witness->knew_store_ = witness->file_->last()->store_id != 0;
    witness->ring_generation_ = witness->file_->last()->ring_generation;
    witness->known_clock_ = ClockOf(*witness->file_->last());
  }
  return witness;
}

absl::StatusOr<StoreWitness::Finding> StoreWitness::Meet(const StoreView& store, const StoreProgress& progress,
                                                         const KeyRing& ring) {
  ring_ = &ring;
  const MutexLock lock(mutex_);
  const uint64_t durable = found_ ? file_->last()->ledger_size : 0;
  for (const std::string& directory : directories_) {
    auto copy = LedgerCopy::Open(directory, ring.identity(), durable, on_io_);
    if (!copy.ok()) return copy.status();
    cut_bytes_ += (*copy)->cut_bytes();
    headers_mended_ += (*copy)->header_mended() ? 1 : 0;
    copies_.push_back(*std::move(copy));
  }
  auto ledger = Ledger::Open(store);
  if (!ledger.ok()) return ledger.status();
  ledger_size_ = ledger->size();
  ledger_head_ = ledger->head();
  entries_found_ = ledger_size_;
  return Compare(store, progress);
}

absl::StatusOr<StoreWitness::Finding> StoreWitness::Compare(const StoreView& store,
                                                            const StoreProgress& progress) const {
  if (file_->damaged()) {
    return Finding{Standing::kWitnessDamaged,
                   "the key ring's witness is damaged, so nothing tells whether the store "
                   "has all that was acknowledged"};
  }
  const auto format = ReadStoreFormat(store);
  if (!format.ok()) return format.status();
  if (!found_ && !format->ring_identity().empty()) {
    return Finding{Standing::kWitnessMissing,
                   "the key ring's witness was removed, so nothing tells whether the store has all that was "
                   "acknowledged"};
  }
  Finding behind{Standing::kRolledBack, ""};
  if (const auto& last = file_->last(); last.has_value()) {
    const uint64_t id = format->store_id();
    if (id != 0 && last->store_id != 0 && id != last->store_id) {
      return Finding{Standing::kAnother, "the store is not the one that the key ring's witness knows"};
    }
    // The log of that time is there, and ends early; or it is not there.
    if (progress.log >= last->progress.log) behind.standing = Standing::kShortLog;
    if (progress.sequence < last->progress.sequence) {
      behind.found =
          absl::StrCat("the store's last write is number ", progress.sequence, ", and number ", last->progress.sequence,
                       " was acknowledged, at last in ", absl::Dec(last->progress.log, absl::kZeroPad6), ".log");
      return behind;
    }
  }
  return CompareLedger(store, behind);
}

absl::StatusOr<StoreWitness::Finding> StoreWitness::CompareLedger(const StoreView& store, const Finding& behind) const {
  struct Known {
    uint64_t size;
    std::string head;
  };
  std::vector<Known> known;
  if (const auto& last = file_->last(); last.has_value()) {
    known.push_back({last->ledger_size, std::string(last->ledger_head.begin(), last->ledger_head.end())});
  }
  for (const auto& copy : copies_) known.push_back({copy->size(), copy->head()});
  for (const Known& past : known) {
    if (past.size == 0) continue;
    if (past.size > ledger_size_) {
      return Finding{behind.standing, absl::StrCat("the store's ledger has ", ledger_size_, " entries, and ", past.size,
                                                   " were acknowledged")};
    }
    const auto row = LedgerRowAt(store, past.size);
    if (!row.ok()) return row.status();
    if (!row->has_value() || (*row)->hash != past.head) {
      return Finding{Standing::kAnother, absl::StrCat("entry ", past.size,
                                                      " of the store's ledger, or one before, is "
                                                      "not what was acknowledged")};
    }
  }
  return Finding{};
}

absl::Status StoreWitness::Refusal(const Finding& finding) {
  const char* way_out = "";
  switch (finding.standing) {
    case Standing::kSound:
      return absl::OkStatus();
    case Standing::kRolledBack:
      way_out =
          "that log is missing, or an older copy is in its place: put an intact one back, or restore a backup "
          "(retention_backup)";
      break;
    case Standing::kShortLog:
      way_out = "its log was cut or is damaged: put an intact one back";
      break;
    case Standing::kAnother:
    case Standing::kMissing:
      way_out = "mount the right volume, restore a backup (retention_backup), or give a new store a ring of its own";
      break;
    case Standing::kWitnessDamaged:
      way_out = "look whether the store is the last one";
      break;
    case Standing::kWitnessMissing:
      way_out = "put it back, or look whether the store is the last one";
      break;
  }
  return ErrorWithReason(
      absl::StatusCode::kFailedPrecondition, ReasonOf(finding.standing),
      absl::StrCat(finding.found, "; ", way_out, ", or go on without what is lost: --accept-data-loss"));
}

absl::StatusOr<uint64_t> StoreWitness::Common(const LedgerCopy& copy, const StoreView& store) {
  uint64_t common = 0;
  absl::Status read;
  const absl::Status visited = copy.Visit(1, [&](uint64_t sequence, const LedgerCopy::Entry& entry) {
    const auto row = LedgerRowAt(store, sequence);
    read = row.status();
    if (!row.ok() || !row->has_value() || (*row)->hash != entry.hash) return false;
    common = sequence;
    return true;
  });
  if (!read.ok()) return read;
  if (!visited.ok() && !absl::IsDataLoss(visited)) return visited;
  return common;
}

absl::Status StoreWitness::Accept(Store& store, const stored::v1::LossMark& loss) {
  const auto marked = ReadLossMark(store);
  if (!marked.ok()) return marked.status();
  // A store that looks sound again when all its entries are back knows by this that it is not.
  if (loss.unentered_size() > 0) {
    Batch mark;
    PutLossMark(Merged(marked->value_or(stored::v1::LossMark()), loss), mark);
    if (absl::Status s = store.Commit(mark); !s.ok()) return s;
  }
  CrashPoint("loss.after_mark");
  const MutexLock lock(mutex_);
  for (const auto& copy : copies_) {
    auto ledger = Ledger::Open(store);
    if (!ledger.ok()) return ledger.status();
    const auto common = Common(*copy, store);
    if (!common.ok()) return common.status();
    if (*common < ledger->size()) {
      // It lacks some that the store has, or tells another story.
      if (absl::Status s = copy->CutTo(*common); !s.ok()) return s;
      continue;
    }
    Batch batch;
    absl::Status added;
    absl::Status visited = copy->Visit(*common + 1, [&](uint64_t, const LedgerCopy::Entry& entry) {
      added = ledger->AppendLeaf(entry.leaf, entry.hash, batch);
      if (added.ok() && batch.changes().size() >= kEntriesAtOnce) {
        added = store.Commit(batch);
        batch = Batch();
      }
      return added.ok();
    });
    // What is broken of a copy ends it.
    if (absl::IsDataLoss(visited)) visited = copy->CutTo(ledger->size());
    if (!visited.ok()) return visited;
    if (!added.ok()) return added;
    if (batch.empty()) continue;
    if (absl::Status s = store.Commit(batch); !s.ok()) return s;
  }
  const auto ledger = Ledger::Open(store);
  if (!ledger.ok()) return ledger.status();
  ledger_size_ = ledger->size();
  ledger_head_ = ledger->head();
  return absl::OkStatus();
}

absl::Status StoreWitness::FollowPath(LedgerCopy& copy) const {
  const auto is_another = copy.FollowPath();
  if (!is_another.ok()) return is_another.status();
  if (!*is_another) return absl::OkStatus();
  const auto common = Common(copy, *store_);
  return common.ok() ? copy.CutTo(*common) : common.status();
}

absl::Status StoreWitness::CopyLedger() {
  uint64_t size = ledger_size_;
  std::string head = ledger_head_;
  absl::Status read = ReadEntries(*store_, size + 1, [&](std::span<const LedgerCopy::Entry> entries) {
    size += entries.size();
    head = entries.back().hash;
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  ledger_size_ = size;
  ledger_head_ = std::move(head);
  absl::Status failure;
  uint64_t uncopied = 0;
  for (const auto& copy : copies_) {
    if (absl::Status s = FollowPath(*copy); !s.ok()) {
      failure.Update(s);
      uncopied = ledger_size_;
      continue;
    }
    const uint64_t before = copy->size();
    // One that cannot be written costs one run of entries each time, however far it is behind.
    failure.Update(ReadEntries(*store_, before + 1,
                               [&copy](std::span<const LedgerCopy::Entry> entries) { return copy->Append(entries); }));
    if (copy->size() > before) failure.Update(copy->Sync());
    uncopied = std::max(uncopied, ledger_size_ - std::min(ledger_size_, copy->size()));
  }
  uncopied_.store(uncopied);
  return failure;
}

absl::Status StoreWitness::Note(LedgerEntry::Clock kind, const ClockAnchor& anchor) {
  const MutexLock lock(mutex_);
  Witness witness;
  // What is read is durable; so none of it may be read after it was written down.
  witness.progress = store_->Acknowledged();
  witness.ring_generation = ring_->generation();
  absl::Status status = CopyLedger();
  if (status.ok()) CrashPoint("witness.after_copy");
  if (store_id_ == 0) {
    const auto format = ReadStoreFormat(*store_);
    if (!format.ok()) return format.status();
    store_id_ = format->store_id();
  }
  witness.store_id = store_id_;
  witness.ledger_size = ledger_size_;
  std::copy(ledger_head_.begin(), ledger_head_.end(), witness.ledger_head.begin());
  SetClock(kind, anchor, witness);
  const auto& last = file_->last();
  if (last.has_value() && SayTheSame(witness, *last) && file_->failure().ok()) return status;
  status.Update(file_->Write(witness));
  status.Update(file_->failure());
  CrashPoint("witness.after_write");
  return status;
}

}  // namespace retention
