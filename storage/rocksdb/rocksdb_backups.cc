#include "storage/rocksdb/rocksdb_backups.h"

#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/utilities/backup_engine.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/directory_lock.h"
#include "storage/rocksdb/rocksdb_status.h"
#include "storage/rocksdb/rocksdb_tuning.h"

namespace retention {
namespace {

namespace fs = std::filesystem;

// What stays in memory of backups that were deleted: an empty list of files under the number after the highest. RocksDB
// goes on from there, so that no number is given twice, and calls it a damaged backup.
constexpr char kLists[] = "/meta/";
// Beside the lists: an empty file for each backup that a look at all of its bytes has found damaged, by its number. Its
// list does not tell.
constexpr char kFoundDamaged[] = "/DAMAGED-";

// RocksDB's name for what a volume may hold of itself.
constexpr char kOfTheVolume[] = "lost+found";
// Reading the lists of a staged store needs next to none.
constexpr uint64_t kStagedCacheBytes = 1 << 20;

absl::Status Because(const std::string& path, const absl::Status& status, const char* way_out) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message(), "; ", way_out));
}

const char* WayOutOf(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) return "make room there, or name another directory";
  if (absl::IsDataLoss(status)) return "use another backup";
  if (absl::IsNotFound(status)) return "see which there are: backup list";
  return "see that the volume is mounted and may be written";
}

// Closes the families that it was opened with.
class StagedStore {
 public:
  absl::Status Open(const std::string& directory) {
    RocksDbOptions options;
    options.block_cache_bytes = kStagedCacheBytes;
    rocksdb::DBOptions database = DatabaseOptions(options);
    database.create_if_missing = false;
    database.create_missing_column_families = false;
    rocksdb::DB* db = nullptr;
    const rocksdb::Status opened =
        rocksdb::DB::OpenForReadOnly(database, directory, FamilyDescriptors(options), &families_, &db);
    db_.reset(db);
    return StatusFromRocksDb(opened);
  }
  ~StagedStore() {
    for (rocksdb::ColumnFamilyHandle* family : families_) db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  rocksdb::DB& db() { return *db_; }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

// Reads go on until they are stopped: RocksDB reads whole backups in one call.
class StoppableReads : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "retention.StoppableReads"; }
  void Stop() { stopped_.store(true); }
  bool stopped() const { return stopped_.load(); }

  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                      rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus opened = FileSystemWrapper::NewSequentialFile(path, options, file, debug);
    if (opened.ok()) *file = std::make_unique<File>(std::move(*file), *this);
    return opened;
  }

 private:
  class File : public rocksdb::FSSequentialFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSSequentialFile> file, const StoppableReads& all)
        : FSSequentialFileOwnerWrapper(std::move(file)), all_(all) {}
    rocksdb::IOStatus Read(size_t bytes, const rocksdb::IOOptions& options, rocksdb::Slice* result, char* scratch,
                           rocksdb::IODebugContext* debug) override {
      if (all_.stopped()) return rocksdb::IOStatus::Aborted("stopped");
      return FSSequentialFileOwnerWrapper::Read(bytes, options, result, scratch, debug);
    }

   private:
    const StoppableReads& all_;
  };

  std::atomic<bool> stopped_ = false;
};

class RocksDbBackups : public Backups {
 public:
  RocksDbBackups(std::string directory, std::shared_ptr<rocksdb::FileSystem> file_system, int lock_fd)
      : directory_(std::move(directory)),
        reads_(std::make_shared<StoppableReads>(std::move(file_system))),
        env_(rocksdb::NewCompositeEnv(reads_)),
        lock_fd_(lock_fd) {}
  ~RocksDbBackups() override {
    writer_.reset();
    reader_.reset();
    if (lock_fd_ >= 0) ::close(lock_fd_);
  }

  absl::Status Open(BackupAccess access, const RocksDbBackupOptions& options) {
    rocksdb::BackupEngineOptions engine(directory_, env_.get());
    engine.share_table_files = true;
    engine.share_files_with_checksum = true;
    engine.sync = true;
    engine.backup_rate_limit = options.bytes_per_second;
    engine.restore_rate_limit = options.bytes_per_second;
    rocksdb::IOStatus opened;
    if (access == BackupAccess::kWrite) {
      rocksdb::BackupEngine* writer = nullptr;
      opened = rocksdb::BackupEngine::Open(engine, rocksdb::Env::Default(), &writer);
      writer_.reset(writer);
      base_ = writer;
    } else {
      rocksdb::BackupEngineReadOnly* reader = nullptr;
      opened = rocksdb::BackupEngineReadOnly::Open(engine, rocksdb::Env::Default(), &reader);
      reader_.reset(reader);
      base_ = reader;
    }
    if (!opened.ok() || writer_ == nullptr) return Explain(opened);
    return TidyUp();
  }

  std::vector<Backup> List() const override {
    std::vector<rocksdb::BackupInfo> infos;
    base_->GetBackupInfo(&infos);
    std::vector<Backup> backups;
    for (const rocksdb::BackupInfo& info : infos) {
      if (IsFoundDamaged(info.backup_id)) continue;
      // What does not say what it is, is none of ours.
      if (auto backup = Describe(info); backup.has_value()) backups.push_back(*std::move(backup));
    }
    std::sort(backups.begin(), backups.end(), [](const Backup& a, const Backup& b) { return a.number < b.number; });
    return backups;
  }

  std::vector<uint32_t> Damaged() const override {
    std::vector<uint32_t> numbers = Incomplete();
    std::vector<rocksdb::BackupInfo> infos;
    base_->GetBackupInfo(&infos);
    for (const rocksdb::BackupInfo& info : infos) {
      if (IsFoundDamaged(info.backup_id)) numbers.push_back(info.backup_id);
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
  }

  absl::StatusOr<Backup> Create(const std::string& staged, const stored::v1::BackupNote& note) override {
    StagedStore store;
    if (absl::Status s = store.Open(staged); !s.ok()) return Because(staged, s, "it is tried again");
    rocksdb::CreateBackupOptions options;
    options.flush_before_backup = false;
    options.decrease_background_thread_cpu_priority = true;
    options.background_thread_cpu_priority = rocksdb::CpuPriority::kLow;
    rocksdb::BackupID number = 0;
    const rocksdb::IOStatus made =
        writer_->CreateNewBackupWithMetadata(options, &store.db(), note.SerializeAsString(), &number);
    if (!made.ok()) return GivenUp() ? GivenUpError() : Explain(made);
    rocksdb::BackupInfo info;
    const rocksdb::Status found = base_->GetBackupInfo(number, &info);
    auto backup = found.ok() ? Describe(info) : std::nullopt;
    if (!backup.has_value()) return absl::InternalError(absl::StrCat(directory_, ": a new backup is not there"));
    return *std::move(backup);
  }

  absl::Status Prune(uint32_t number) override {
    if (IsPlace(number)) return Explain(rocksdb::Status::NotFound("no such backup"), number);
    const bool was_last = IsLast(number);
    absl::Status kept = was_last ? KeepPlaceAfter(number) : absl::OkStatus();
    if (absl::Status s = Explain(writer_->DeleteBackup(number), number); !s.ok()) return s;
    ::unlink(MarkOf(number).c_str());
    // What a crash in the middle left of it.
    if (absl::Status s = Explain(writer_->GarbageCollect()); !s.ok()) return s;
    for (const char* part : {"/meta", "/private", "/shared_checksum"}) {
      if (absl::Status s = SyncNames(directory_ + part); !s.ok()) return s;
    }
    return kept.ok() ? kept : KeepPlaceAfter(number);  // on a full disk there is room by now
  }

  absl::Status Verify(uint32_t number) const override {
    if (IsPlace(number)) return Explain(rocksdb::Status::NotFound("no such backup"), number);
    const rocksdb::Status verified = base_->VerifyBackup(number, /*verify_with_checksum=*/true);
    if (!verified.ok() && GivenUp()) return GivenUpError();
    const absl::Status explained = Explain(verified, number);
    Remember(number, explained);
    return explained;
  }

  absl::Status Restore(uint32_t number, const std::string& directory) const override {
    rocksdb::BackupInfo info;
    if (absl::Status s = Explain(base_->GetBackupInfo(number, &info), number); !s.ok()) return s;
    const auto backup = Describe(info);
    if (!backup.has_value())
      return absl::DataLossError(absl::StrCat(directory_, ": backup ", number, " is not one of a store"));
    if (absl::Status s = MakeEmpty(directory); !s.ok()) return s;
    const rocksdb::IOStatus restored =
        base_->RestoreDBFromBackup(rocksdb::RestoreOptions(), number, directory, directory);
    if (!restored.ok()) {
      absl::Status why = StatusFromRocksDb(restored);
      // That names the file, and is remembered.
      if (const absl::Status named = absl::IsDataLoss(why) ? Verify(number) : absl::OkStatus(); !named.ok())
        why = named;
      return Because(directory, why, "what is in it now is no store: empty it, and try again");
    }
    stored::v1::RestoreMark mark;
    mark.set_backup(number);
    *mark.mutable_note() = backup->note;
    return WriteRestoreMark(directory, mark);
  }

  void Stop() override {
    reads_->Stop();
    if (writer_ != nullptr) writer_->StopBackup();
  }

 private:
  static std::optional<Backup> Describe(const rocksdb::BackupInfo& info) {
    Backup backup{.number = info.backup_id, .bytes = info.size, .files = info.number_files};
    if (!backup.note.ParseFromString(info.app_metadata) || backup.note.ring_identity().empty()) return std::nullopt;
    return backup;
  }
  bool GivenUp() const { return reads_->stopped(); }
  absl::Status GivenUpError() const { return absl::CancelledError(absl::StrCat(directory_, ": it was given up")); }

  std::string MarkOf(uint32_t number) const { return absl::StrCat(directory_, kFoundDamaged, number); }
  bool IsFoundDamaged(uint32_t number) const {
    std::error_code error;
    return fs::exists(MarkOf(number), error);
  }
  // Where nothing can be written, nothing is remembered: whoever looks again finds it again.
  void Remember(uint32_t number, const absl::Status& verified) const {
    if (verified.ok()) ::unlink(MarkOf(number).c_str());
    rocksdb::BackupInfo info;
    if (!absl::IsDataLoss(verified) || !base_->GetBackupInfo(number, &info).ok()) return;
    const int fd = ::open(MarkOf(number).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return;
    ::close(fd);
    SyncNames(directory_).IgnoreError();
  }
  // Of which the lists, and the sizes of what they name, tell.
  std::vector<uint32_t> Incomplete() const {
    std::vector<uint32_t> numbers;
    base_->GetCorruptedBackups(&numbers);
    std::erase_if(numbers, [&](uint32_t number) { return IsPlace(number); });
    return numbers;
  }
  std::string ListOf(uint32_t number) const { return absl::StrCat(directory_, kLists, number); }
  bool IsPlace(uint32_t number) const {
    std::error_code error;
    return fs::file_size(ListOf(number), error) == 0 && !error;
  }
  std::vector<uint32_t> AllNumbers() const {
    std::vector<uint32_t> numbers;
    base_->GetCorruptedBackups(&numbers);
    std::vector<rocksdb::BackupInfo> infos;
    base_->GetBackupInfo(&infos);
    for (const rocksdb::BackupInfo& info : infos) numbers.push_back(info.backup_id);
    return numbers;
  }
  bool IsLast(uint32_t number) const {
    const std::vector<uint32_t> numbers = AllNumbers();
    return !numbers.empty() && *std::max_element(numbers.begin(), numbers.end()) == number;
  }
  // So that the next one has another number.
  absl::Status KeepPlaceAfter(uint32_t number) const {
    std::unique_ptr<rocksdb::FSWritableFile> place;
    rocksdb::IOStatus made = reads_->NewWritableFile(ListOf(number + 1), {}, &place, nullptr);
    if (made.ok()) made = place->Fsync({}, nullptr);
    if (made.ok()) made = place->Close({}, nullptr);
    return made.ok() ? SyncNames(directory_ + kLists) : Explain(made);
  }
  // What deletions, and backups, that were cut short have left; places behind which there are others. Of a damaged one
  // nothing is taken: somebody may want to look.
  absl::Status TidyUp() {
    for (const uint32_t number : AllNumbers()) {
      if (IsLast(number) || !IsPlace(number)) continue;
      if (absl::Status s = Explain(writer_->DeleteBackup(number)); !s.ok()) return s;
    }
    return Incomplete().empty() ? Explain(writer_->GarbageCollect()) : absl::OkStatus();
  }
  absl::Status Explain(const rocksdb::Status& status) const {
    const absl::Status explained = StatusFromRocksDb(status);
    return Because(directory_, explained, WayOutOf(explained));
  }
  absl::Status Explain(const rocksdb::Status& status, uint32_t number) const {
    return Because(absl::StrCat("backup ", number), Explain(status), "the others are as they were");
  }
  // Empty, and there.
  static absl::Status MakeEmpty(const std::string& directory) {
    std::error_code error;
    if (fs::create_directory(directory, error)) {
      fs::permissions(directory, fs::perms::owner_all, error);
    }
    if (error) {
      return absl::UnavailableError(absl::StrCat(directory, ": cannot create: ", error.message(),
                                                 "; make what it is to lie in, or name another directory"));
    }
    for (auto entry = fs::directory_iterator(directory, error); !error && entry != fs::directory_iterator();
         entry.increment(error)) {
      if (entry->path().filename() == kOfTheVolume) continue;
      return absl::FailedPreconditionError(
          absl::StrCat(directory,
                       ": is not empty, and nothing is overwritten; move what is in it away, or name another "
                       "directory"));
    }
    if (error) return absl::UnavailableError(absl::StrCat(directory, ": cannot read: ", error.message()));
    return absl::OkStatus();
  }

  const std::string directory_;
  const std::shared_ptr<StoppableReads> reads_;
  const std::unique_ptr<rocksdb::Env> env_;
  const int lock_fd_;
  std::unique_ptr<rocksdb::BackupEngine> writer_;  // or
  std::unique_ptr<rocksdb::BackupEngineReadOnly> reader_;
  rocksdb::BackupEngineReadOnlyBase* base_ = nullptr;  // one of them
};

}  // namespace

absl::StatusOr<std::unique_ptr<Backups>> OpenRocksDbBackups(const std::string& directory, BackupAccess access,
                                                            const RocksDbBackupOptions& options) {
  int lock_fd = -1;
  if (access == BackupAccess::kWrite) {
    std::error_code error;
    if (fs::create_directory(directory, error)) fs::permissions(directory, fs::perms::owner_all, error);
    if (error) {
      return absl::UnavailableError(absl::StrCat(directory, ": cannot create: ", error.message(),
                                                 "; mount its volume, or make what it is to lie in"));
    }
    const absl::StatusOr<int> locked = LockDirectory(directory);
    if (!locked.ok()) return Because(directory, locked.status(), "ask the server that uses it, or stop it");
    lock_fd = *locked;
  } else if (std::error_code error; !fs::is_directory(directory, error)) {
    return absl::UnavailableError(absl::StrCat(directory, ": is no directory; mount its volume, or name another"));
  }
  auto file_system = options.file_system ? options.file_system : rocksdb::FileSystem::Default();
  auto backups = std::make_unique<RocksDbBackups>(directory, std::move(file_system), lock_fd);
  if (absl::Status s = backups->Open(access, options); !s.ok()) return s;
  return backups;
}

}  // namespace retention
