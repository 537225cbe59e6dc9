// The ledger with exact sizes, which it does not keep: as its entries were told to the engines of this process.
#ifndef RETENTION_TESTS_ENGINE_EXACT_LEDGER_H_
#define RETENTION_TESTS_ENGINE_EXACT_LEDGER_H_

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "server/ledger/ledger.h"
#include "storage/mutex.h"

namespace retention {

// Thread-safe. An entry that was never committed is overwritten by the one that takes its place.
class ExactEntries {
 public:
  static ExactEntries& All() {
    static ExactEntries& all = *new ExactEntries;
    return all;
  }
  void Note(const stored::v1::LedgerEntry& exact, std::string_view leaf) {
    const MutexLock lock(mutex_);
    counts_[std::string(leaf)] = exact;
  }
  // `entry` with the counts that it was made of.
  stored::v1::LedgerEntry Of(const stored::v1::LedgerEntry& entry) {
    const MutexLock lock(mutex_);
    const auto found = counts_.find(LeafOf(entry));
    stored::v1::LedgerEntry exact = entry;
    if (found != counts_.end()) *exact.mutable_counts() = found->second.counts();
    EXPECT_TRUE(found != counts_.end() || entry.counts().empty()) << "an entry of another process";
    return exact;
  }

 private:
  Mutex mutex_;
  std::map<std::string, stored::v1::LedgerEntry> counts_ ABSL_GUARDED_BY(mutex_);
};

// VerifyLedger, which visits entries with the counts that they were made of.
inline absl::Status VerifyExactLedger(const StoreView& store,
                                      const std::function<void(const stored::v1::LedgerEntry&)>& visit) {
  return VerifyLedger(store, [&](const stored::v1::LedgerEntry& entry) { visit(ExactEntries::All().Of(entry)); });
}

}  // namespace retention

#endif  // RETENTION_TESTS_ENGINE_EXACT_LEDGER_H_
