// How a change happens: first all of it in the store, then in memory.
#include <utility>

#include "server/rows/change.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

}  // namespace

absl::Status Change::SealRows() {
  for (const Unsealed& row : unsealed_) {
    // What is held outlives its PBX.
    const PbxKeyUse use =
        row.key.day == DueDay::Kept() ? PbxKeyUse::kNotNeeded : holdings_.policy().pbx_key(row.key.category);
    auto envelope = holdings_.vault.Seal(row.key, use, row.plaintext, row.values);
    if (!envelope.ok()) return envelope.status();
    batch_.Fill(row.position, *std::move(envelope));
  }
  for (const auto& [position, plaintext] : unsealed_state_) {
    auto envelope = holdings_.vault.SealState(batch_.changes()[position].key, plaintext);
    if (!envelope.ok()) return envelope.status();
    batch_.Fill(position, *std::move(envelope));
  }
  return absl::OkStatus();
}

absl::Status Change::PutOrders(OrderNumbers::Counter& counter) {
  for (const Personal& order : orders_) {
    const std::string key = OrderKey(++counter.last_issued);
    auto envelope = holdings_.vault.SealState(key, order);
    if (!envelope.ok()) return envelope.status();
    batch_.Put(Family::kState, key, *std::move(envelope));
  }
  if (orders_.empty() && orders_forgotten_ == 0) return absl::OkStatus();
  counter.unconfirmed += orders_.size() - orders_forgotten_;
  OrderNumbers::Put(counter, batch_);
  return absl::OkStatus();
}

void Change::EnterCounts(LedgerEntry::Kind kind, const ByReason& by_reason) {
  for (const auto& [reason, counts] : by_reason) {
    if (counts == CategoryCounts{}) continue;  // all of it was kept
    LedgerEntry entry;
    entry.set_kind(kind);
    entry.set_reason(reason);
    SetCounts(counts, entry);
    entries_.push_back(std::move(entry));
  }
}

absl::Status Change::Commit(Store& store) {
  EnterCounts(LedgerEntry::KIND_PURGED, erased_);
  EnterCounts(LedgerEntry::KIND_HELD, kept_);
  Ledger ledger = holdings_.ledger;
  for (LedgerEntry& entry : entries_) {
    if (entry.policy_version() == 0) entry.set_policy_version(holdings_.policy().version());
    ledger.Append(std::move(entry), now_, batch_);
  }
  if (absl::Status s = SealRows(); !s.ok()) return s;
  OrderNumbers::Counter counter = holdings_.orders.counter();
  if (absl::Status s = PutOrders(counter); !s.ok()) return s;
  const BucketCounts::Days counts = holdings_.counts.After(count_changes_);
  BucketCounts::Put(counts, batch_);
  PurgeMarks::Marks marks;
  if (!mark_changes_.empty()) {
    marks = holdings_.marks.After(mark_changes_, now_);
    PurgeMarks::Put(marks, mark_changes_, batch_);
  }
  if (!batch_.empty()) {
    if (absl::Status s = store.Commit(batch_); !s.ok()) return s;
  }
  undos_.clear();
  holdings_.ledger = std::move(ledger);
  holdings_.orders.Set(counter);
  holdings_.counts.Set(counts);
  if (!mark_changes_.empty()) holdings_.marks.Set(std::move(marks));
  Report();
  absl::Status first;
  for (const auto& effect : effects_) {
    if (absl::Status s = effect(); first.ok()) first = std::move(s);
  }
  return first;
}

void Change::Report() const {
  if (!orders_.empty() && holdings_.on_orders) holdings_.on_orders();
  if (!holdings_.on_erased) return;
  for (const auto& [reason, counts] : erased_) {
    ForEachCount(counts, [&, of = std::string_view(reason)](v1::DataCategory category, uint64_t values) {
      holdings_.on_erased(static_cast<CategoryNumber>(category), of, values);
    });
  }
}

void SetCounts(const CategoryCounts& counts, LedgerEntry& entry) {
  ForEachCount(counts, [&](v1::DataCategory category, uint64_t values) {
    stored::v1::CategoryCount& count = *entry.add_counts();
    count.set_category(category);
    count.set_values(values);
  });
}

}  // namespace retention
