#include "server/ledger/ledger.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/ledger/ledger_tree.h"
#include "storage/keys.h"

namespace retention {

absl::StatusOr<uint64_t> CountLedgerEntries(const StoreView& store) {
  // Sequences are dense from 1: a doubling and a bisection find the end without reading the chain.
  const auto present = [&](uint64_t sequence) -> absl::StatusOr<bool> {
    auto row = store.Get(Family::kLedger, LedgerKey(sequence));
    if (!row.ok()) return row.status();
    return row->has_value();
  };
  uint64_t beyond = 1;
  for (;; beyond *= 2) {
    const auto found = present(beyond);
    if (!found.ok()) return found.status();
    if (!*found) break;
  }
  uint64_t last = beyond / 2;  // present, or 0
  while (beyond - last > 1) {
    const uint64_t middle = last + (beyond - last) / 2;
    const auto found = present(middle);
    if (!found.ok()) return found.status();
    (*found ? last : beyond) = middle;
  }
  return last;
}

absl::StatusOr<Ledger> Ledger::Open(const StoreView& store) {
  const auto size = CountLedgerEntries(store);
  if (!size.ok()) return size.status();
  const uint64_t last = *size;
  Ledger ledger;
  ledger.next_ = last + 1;
  if (last == 0) return ledger;
  auto row = LedgerRowAt(store, last);
  if (!row.ok()) return row.status();
  if (!row->has_value()) return absl::DataLossError(absl::StrCat("ledger entry ", last, " is missing"));
  ledger.head_ = std::move((*row)->hash);
  auto edge = LedgerTree(store, last).Edge();
  if (!edge.ok()) return edge.status();
  ledger.edge_ = *std::move(edge);
  return ledger;
}

void Ledger::Put(std::string_view leaf, Batch& batch) {
  batch.Put(Family::kLedger, LedgerKey(next_++), RowOf(leaf, head_));
  edge_.Add(TreeLeafHash(leaf),
            [&](unsigned level, uint64_t index, const std::string& hash) { PutSubtree(level, index, hash, batch); });
}

std::string Ledger::Append(stored::v1::LedgerEntry entry, absl::Time now, Batch& batch) {
  entry.set_sequence(next_);
  entry.set_time_us(absl::ToUnixMicros(now));
  if (entry.done_us() == 0) entry.set_done_us(entry.time_us());
  for (auto& count : *entry.mutable_counts()) count.set_values(LedgerSize(count.category(), count.values()));
  entry.set_rows_damaged(LedgerStep(entry.rows_damaged()));
  std::string leaf = LeafOf(entry);
  head_ = ChainHash(head_, leaf);
  Put(leaf, batch);
  return leaf;
}

absl::Status Ledger::AppendLeaf(std::string_view leaf, std::string_view hash, Batch& batch) {
  const auto entry = ReadLeaf(leaf);
  if (!entry.has_value() || entry->sequence() != next_ || ChainHash(head_, leaf) != hash) {
    return absl::DataLossError(absl::StrCat("what is to be ledger entry ", next_, " does not follow"));
  }
  head_ = std::string(hash);
  Put(leaf, batch);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<LedgerRow>> LedgerRowAt(const StoreView& store, uint64_t sequence) {
  const auto row = store.Get(Family::kLedger, LedgerKey(sequence));
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::nullopt;
  auto read = ReadRow(**row);
  if (!read.has_value() || read->entry.sequence() != sequence) {
    return absl::DataLossError(absl::StrCat("ledger entry ", sequence, " does not parse"));
  }
  return read;
}

absl::Status VerifyLedger(const StoreView& store, const std::function<void(const stored::v1::LedgerEntry&)>& visit) {
  std::string head = LedgerBeginning();
  TreeEdge edge;
  uint64_t sequence = 1;
  auto cursor = store.Scan(Family::kLedger, LedgerKey(0), LedgerTilesBegin());
  for (; cursor->Valid(); cursor->Next(), ++sequence) {
    const auto row = ReadRow(cursor->value());
    if (!row.has_value() || row->entry.sequence() != sequence || cursor->key() != LedgerKey(sequence) ||
        row->hash != ChainHash(head, row->leaf)) {
      return absl::DataLossError(absl::StrCat("the ledger is broken at entry ", sequence));
    }
    head = row->hash;
    absl::Status tile;
    edge.Add(TreeLeafHash(row->leaf), [&](unsigned level, uint64_t index, const std::string& hash) {
      if (!IsTileHash(level)) return;
      const auto stored = store.Get(Family::kLedger, LedgerTileKey(TileLevel(level), index));
      if (!stored.ok()) {
        tile = stored.status();
      } else if (*stored != hash) {
        tile = absl::DataLossError(absl::StrCat("the ledger's tree is broken below entry ", sequence));
      }
    });
    if (!tile.ok()) return tile;
    visit(row->entry);
  }
  return cursor->status();
}

}  // namespace retention
