#include "storage/rocksdb/wal_filters.h"

#include <algorithm>
#include <string>

namespace retention {
namespace {

// A logged batch begins with its sequence number, 8 bytes, and the number of its rows, 4 bytes, little-endian (fixed by
// RocksDB's log format).
uint64_t NumberAt(const std::string& bytes, size_t begin, size_t size) {
  uint64_t number = 0;
  for (size_t i = size; i-- > 0;) number = number << 8 | static_cast<uint8_t>(bytes[begin + i]);
  return number;
}

uint64_t SequenceOf(const rocksdb::WriteBatch& batch) { return NumberAt(batch.Data(), 0, 8); }

// Whether a batch has a row that is needed.
class NeededRows : public rocksdb::WriteBatch::Handler {
 public:
  NeededRows(const std::map<uint32_t, Family>& families, std::optional<uint32_t> of_losses, RowNeeded needs)
      : families_(families), of_losses_(of_losses), needs_(needs) {}
  bool any() const { return any_; }
  rocksdb::Status PutCF(uint32_t family, const rocksdb::Slice& key, const rocksdb::Slice&) override {
    return Look(family, key);
  }
  rocksdb::Status DeleteCF(uint32_t family, const rocksdb::Slice& key) override { return Look(family, key); }
  rocksdb::Status DeleteRangeCF(uint32_t, const rocksdb::Slice&, const rocksdb::Slice&) override {
    return rocksdb::Status::OK();
  }
  bool Continue() override { return !any_; }

 private:
  rocksdb::Status Look(uint32_t family, const rocksdb::Slice& key) {
    const auto ours = families_.find(family);
    any_ |= family == of_losses_ || (ours != families_.end() && needs_(ours->second, {key.data(), key.size()}));
    return rocksdb::Status::OK();
  }

  const std::map<uint32_t, Family>& families_;
  const std::optional<uint32_t> of_losses_;
  const RowNeeded needs_;
  bool any_ = false;
};

}  // namespace

rocksdb::WalFilter::WalProcessingOption GapFinder::LogRecordFound(unsigned long long, const std::string& log,
                                                                  const rocksdb::WriteBatch& batch,
                                                                  rocksdb::WriteBatch*, bool*) {
  if (next_ != 0 && SequenceOf(batch) > next_ && gap_log_.empty()) gap_log_ = log;
  next_ = SequenceOf(batch) + NumberAt(batch.Data(), 8, 4);
  return WalProcessingOption::kIgnoreCurrentRecord;
}

rocksdb::WalFilter::WalProcessingOption UnacknowledgedFilter::LogRecord(const rocksdb::WriteBatch& batch,
                                                                        rocksdb::WriteBatch* new_batch,
                                                                        bool* batch_changed) const {
  return SequenceOf(batch) > acknowledged_ ? WalProcessingOption::kIgnoreCurrentRecord
                                           : WalProcessingOption::kContinueProcessing;
}

void NeededFilter::ColumnFamilyLogNumberMap(const std::map<uint32_t, uint64_t>&,
                                            const std::map<std::string, uint32_t>& ids) {
  for (size_t i = 1; i <= kFamilies; ++i) {
    if (const auto id = ids.find(names_[i]); id != ids.end()) families_[id->second] = static_cast<Family>(i - 1);
  }
  if (const auto id = ids.find(names_.back()); id != ids.end()) of_losses_ = id->second;
}

rocksdb::WalFilter::WalProcessingOption NeededFilter::LogRecordFound(unsigned long long, const std::string& log,
                                                                     const rocksdb::WriteBatch& batch,
                                                                     rocksdb::WriteBatch*, bool*) {
  last_log_ = log;
  const auto rows = static_cast<rocksdb::SequenceNumber>(batch.Count());
  if (rows > 0) last_ = std::max(last_, SequenceOf(batch) + rows - 1);
  NeededRows look(families_, of_losses_, needs_);
  // What cannot be looked through is RocksDB's to judge.
  const bool read = batch.Iterate(&look).ok();
  return !read || look.any() ? WalProcessingOption::kContinueProcessing : WalProcessingOption::kIgnoreCurrentRecord;
}

}  // namespace retention
