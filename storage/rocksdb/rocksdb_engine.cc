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

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/rocksdb/checked_rows.h"
#include "storage/rocksdb/rocksdb_files.h"
#include "storage/rocksdb/rocksdb_status.h"
#include "storage/rocksdb/rocksdb_tuning.h"
#include "storage/rocksdb/steady_disk.h"

namespace retention {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPollInterval = std::chrono::milliseconds(1);
// After this, files of a dropped range lose their names without waiting for the compaction that holds them.
constexpr auto kDeletionPatience = std::chrono::milliseconds(50);

// No key between it and `end` is in use; empty if `end` is.
std::string LastBefore(std::string end) {
  constexpr size_t kKeyBytesMax = 64;
  if (end.empty()) return end;
  if (end.back() == '\0') {
    end.pop_back();
    return end;
  }
  --end.back();
  end.append(kKeyBytesMax, '\xFF');
  return end;
}

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
  Listener(std::shared_ptr<FailureLatch> failure, std::shared_ptr<DamagedFiles> damaged)
      : failure_(std::move(failure)), damaged_(std::move(damaged)) {}

  // A compaction that fails endangers nothing that was acknowledged: it is given up, and tried again, until a damaged
  // file is taken out, or what cannot be read can be. Without room nothing else would be written either.
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override {
    if (reason == rocksdb::BackgroundErrorReason::kCompaction && !error->IsNoSpace()) {
      if (IsDamage(*error)) damaged_->Note(TextOf(*error));
      *error = rocksdb::Status::OK();
      return;
    }
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
  const std::shared_ptr<DamagedFiles> damaged_;
  Mutex mutex_;
  std::unordered_set<std::string> compacted_ ABSL_GUARDED_BY(mutex_);
};

rocksdb::DBOptions RocksEngine::Prepare(const std::string& directory, const RocksDbOptions& options, LogDamage damage) {
  directory_ = directory;
  wait_ = absl::ToChronoMilliseconds(options.erasure_wait);
  file_system_ = std::make_shared<KeptListDisk>(
      SteadyTables(options.file_system ? options.file_system : rocksdb::FileSystem::Default()));
  env_ = rocksdb::NewCompositeEnv(file_system_);
  rocksdb::DBOptions database = DatabaseOptions(options);
  if (damage == LogDamage::kEndsThere) {
    // All families up to the same batch, or it does not open: one that has later rows in files already is ahead.
    database.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  }
  database.env = env_.get();
  return database;
}

absl::StatusOr<std::shared_ptr<RocksEngine>> RocksEngine::Open(const std::string& directory,
                                                               const RocksDbOptions& options,
                                                               std::optional<rocksdb::SequenceNumber> acknowledged,
                                                               std::shared_ptr<FailureLatch> failure,
                                                               LogDamage log_damage, TableDamage table_damage) {
  std::shared_ptr<RocksEngine> engine(new RocksEngine);
  rocksdb::DBOptions database = engine->Prepare(directory, options, log_damage);
  engine->listener_ = std::make_shared<Listener>(std::move(failure), engine->damaged_);
  if (acknowledged) engine->filter_ = std::make_unique<UnacknowledgedFilter>(*acknowledged);
  if (table_damage == TableDamage::kPassed) {
    // Then a damaged log is passed over as well, unseen: so it is looked at before anything is written.
    database.paranoid_checks = false;
    if (absl::Status whole = CheckLogs(database, directory, options); !whole.ok()) return whole;
  }
  engine->file_system_->Tidy(directory);
  database.info_log = SteadyLog(directory);
  database.listeners.push_back(engine->listener_);
  database.wal_filter = engine->filter_.get();
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::Open(database, directory, FamilyDescriptors(options), &engine->families_, &db);
  if (!opened.ok()) return StatusFromRocksDb(opened);
  engine->db_.reset(db);
  if (absl::Status loaded = engine->LoadLost(); !loaded.ok()) return loaded;
  return engine;
}

absl::Status RocksEngine::LoadLost() {
  CheckedRows rows(*db_, lost_family(), rocksdb::ReadOptions());
  const MutexLock lock(lost_mutex_);
  for (rows.Seek(""); rows.Valid(); rows.Next()) {
    rocksdb::Slice key = rows.key();
    if (key.empty() || static_cast<uint8_t>(key[0]) >= kFamilies) return absl::DataLossError("store: a malformed row");
    std::shared_ptr<const LostSpans>& held = lost_[static_cast<uint8_t>(key[0])];
    key.remove_prefix(1);
    held = std::make_shared<LostSpans>(
        With(held == nullptr ? LostSpans() : *held, {key.ToString(), rows.value().ToString()}));
  }
  return StatusFromRocksDb(rows.status());
}

std::shared_ptr<const LostSpans> RocksEngine::Lost(Family family) const {
  const MutexLock lock(lost_mutex_);
  return lost_[static_cast<size_t>(family)];
}

std::vector<LostRows> RocksEngine::AllLost() const {
  std::vector<LostRows> all;
  for (size_t family = 0; family < kFamilies; ++family) {
    const std::shared_ptr<const LostSpans> spans = Lost(static_cast<Family>(family));
    if (spans == nullptr) continue;
    for (const KeySpan& span : *spans) all.push_back({static_cast<Family>(family), span});
  }
  return all;
}

absl::Status RocksEngine::WriteLost(Family family, const LostSpans& spans, rocksdb::WriteBatch& rows) const {
  const std::string prefix(1, static_cast<char>(family));
  rocksdb::Status written;
  if (const std::shared_ptr<const LostSpans> held = Lost(family); held != nullptr) {
    for (const KeySpan& span : *held) {
      if (written.ok()) written = rows.Delete(lost_family(), prefix + span.begin);
    }
  }
  for (const KeySpan& span : spans) {
    if (written.ok()) written = rows.Put(lost_family(), prefix + span.begin, SliceOf(span.end));
  }
  return StatusFromRocksDb(written);
}

void RocksEngine::SetLost(Family family, LostSpans spans) const {
  const MutexLock lock(lost_mutex_);
  lost_[static_cast<size_t>(family)] = spans.empty() ? nullptr : std::make_shared<const LostSpans>(std::move(spans));
}

absl::Status RocksEngine::Noted(const rocksdb::Status& read) const {
  if (!IsDamage(read)) return StatusFromRocksDb(read);
  std::string text = TextOf(read);
  damaged_->Note(text);
  // Of a table that does not open RocksDB does not say which it is. Looked for once, until it is taken out.
  if (!absl::StrContains(text, directory_)) {
    if (damaged_->numbers().empty()) NoteDamagedTables();
    for (const uint64_t number : damaged_->numbers()) {
      absl::StrAppend(&text, "; ", PathOf(absl::StrCat(absl::Dec(number, absl::kZeroPad6), ".sst")));
    }
  }
  return absl::DataLossError(absl::StrCat("store: ", text));
}

RocksEngine::~RocksEngine() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* handle : families_) db_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  db_->Close().PermitUncheckedError();  // every acknowledged batch is in the log
}

uint64_t RocksEngine::LiveBytes() const {
  uint64_t total = 0;
  for (size_t index = 0; index < kFamilies; ++index) {
    for (const std::string& property :
         {rocksdb::DB::Properties::kLiveSstFilesSize, rocksdb::DB::Properties::kCurSizeAllMemTables}) {
      uint64_t bytes = 0;
      if (db_->GetIntProperty(family(static_cast<Family>(index)), property, &bytes)) total += bytes;
    }
  }
  return total;
}

absl::StatusOr<bool> RocksEngine::HasRows(const KeyRange& range) const {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  const rocksdb::Slice end = SliceOf(range.end);
  if (!range.end.empty()) options.iterate_upper_bound = &end;
  CheckedRows rows(*db_, family(range.family), options);
  rows.Seek(SliceOf(range.begin));
  if (!rows.status().ok()) return Noted(rows.status());
  return rows.Valid();
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

absl::Status RocksEngine::Compact(const KeyRange& range, bool force, std::atomic<bool>& abandoned) const {
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.canceled = &abandoned;
  options.allow_write_stall = true;
  options.bottommost_level_compaction = force ? rocksdb::BottommostLevelCompaction::kForceOptimized
                                              : rocksdb::BottommostLevelCompaction::kIfHaveCompactionFilter;
  const rocksdb::Slice begin = SliceOf(range.begin);
  const std::string last = LastBefore(range.end);  // RocksDB's end belongs to the range
  const rocksdb::Slice end = SliceOf(last);
  const rocksdb::Status compacted =
      db_->CompactRange(options, family(range.family), &begin, range.end.empty() ? nullptr : &end);
  if (compacted.IsManualCompactionPaused()) return absl::CancelledError("store: a rewriting of files was abandoned");
  return StatusFromRocksDb(compacted);
}

absl::Status RocksEngine::DropFiles(rocksdb::ColumnFamilyHandle* family, const KeySpan& keys) const {
  const rocksdb::Slice begin = SliceOf(keys.begin);
  const rocksdb::Slice end = SliceOf(keys.end);
  const rocksdb::RangePtr whole(&begin, keys.end.empty() ? nullptr : &end);
  return StatusFromRocksDb(rocksdb::DeleteFilesInRanges(db_.get(), family, &whole, 1, /*include_end=*/false));
}

absl::Status RocksEngine::CompactByItself(rocksdb::ColumnFamilyHandle* family, bool does) const {
  return StatusFromRocksDb(db_->SetOptions(family, {{"disable_auto_compactions", does ? "false" : "true"}}));
}

absl::Status RocksEngine::AwaitCompactions(rocksdb::ColumnFamilyHandle* family, const KeySpan& keys) const {
  return Await(wait_, "store: a compaction runs", [&]() -> absl::StatusOr<bool> { return !CompactsAt(family, keys); });
}

absl::Status RocksEngine::DropOldest(rocksdb::ColumnFamilyHandle* family) const {
  rocksdb::ColumnFamilyMetaData metadata;
  db_->GetColumnFamilyMetaData(family, &metadata);
  // Level 0 is listed from the newest to the oldest.
  if (metadata.levels.front().files.empty()) return absl::NotFoundError("store: level 0 is empty");
  return StatusFromRocksDb(db_->DeleteFile(metadata.levels.front().files.back().relative_filename));
}

absl::StatusOr<std::vector<std::string>> RocksEngine::PutBackFiles(bool is_writable) const {
  std::vector<std::string> put_back;
  const absl::StatusOr<std::string> list = file_system_->PutBack();
  if (!list.ok()) return list.status();
  if (!list->empty()) put_back.push_back(*list);
  const absl::StatusOr<bool> current = PutBackCurrent(directory_);
  if (!current.ok()) return current.status();
  if (*current) put_back.push_back(PathOf("CURRENT"));
  if (!is_writable) return put_back;
  std::vector<std::string> files;  // each begins with a slash
  uint64_t list_bytes = 0;
  const rocksdb::Status listed = db().GetLiveFiles(files, &list_bytes, /*flush_memtable=*/false);
  if (!listed.ok()) return StatusFromRocksDb(listed);
  for (const std::string& file : files) {
    const std::string path = directory_ + file;
    if (file.find("OPTIONS") == std::string::npos || !env_->FileExists(path).IsNotFound()) continue;
    // It is written with each change of them. A removed one comes under another name; so does one whose name a failed
    // sync left behind.
    const rocksdb::Status written = db().SetOptions({{"max_sequential_skip_in_iterations", "8"}});  // as it is
    if (!written.ok()) return StatusFromRocksDb(written);
    put_back.push_back(path);
  }
  return put_back;
}

rocksdb::Options RocksEngine::TableOptions() const {
  rocksdb::Options options;
  options.env = env_.get();
  return options;
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
