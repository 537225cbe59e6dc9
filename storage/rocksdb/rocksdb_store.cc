#include "storage/rocksdb/rocksdb_store.h"

#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "storage/directory_lock.h"
#include "storage/keys.h"
#include "storage/mutex.h"
#include "storage/rocksdb/batch_rows.h"
#include "storage/rocksdb/disk_room.h"
#include "storage/rocksdb/rocksdb_engine.h"
#include "storage/rocksdb/rocksdb_files.h"
#include "storage/rocksdb/rocksdb_status.h"
#include "storage/rocksdb/rocksdb_tuning.h"
#include "storage/rocksdb/rocksdb_view.h"
#include "storage/rocksdb/table_mender.h"
#include "storage/rocksdb/write_record.h"

namespace retention {
namespace {

using Clock = std::chrono::steady_clock;

// RocksDB names one damaged file, or a few, at each opening.
constexpr int kMendingsPerStart = 1000;
constexpr auto kErasePause = std::chrono::milliseconds(5);

class RocksDbStore : public FileStore {
 public:
  RocksDbStore(std::string directory, RocksDbOptions options, int lock_fd)
      : directory_(std::move(directory)), options_(std::move(options)), lock_fd_(lock_fd) {}
  ~RocksDbStore() override {
    engine_.reset();
    ::close(lock_fd_);
  }

  // To be called once, before anything else.
  absl::Status Start() {
    if (absl::Status room = MakeRoom(directory_, options_, /*probes=*/false); !room.ok()) return room;
    found_.log = LastLogIn(directory_);
    absl::StatusOr<std::shared_ptr<RocksEngine>> engine =
        RocksEngine::Open(directory_, options_, std::nullopt, failure_);
    if (absl::IsDataLoss(engine.status()) && options_.on_damaged_log) {
      const absl::Status damage = engine.status();
      engine = RocksEngine::Open(directory_, options_, std::nullopt, failure_, LogDamage::kEndsThere);
      if (engine.ok()) options_.on_damaged_log(damage);
    }
    for (int files = 0; files < kMendingsPerStart && absl::IsDataLoss(engine.status()); ++files) {
      // First without writing: what is refused must still find an intact copy that is put back.
      const auto look = RocksEngine::Look(
          directory_, options_, [](Family, std::string_view) { return false; }, LogDamage::kRefused);
      if (!look.ok()) return look.status();
      if (*look == nullptr || (*look)->damaged().numbers().empty()) return engine.status();
      if (absl::Status judged = JudgeTables(**look, options_); !judged.ok()) return judged;
      // It is taken out of a database that was opened for that alone.
      absl::StatusOr<std::shared_ptr<RocksEngine>> partly =
          RocksEngine::Open(directory_, options_, std::nullopt, failure_, LogDamage::kRefused, TableDamage::kPassed);
      if (!partly.ok()) return partly.status();
      for (const uint64_t number : (*look)->damaged().numbers()) (*partly)->damaged().Note(number);
      if (absl::Status mended = MendAll(**partly); !mended.ok()) return mended;
      partly->reset();
      engine = RocksEngine::Open(directory_, options_, std::nullopt, failure_);
    }
    if (!engine.ok()) return engine.status();
    const MutexLock write_lock(write_mutex_);
    found_.sequence = (*engine)->db().GetLatestSequenceNumber();
    writes_ = WriteRecord(found_.sequence);
    const MutexLock lock(engine_mutex_);
    engine_ = *std::move(engine);
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const override {
    const std::shared_ptr<RocksEngine> engine = Engine();
    if (engine == nullptr) return Closed();
    return GetRow(*engine, nullptr, family, key);
  }

  std::unique_ptr<StoreView> Snapshot() const override {
    std::shared_ptr<RocksEngine> engine = Engine();
    if (engine == nullptr) return FailedView(Closed());
    return MakeSnapshot(std::move(engine));
  }

  absl::Status Commit(const Batch& batch) override;
  absl::Status SettleDay(DueDay day) override;
  size_t FilesOf(DueDay day) const override {
    const std::shared_ptr<RocksEngine> engine = Engine();
    const std::string prefix = FiledPrefix(day);
    return engine == nullptr ? 0 : engine->FilesTouching({Family::kFiled, prefix, PrefixEnd(prefix)}).size();
  }
  absl::Status DropDaysThrough(DueDay last) override;
  absl::Status DropRange(Family family, std::string_view begin, std::string_view end) override;
  absl::Status Scrub(const std::vector<FamilySpan>& spans) override;
  absl::Status Resume() override;
  absl::Status Health() const override { return failure_->Get(); }
  size_t DamagedFiles() const override;
  absl::Status Mend() override;
  std::vector<LostRows> Lost() const override;
  absl::Status Checkpoint(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> PutBackFiles() override;
  void AbandonRewriting() override { abandoned_ = true; }
  StoreProgress Acknowledged() const override;
  StoreProgress Found() const override { return found_; }
  uint64_t LiveBytes() const override {
    const std::shared_ptr<RocksEngine> engine = Engine();
    return engine == nullptr ? 0 : engine->LiveBytes();
  }

 private:
  std::unique_ptr<RowCursor> Walk(Family family, KeySpan span, AtLoss at_loss) const override {
    std::shared_ptr<RocksEngine> engine = Engine();
    if (engine == nullptr) return FailedScan(Closed());
    return ScanRows(std::move(engine), nullptr, family, std::move(span), at_loss);
  }
  std::shared_ptr<RocksEngine> Engine() const {
    const MutexLock lock(engine_mutex_);
    return engine_;
  }
  absl::Status Closed() const {
    const absl::Status failure = failure_->Get();
    return failure.ok() ? absl::UnavailableError("store: closed") : failure;
  }
  // The engine, if it may be changed.
  absl::StatusOr<std::shared_ptr<RocksEngine>> WritableEngine() const {
    if (absl::Status failure = failure_->Get(); !failure.ok()) return failure;
    std::shared_ptr<RocksEngine> engine = Engine();
    if (engine == nullptr) return Closed();
    return engine;
  }
  absl::Status Write(const RocksEngine& engine, const Batch& batch);
  // `lost`: what is lost from then on.
  absl::Status WriteRows(const RocksEngine& engine, const Batch& batch, rocksdb::WriteBatch& rows,
                         const std::optional<LostRows>& lost) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status MendAll(const RocksEngine& engine);
  // Removes all rows of `range`, last written at `written`, with their bytes.
  absl::Status Erase(const RocksEngine& engine, const KeyRange& range, uint64_t written);
  const std::string directory_;
  const RocksDbOptions options_;
  const int lock_fd_;
  StoreProgress found_;  // by Start
  const std::shared_ptr<FailureLatch> failure_ = std::make_shared<FailureLatch>();
  mutable Mutex engine_mutex_;
  std::atomic<bool> abandoned_ = false;
  // Null after a Resume that could not reopen.
  std::shared_ptr<RocksEngine> engine_ ABSL_GUARDED_BY(engine_mutex_);
  mutable Mutex write_mutex_ ABSL_ACQUIRED_BEFORE(engine_mutex_);
  WriteRecord writes_ ABSL_GUARDED_BY(write_mutex_);
  // Held by all that waits for the deletion of files.
  Mutex maintenance_mutex_ ABSL_ACQUIRED_BEFORE(write_mutex_);
};

absl::Status RocksDbStore::Commit(const Batch& batch) {
  const absl::StatusOr<std::shared_ptr<RocksEngine>> engine = WritableEngine();
  if (!engine.ok()) return engine.status();
  return Write(**engine, batch);
}

absl::Status RocksDbStore::Write(const RocksEngine& engine, const Batch& batch) {
  absl::StatusOr<rocksdb::WriteBatch> rows = RowsOf(engine, batch);
  if (!rows.ok()) return rows.status();
  if (rows->Count() == 0) return absl::OkStatus();
  const MutexLock lock(write_mutex_);
  return WriteRows(engine, batch, *rows, std::nullopt);
}

absl::Status RocksDbStore::WriteRows(const RocksEngine& engine, const Batch& batch, rocksdb::WriteBatch& rows,
                                     const std::optional<LostRows>& lost) {
  // Under the lock: nothing may follow a failed write, whose bytes may be in the log.
  if (absl::Status failure = failure_->Get(); !failure.ok()) return failure;
  LostChanges changes(engine, batch, lost);
  if (absl::Status added = changes.AddTo(rows); !added.ok()) return added;
  rocksdb::WriteOptions options;
  options.sync = true;
  const absl::Status written = StatusFromRocksDb(engine.db().Write(options, &rows));
  if (!written.ok()) {
    failure_->Set(written);
    return written;
  }
  writes_.Note(batch, engine.db().GetLatestSequenceNumber());
  changes.Apply();
  return absl::OkStatus();
}

absl::Status RocksDbStore::SettleDay(DueDay day) {
  const absl::StatusOr<std::shared_ptr<RocksEngine>> engine = WritableEngine();
  if (!engine.ok()) return engine.status();
  const std::string prefix = FiledPrefix(day);
  const KeyRange range{Family::kFiled, prefix, PrefixEnd(prefix)};
  uint64_t written = 0;
  {
    const MutexLock lock(write_mutex_);
    written = writes_.Day(day);
  }
  // Also takes the day's rows out of the log, so that dropping it need not flush.
  const absl::StatusOr<bool> logged = (*engine)->LogReachesBackTo(written);
  if (!logged.ok()) return logged.status();
  if (*logged) {
    if (absl::Status status = (*engine)->FlushAll(); !status.ok()) return status;
  }
  const std::vector<RangeFile> files = (*engine)->FilesTouching(range);
  const bool settled =
      std::all_of(files.begin(), files.end(), [](const RangeFile& file) { return file.level > 0 && file.inside; });
  return settled ? absl::OkStatus() : (*engine)->Compact(range, /*force=*/false, abandoned_);
}

absl::Status RocksDbStore::DropDaysThrough(DueDay last) {
  if (!last.is_civil()) return absl::InvalidArgumentError("store: not a civil day");
  const absl::StatusOr<std::shared_ptr<RocksEngine>> engine = WritableEngine();
  if (!engine.ok()) return engine.status();
  const MutexLock maintenance(maintenance_mutex_);
  uint64_t written = 0;
  {
    const MutexLock lock(write_mutex_);
    written = writes_.DaysThrough(last);
  }
  const KeyRange range{Family::kFiled, FiledPrefix(DueDay::None()), PrefixEnd(FiledPrefix(last))};
  if (absl::Status status = Erase(**engine, range, written); !status.ok()) return status;
  const MutexLock lock(write_mutex_);
  if (writes_.DaysThrough(last) <= written) writes_.ForgetDaysThrough(last);
  return absl::OkStatus();
}

absl::Status RocksDbStore::DropRange(Family family, std::string_view begin, std::string_view end) {
  if (!end.empty() && end <= begin) return absl::OkStatus();
  const absl::StatusOr<std::shared_ptr<RocksEngine>> engine = WritableEngine();
  if (!engine.ok()) return engine.status();
  const MutexLock maintenance(maintenance_mutex_);
  uint64_t written = 0;
  {
    const MutexLock lock(write_mutex_);
    written = writes_.OfFamily(family);
  }
  return Erase(**engine, {family, std::string(begin), std::string(end)}, written);
}

// Whole files first, since that costs nothing. A deletion, a flush and a scrub only for what is left: they contend with
// ingest for seconds.
absl::Status RocksDbStore::Erase(const RocksEngine& engine, const KeyRange& range, uint64_t written) {
  std::vector<RangeFile> seen;
  const auto look = [&] {
    std::vector<RangeFile> files = engine.FilesTouching(range);
    seen.insert(seen.end(), files.begin(), files.end());
    return files;
  };
  const Clock::time_point patience = Clock::now() + absl::ToChronoMilliseconds(options_.erasure_wait);
  for (;;) {
    if (!look().empty()) {
      if (absl::Status status = engine.DropFiles(engine.family(range.family), {range.begin, range.end}); !status.ok())
        return status;
    }
    const std::vector<RangeFile> left = look();
    const absl::StatusOr<bool> logged = engine.LogReachesBackTo(written);
    if (!logged.ok()) return logged.status();
    const absl::StatusOr<bool> rows = engine.HasRows(range);
    if (!rows.ok()) return rows.status();
    if (left.empty() && !*logged && !*rows) break;

    // A compaction that runs anyway will give the files back soon.
    const bool only_busy =
        !*logged && !left.empty() && std::all_of(left.begin(), left.end(), [](const RangeFile& file) {
          return file.level > 0 && file.inside && file.being_compacted;
        });
    if (only_busy && Clock::now() < patience) {
      std::this_thread::sleep_for(kErasePause);
      continue;
    }
    if (*rows) {
      Batch deletion;
      deletion.DeleteRange(range.family, range.begin, range.end);
      if (absl::Status status = Write(engine, deletion); !status.ok()) return status;
    }
    // Who reads what was before the deletion would keep it.
    if (absl::Status status = engine.AwaitReaders(engine.db().GetLatestSequenceNumber()); !status.ok()) return status;
    if (*rows || *logged) {
      if (absl::Status status = engine.FlushAll(); !status.ok()) return status;
    }
    look();
    if (absl::Status status = engine.ScrubRange(range, abandoned_); !status.ok()) return status;
    break;
  }
  if (absl::Status gone = engine.AwaitDeletion(seen); !gone.ok()) return gone;
  if (engine.Lost(range.family) == nullptr) return absl::OkStatus();
  Batch erased;  // what was lost of the range is not missed any more
  erased.DeleteRange(range.family, range.begin, range.end);
  return Write(engine, erased);
}

absl::Status RocksDbStore::Scrub(const std::vector<FamilySpan>& spans) {
  const absl::StatusOr<std::shared_ptr<RocksEngine>> engine = WritableEngine();
  if (!engine.ok()) return engine.status();
  const MutexLock maintenance(maintenance_mutex_);
  // A row that a reader's snapshot still sees would survive the compaction.
  const rocksdb::SequenceNumber written = (*engine)->db().GetLatestSequenceNumber();
  if (absl::Status status = (*engine)->AwaitReaders(written); !status.ok()) return status;
  if (absl::Status status = (*engine)->FlushAll(); !status.ok()) return status;
  std::vector<KeyRange> ranges;
  for (const FamilySpan& each : spans) ranges.push_back({each.family, each.span.begin, each.span.end});
  std::sort(ranges.begin(), ranges.end(), [](const KeyRange& a, const KeyRange& b) {
    return a.family != b.family ? a.family < b.family : a.begin < b.begin;
  });
  std::vector<RangeFile> seen;
  for (size_t next = 0; next < ranges.size();) {
    const KeyRange range = (*engine)->JoinedByFiles(ranges, next);
    for (RangeFile& file : (*engine)->FilesTouching(range)) {
      file.inside = false;  // its live rows go on living: readers may still need it, so it is waited for
      seen.push_back(std::move(file));
    }
    if (absl::Status status = (*engine)->ScrubRange(range, abandoned_); !status.ok()) return status;
  }
  return (*engine)->AwaitDeletion(seen);
}

// Reopens rather than asking RocksDB to recover in place: after a failed write the batch may be in the log, whole and
// under the sequence numbers that the next batch would get, so it has to be left out of the recovery; and RocksDB does
// not recover from most failures of the log at all.
absl::Status RocksDbStore::Resume() {
  const MutexLock maintenance(maintenance_mutex_);
  if (failure_->Get().ok()) return absl::OkStatus();
  // While the disk takes nothing, or not what opening takes, the database stays open for readers.
  if (absl::Status room = MakeRoom(directory_, options_, /*probes=*/true); !room.ok()) return room;

  const MutexLock write_lock(write_mutex_);
  std::shared_ptr<RocksEngine> failed;
  {
    const MutexLock lock(engine_mutex_);
    failed = std::move(engine_);
    engine_ = nullptr;
  }
  if (failed != nullptr) {
    const Clock::time_point deadline = Clock::now() + absl::ToChronoMilliseconds(options_.erasure_wait);
    while (failed.use_count() > 1) {
      if (Clock::now() >= deadline) {
        const MutexLock lock(engine_mutex_);
        engine_ = std::move(failed);
        return absl::UnavailableError("store: a reader holds back the reopening");
      }
      std::this_thread::sleep_for(kErasePause);
    }
    failed.reset();
  }
  failure_->Clear();  // so that what goes wrong from here on is seen
  absl::StatusOr<std::shared_ptr<RocksEngine>> engine =
      RocksEngine::Open(directory_, options_, writes_.latest(), failure_);
  if (!engine.ok()) {
    failure_->Set(engine.status());
    return engine.status();
  }
  writes_ = WriteRecord(writes_.latest());
  const MutexLock lock(engine_mutex_);
  engine_ = *std::move(engine);
  return failure_->Get();
}

size_t RocksDbStore::DamagedFiles() const {
  const std::shared_ptr<RocksEngine> engine = Engine();
  return engine == nullptr ? 0 : engine->damaged().numbers().size() + (engine->damaged().unnamed() ? 1 : 0);
}

std::vector<LostRows> RocksDbStore::Lost() const {
  const std::shared_ptr<RocksEngine> engine = Engine();
  return engine == nullptr ? std::vector<LostRows>() : engine->AllLost();
}

absl::Status RocksDbStore::Mend() {
  const absl::StatusOr<std::shared_ptr<RocksEngine>> engine = WritableEngine();
  if (!engine.ok()) return engine.status();
  const MutexLock maintenance(maintenance_mutex_);
  return MendAll(**engine);
}

absl::Status RocksDbStore::MendAll(const RocksEngine& engine) {
  return MendTables(engine, options_.may_lose, [&](TableMender& mender) -> absl::StatusOr<bool> {
    const MutexLock lock(write_mutex_);
    const absl::StatusOr<TableMender::Step> step = mender.Next();
    if (!step.ok()) return step.status();
    absl::StatusOr<rocksdb::WriteBatch> rows = RowsOf(engine, step->batch);
    if (!rows.ok()) return rows.status();
    if (absl::Status s = WriteRows(engine, step->batch, *rows, step->lost); !s.ok()) return s;
    if (step->lost && options_.on_lost) options_.on_lost(*step->lost);
    return step->done;
  });
}

absl::StatusOr<std::vector<std::string>> RocksDbStore::PutBackFiles() {
  const std::shared_ptr<RocksEngine> engine = Engine();
  if (engine == nullptr) return std::vector<std::string>();  // Resume tells what is wrong
  return engine->PutBackFiles(failure_->Get().ok());
}

absl::Status RocksDbStore::Checkpoint(const std::string& path) {
  const absl::StatusOr<std::shared_ptr<RocksEngine>> engine = WritableEngine();
  if (!engine.ok()) return engine.status();
  std::error_code error;
  if (std::filesystem::exists(path, error)) return absl::AlreadyExistsError("store: the checkpoint's path exists");
  const MutexLock maintenance(maintenance_mutex_);
  // It names all files that a copy has.
  if (const auto all_there = (*engine)->PutBackFiles(true); !all_there.ok()) return all_there.status();
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(&(*engine)->db(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  // Flushes first: a copy without a log holds nothing that its files do not show.
  if (status.ok()) status = checkpoint->CreateCheckpoint(path, /*log_size_for_flush=*/0);
  return StatusFromRocksDb(status);
}

StoreProgress RocksDbStore::Acknowledged() const {
  StoreProgress progress = found_;
  // In this order: the log is then that of the sequence or an earlier one. Let go of before the lock: whoever reopens
  // holds that, and waits for readers.
  if (const std::shared_ptr<RocksEngine> engine = Engine(); engine != nullptr) progress.log = engine->LogNumber();
  const MutexLock lock(write_mutex_);
  progress.sequence = writes_.latest();
  return progress;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileStore>> OpenRocksDbStore(const std::string& directory,
                                                            const RocksDbOptions& options) {
  std::error_code error;
  if (std::filesystem::create_directories(directory, error)) {
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  }
  if (error) {
    const std::string message = absl::StrCat("store: cannot create ", directory, ": ", error.message());
    return error == std::errc::no_space_on_device ? absl::ResourceExhaustedError(message)
                                                  : absl::UnavailableError(message);
  }
  const absl::StatusOr<int> lock_fd = LockDirectory(directory);
  if (!lock_fd.ok()) return lock_fd.status();
  auto store = std::make_unique<RocksDbStore>(directory, options, *lock_fd);
  if (absl::Status named = CheckCurrent(directory); !named.ok()) return named;
  if (absl::Status status = store->Start(); !status.ok()) return status;
  return store;
}

}  // namespace retention
