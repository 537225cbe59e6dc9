#include "storage/rocksdb/rocksdb_backups.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/utilities/backup_engine.h>
#include <unistd.h>

#include <algorithm>
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

class RocksDbBackups : public Backups {
 public:
  RocksDbBackups(std::string directory, std::unique_ptr<rocksdb::Env> env, int lock_fd)
      : directory_(std::move(directory)), env_(std::move(env)), lock_fd_(lock_fd) {}
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
    return Explain(opened);
  }

  std::vector<Backup> List() const override {
    std::vector<rocksdb::BackupInfo> infos;
    base_->GetBackupInfo(&infos);
    std::vector<Backup> backups;
    for (const rocksdb::BackupInfo& info : infos) {
      // What does not say what it is, is none of ours.
      if (auto backup = Describe(info); backup.has_value()) backups.push_back(*std::move(backup));
    }
    std::sort(backups.begin(), backups.end(), [](const Backup& a, const Backup& b) { return a.number < b.number; });
    return backups;
  }

  std::vector<uint32_t> Damaged() const override {
    std::vector<uint32_t> numbers;
    base_->GetCorruptedBackups(&numbers);
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
    if (made.IsIncomplete()) return absl::CancelledError(absl::StrCat(directory_, ": the backup was given up"));
    if (!made.ok()) return Explain(made);
    rocksdb::BackupInfo info;
    const rocksdb::Status found = base_->GetBackupInfo(number, &info);
    auto backup = found.ok() ? Describe(info) : std::nullopt;
    if (!backup.has_value()) return absl::InternalError(absl::StrCat(directory_, ": a new backup is not there"));
    return *std::move(backup);
  }

  absl::Status Prune(uint32_t number) override {
    if (absl::Status s = Explain(writer_->DeleteBackup(number), number); !s.ok()) return s;
    // What a crash in the middle left of it.
    if (absl::Status s = Explain(writer_->GarbageCollect()); !s.ok()) return s;
    for (const char* part : {"/meta", "/private", "/shared_checksum"}) {
      if (absl::Status s = SyncNames(directory_ + part); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  absl::Status Verify(uint32_t number) const override {
    return Explain(base_->VerifyBackup(number, /*verify_with_checksum=*/true), number);
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
      return Because(directory, StatusFromRocksDb(restored), "what is in it now is no store: empty it, and try again");
    }
    stored::v1::RestoreMark mark;
    mark.set_backup(number);
    *mark.mutable_note() = backup->note;
    return WriteRestoreMark(directory, mark);
  }

  void Stop() override {
    if (writer_ != nullptr) writer_->StopBackup();
  }

 private:
  static std::optional<Backup> Describe(const rocksdb::BackupInfo& info) {
    Backup backup{.number = info.backup_id, .bytes = info.size, .files = info.number_files};
    if (!backup.note.ParseFromString(info.app_metadata) || backup.note.ring_identity().empty()) return std::nullopt;
    return backup;
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
  auto backups = std::make_unique<RocksDbBackups>(directory, rocksdb::NewCompositeEnv(file_system), lock_fd);
  if (absl::Status s = backups->Open(access, options); !s.ok()) return s;
  return backups;
}

}  // namespace retention
