#include "storage/rocksdb/rocksdb_engine.h"

#include <rocksdb/convenience.h>
#include <rocksdb/listener.h>
#include <rocksdb/transaction_log.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <set>
#include <thread>
#include <unordered_set>
#include <utility>

#include "storage/rocksdb/rocksdb_files.h"
#include "storage/rocksdb/rocksdb_status.h"
#include "storage/rocksdb/rocksdb_tuning.h"

namespace retention {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPollInterval = std::chrono::milliseconds(1);
// After this, files of a dropped range lose their names without waiting for the compaction that holds them.
constexpr auto kDeletionPatience = std::chrono::milliseconds(50);

// Asks `done` until it is true (OK) or the time is up.
template <typename Predicate>
absl::Status Await(Clock::duration wait, const char* what, Predicate done) {
  const Clock::time_point deadline = Clock::now() + wait;
  for (;;) {
    const absl::StatusOr<bool> answer = done();
    if (!answer.ok()) return answer.status();
    if (*answer) return absl::OkStatus();
    if (Clock::now() >= deadline) return absl::UnavailableError(what);
    std::this_thread::sleep_for(kPollInterval);
  }
}

}  // namespace

absl::Status FailureLatch::Get() const {
  const MutexLock lock(mutex_);
  return failure_;
}

void FailureLatch::Set(const absl::Status& failure) {
  const MutexLock lock(mutex_);
  if (failure_.ok()) failure_ = failure;
}

void FailureLatch::Clear() {
  const MutexLock lock(mutex_);
  failure_ = absl::OkStatus();
}

// Learns of failures, and of compacted files that still wait for their deletion.
class RocksEngine::Listener : public rocksdb::EventListener {
 public:
  explicit Listener(std::shared_ptr<FailureLatch> failure) : failure_(std::move(failure)) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override {
    failure_->Set(StatusFromRocksDb(*error));
  }
  // After a full disk RocksDB would recover by itself: in its own time it would flush the families one after the other,
  // and a crash in between would find the failed batch, which is in the log, in some of them alone.
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason reason, rocksdb::Status error, bool* recovers) override {
    *recovers = false;
  }
  void OnCompactionCompleted(rocksdb::DB* db, const rocksdb::CompactionJobInfo& job) override {
    const MutexLock lock(mutex_);
    compacted_.insert(job.input_files.begin(), job.input_files.end());
  }
  void OnTableFileDeleted(const rocksdb::TableFileDeletionInfo& info) override {
    const MutexLock lock(mutex_);
    compacted_.erase(info.file_path);
  }

  // Inputs of finished compactions that are neither deleted nor (moved as they are) among `live`.
  std::vector<std::string> Obsolete(const std::vector<std::string>& live) {
    const MutexLock lock(mutex_);
    for (const std::string& path : live) compacted_.erase(path);
    return {compacted_.begin(), compacted_.end()};
  }

 private:
  const std::shared_ptr<FailureLatch> failure_;
  Mutex mutex_;
  std::unordered_set<std::string> compacted_ ABSL_GUARDED_BY(mutex_);
};

namespace {

// A logged batch begins with its sequence number: 8 bytes, little-endian (fixed by RocksDB's log format).
rocksdb::SequenceNumber FirstSequenceOf(const rocksdb::WriteBatch& batch) {
  uint64_t sequence = 0;
  const std::string& bytes = batch.Data();
  for (int i = 7; i >= 0; --i) sequence = sequence << 8 | static_cast<uint8_t>(bytes[static_cast<size_t>(i)]);
  return sequence;
}

}  // namespace

// Leaves out of recovery what was logged but not acknowledged.
class RocksEngine::UnacknowledgedFilter : public rocksdb::WalFilter {
 public:
  explicit UnacknowledgedFilter(rocksdb::SequenceNumber acknowledged) : acknowledged_(acknowledged) {}
  const char* Name() const override { return "retention.Unacknowledged"; }
  WalProcessingOption LogRecord(const rocksdb::WriteBatch& batch, rocksdb::WriteBatch* new_batch,
                                bool* batch_changed) const override {
    return FirstSequenceOf(batch) > acknowledged_ ? WalProcessingOption::kIgnoreCurrentRecord
                                                  : WalProcessingOption::kContinueProcessing;
  }

 private:
  const rocksdb::SequenceNumber acknowledged_;
};

// Takes in batches in which something is needed, and sees how far the others go.
class RocksEngine::NeededFilter : public rocksdb::WalFilter {
 public:
  NeededFilter(const std::vector<rocksdb::ColumnFamilyDescriptor>& families, RowNeeded needs,
               rocksdb::SequenceNumber& last)
      : needs_(needs), last_(last) {
    for (const auto& family : families) names_.push_back(family.name);
  }
  const char* Name() const override { return "retention.Needed"; }
  void ColumnFamilyLogNumberMap(const std::map<uint32_t, uint64_t>&,
                                const std::map<std::string, uint32_t>& ids) override {
    // RocksDB's own comes first, which holds nothing of ours.
    for (size_t i = 1; i < names_.size(); ++i) {
      if (const auto id = ids.find(names_[i]); id != ids.end()) families_[id->second] = static_cast<Family>(i - 1);
    }
  }
  WalProcessingOption LogRecordFound(unsigned long long, const std::string&, const rocksdb::WriteBatch& batch,
                                     rocksdb::WriteBatch*, bool*) override {
    const auto rows = static_cast<rocksdb::SequenceNumber>(batch.Count());
    if (rows > 0) last_ = std::max(last_, FirstSequenceOf(batch) + rows - 1);
    Rows look(families_, needs_);
    // What cannot be looked through is RocksDB's to judge.
    const bool read = batch.Iterate(&look).ok();
    return !read || look.any() ? WalProcessingOption::kContinueProcessing : WalProcessingOption::kIgnoreCurrentRecord;
  }

 private:
  class Rows : public rocksdb::WriteBatch::Handler {
   public:
    Rows(const std::map<uint32_t, Family>& families, RowNeeded needs) : families_(families), needs_(needs) {}
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
      any_ |= ours != families_.end() && needs_(ours->second, {key.data(), key.size()});
      return rocksdb::Status::OK();
    }

    const std::map<uint32_t, Family>& families_;
    const RowNeeded needs_;
    bool any_ = false;
  };

  std::vector<std::string> names_;
  std::map<uint32_t, Family> families_;
  const RowNeeded needs_;
  rocksdb::SequenceNumber& last_;
};

rocksdb::DBOptions RocksEngine::Prepare(const std::string& directory, const RocksDbOptions& options, LogDamage damage) {
  directory_ = directory;
  wait_ = absl::ToChronoMilliseconds(options.erasure_wait);
  file_system_ = options.file_system ? options.file_system : rocksdb::FileSystem::Default();
  env_ = rocksdb::NewCompositeEnv(file_system_);
  rocksdb::DBOptions database = DatabaseOptions(options);
  if (damage == LogDamage::kEndsThere) {
    // All families up to the same batch, or it does not open: one that has later rows in files already is ahead.
    database.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  }
  database.env = env_.get();
  return database;
}

absl::StatusOr<std::shared_ptr<RocksEngine>> RocksEngine::Look(const std::string& directory,
                                                               const RocksDbOptions& options, RowNeeded needs,
                                                               LogDamage damage) {
  if (LostItsCurrent(directory)) return absl::DataLossError("store: the file CURRENT is missing");
  std::shared_ptr<RocksEngine> engine(new RocksEngine);
  rocksdb::DBOptions database = engine->Prepare(directory, options, damage);
  database.create_if_missing = false;
  database.create_missing_column_families = false;
  if (engine->env_->FileExists(directory + "/CURRENT").IsNotFound()) return std::shared_ptr<RocksEngine>();
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = FamilyDescriptors(options);
  std::vector<std::string> names;
  const rocksdb::Status listed = rocksdb::DB::ListColumnFamilies(database, directory, &names);
  if (!listed.ok()) return StatusFromRocksDb(listed);
  const bool made = std::all_of(families.begin(), families.end(), [&](const rocksdb::ColumnFamilyDescriptor& family) {
    return std::find(names.begin(), names.end(), family.name) != names.end();
  });
  if (!made) return std::shared_ptr<RocksEngine>();
  engine->filter_ = std::make_unique<NeededFilter>(families, needs, engine->last_logged_);
  database.wal_filter = engine->filter_.get();
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::OpenForReadOnly(database, directory, families, &engine->families_, &db);
  if (!opened.ok()) return StatusFromRocksDb(opened);
  engine->db_.reset(db);
  return engine;
}

absl::StatusOr<std::shared_ptr<RocksEngine>> RocksEngine::Open(const std::string& directory,
                                                               const RocksDbOptions& options,
                                                               std::optional<rocksdb::SequenceNumber> acknowledged,
                                                               std::shared_ptr<FailureLatch> failure,
                                                               LogDamage damage) {
  std::shared_ptr<RocksEngine> engine(new RocksEngine);
  rocksdb::DBOptions database = engine->Prepare(directory, options, damage);
  engine->listener_ = std::make_shared<Listener>(std::move(failure));
  if (acknowledged) engine->filter_ = std::make_unique<UnacknowledgedFilter>(*acknowledged);
  database.listeners.push_back(engine->listener_);
  database.wal_filter = engine->filter_.get();
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::Open(database, directory, FamilyDescriptors(options), &engine->families_, &db);
  if (!opened.ok()) return StatusFromRocksDb(opened);
  engine->db_.reset(db);
  return engine;
}

RocksEngine::~RocksEngine() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* handle : families_) db_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  db_->Close().PermitUncheckedError();  // every acknowledged batch is in the log
}

std::vector<RangeFile> RocksEngine::FilesTouching(const KeyRange& range) const {
  rocksdb::ColumnFamilyMetaData metadata;
  db_->GetColumnFamilyMetaData(family(range.family), &metadata);
  std::vector<RangeFile> files;
  for (const rocksdb::LevelMetaData& level : metadata.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      const bool ends_before = file.largestkey < range.begin;
      const bool begins_after = !range.end.empty() && file.smallestkey >= range.end;
      if (ends_before || begins_after) continue;
      files.push_back({.path = directory_ + "/" + file.relative_filename,
                       .level = level.level,
                       .inside = file.smallestkey >= range.begin && (range.end.empty() || file.largestkey < range.end),
                       .being_compacted = file.being_compacted});
    }
  }
  return files;
}

absl::StatusOr<bool> RocksEngine::HasRows(const KeyRange& range) const {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  const rocksdb::Slice end = SliceOf(range.end);
  if (!range.end.empty()) options.iterate_upper_bound = &end;
  const std::unique_ptr<rocksdb::Iterator> rows(db_->NewIterator(options, family(range.family)));
  rows->Seek(SliceOf(range.begin));
  if (!rows->status().ok()) return StatusFromRocksDb(rows->status());
  return rows->Valid();
}

absl::StatusOr<bool> RocksEngine::LogReachesBackTo(rocksdb::SequenceNumber sequence) const {
  rocksdb::VectorLogPtr logs;  // of the directory, obsolete ones included, empty ones left out
  const rocksdb::Status listed = db_->GetSortedWalFiles(logs);
  if (!listed.ok()) return StatusFromRocksDb(listed);
  return std::any_of(logs.begin(), logs.end(), [&](const auto& log) { return log->StartSequence() <= sequence; });
}

rocksdb::SequenceNumber RocksEngine::LastSequence() const {
  return std::max(db_->GetLatestSequenceNumber(), last_logged_);
}

uint64_t RocksEngine::LogNumber() const {
  std::unique_ptr<rocksdb::LogFile> log;
  return db_->GetCurrentWalFile(&log).ok() && log != nullptr ? log->LogNumber() : 0;
}

absl::Status RocksEngine::FlushAll() const {
  const rocksdb::SequenceNumber before = db_->GetLatestSequenceNumber();
  // With all memtables empty a flush does nothing, yet after a crash at the end of a flush a log may still be there
  // whose rows are all in files. A row in the default family, which means nothing, makes sure that this log is left
  // behind too.
  const rocksdb::Status marked = db_->Put(rocksdb::WriteOptions(), db_->DefaultColumnFamily(), "flush", "");
  if (!marked.ok()) return StatusFromRocksDb(marked);
  rocksdb::FlushOptions options;
  options.allow_write_stall = true;  // erasure has a deadline, ingest has back-pressure
  const rocksdb::Status flushed = db_->Flush(options, families_);
  if (!flushed.ok()) return StatusFromRocksDb(flushed);
  return Await(wait_, "store: an obsolete log is not deleted yet", [&]() -> absl::StatusOr<bool> {
    const absl::StatusOr<bool> reaches = LogReachesBackTo(before);
    if (!reaches.ok()) return reaches.status();
    return !*reaches;
  });
}

absl::Status RocksEngine::Compact(const KeyRange& range, bool force) const {
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.allow_write_stall = true;
  options.bottommost_level_compaction = force ? rocksdb::BottommostLevelCompaction::kForceOptimized
                                              : rocksdb::BottommostLevelCompaction::kIfHaveCompactionFilter;
  const rocksdb::Slice begin = SliceOf(range.begin);
  const rocksdb::Slice end = SliceOf(range.end);
  return StatusFromRocksDb(
      db_->CompactRange(options, family(range.family), &begin, range.end.empty() ? nullptr : &end));
}

absl::Status RocksEngine::DropFiles(const KeyRange& range) const {
  const rocksdb::Slice begin = SliceOf(range.begin);
  const rocksdb::Slice end = SliceOf(range.end);
  const rocksdb::RangePtr whole(&begin, range.end.empty() ? nullptr : &end);
  return StatusFromRocksDb(
      rocksdb::DeleteFilesInRanges(db_.get(), family(range.family), &whole, 1, /*include_end=*/false));
}

absl::Status RocksEngine::AwaitReaders(rocksdb::SequenceNumber sequence) const {
  return Await(wait_, "store: a reader holds back the erasure", [&]() -> absl::StatusOr<bool> {
    uint64_t snapshots = 0;
    uint64_t oldest = 0;
    db_->GetIntProperty(rocksdb::DB::Properties::kNumSnapshots, &snapshots);
    if (snapshots == 0) return true;
    db_->GetIntProperty(rocksdb::DB::Properties::kOldestSnapshotSequence, &oldest);
    return oldest > sequence;
  });
}

std::vector<std::string> RocksEngine::LivePaths() const {
  std::vector<rocksdb::LiveFileMetaData> files;
  db_->GetLiveFilesMetaData(&files);
  std::vector<std::string> paths;
  paths.reserve(files.size());
  for (const auto& file : files) paths.push_back(directory_ + "/" + file.relative_filename);
  return paths;
}

absl::Status RocksEngine::AwaitDeletion(const std::vector<RangeFile>& files) const {
  const std::vector<std::string> live = LivePaths();
  const std::unordered_set<std::string> live_set(live.begin(), live.end());
  std::set<std::string> waiting;  // what is left, and whether we may remove it ourselves
  std::set<std::string> removable;
  for (const std::string& path : listener_->Obsolete(live)) waiting.insert(path);
  for (const RangeFile& file : files) {
    if (live_set.contains(file.path)) continue;
    waiting.insert(file.path);
    if (file.inside) removable.insert(file.path);
  }
  const rocksdb::IOOptions io;
  const Clock::time_point patience = Clock::now() + kDeletionPatience;
  absl::Status gone =
      Await(wait_, "store: a reader or a compaction holds obsolete files", [&]() -> absl::StatusOr<bool> {
        for (auto path = waiting.begin(); path != waiting.end();) {
          const rocksdb::IOStatus exists = file_system_->FileExists(*path, io, nullptr);
          if (exists.ok() && removable.contains(*path) && Clock::now() >= patience) {
            const rocksdb::IOStatus removed = file_system_->DeleteFile(*path, io, nullptr);
            if (!removed.ok() && !removed.IsNotFound() && !removed.IsPathNotFound()) return StatusFromRocksDb(removed);
          } else if (!exists.ok() && !exists.IsNotFound()) {
            return StatusFromRocksDb(exists);
          }
          path = exists.ok() ? std::next(path) : waiting.erase(path);
        }
        return waiting.empty();
      });
  if (!gone.ok()) return gone;
  // So that no power loss brings a name back.
  std::unique_ptr<rocksdb::FSDirectory> directory;
  rocksdb::IOStatus synced = file_system_->NewDirectory(directory_, io, &directory, nullptr);
  if (synced.ok()) synced = directory->Fsync(io, nullptr);
  return StatusFromRocksDb(synced);
}

}  // namespace retention
