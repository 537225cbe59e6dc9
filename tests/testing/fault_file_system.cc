#include "tests/testing/fault_file_system.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/options.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "storage/mutex.h"

namespace retention {
namespace {

namespace fs = std::filesystem;
using rocksdb::DirFsyncOptions;
using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void WriteAll(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

std::string ParentOf(const std::string& path) { return fs::path(path).lexically_normal().parent_path().string(); }

std::string Normal(const std::string& path) {
  std::string normal = fs::path(path).lexically_normal().string();
  if (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal;
}

struct BadSector {
  std::string path;
  uint64_t offset = 0;
};

// A file with one that cannot be read.
class PartlyReadable : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  PartlyReadable(std::shared_ptr<const BadSector> bad, std::unique_ptr<rocksdb::FSRandomAccessFile> file)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), bad_(std::move(bad)) {}
  IOStatus Read(uint64_t offset, size_t size, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) const override {
    if (offset <= bad_->offset && bad_->offset - offset < size) {
      return IOStatus::IOError("While pread offset " + std::to_string(offset) + " len " + std::to_string(size),
                               bad_->path + ": Input/output error");
    }
    return target()->Read(offset, size, options, result, scratch, debug);
  }
  IOStatus MultiRead(rocksdb::FSReadRequest* requests, size_t count, const IOOptions& options,
                     IODebugContext* debug) override {
    for (size_t i = 0; i < count; ++i) {
      rocksdb::FSReadRequest& each = requests[i];
      each.status = Read(each.offset, each.len, options, &each.result, each.scratch, debug);
    }
    return IOStatus::OK();
  }

 private:
  const std::shared_ptr<const BadSector> bad_;
};

}  // namespace

// What is durable, what is not, and which fault comes next. Thread-safe.
class FaultFileSystem::Disk {
 public:
  uint64_t writes() const {
    const MutexLock lock(mutex_);
    return writes_;
  }
  bool crashed() const {
    const MutexLock lock(mutex_);
    return crashed_;
  }
  void CrashAt(uint64_t nth) {
    const MutexLock lock(mutex_);
    crash_at_ = writes_ + nth;
  }
  void FailWrites(Fault fault, uint64_t count, Operation operation) {
    const MutexLock lock(mutex_);
    fault_ = fault;
    faults_left_ = count;
    fault_operation_ = operation;
    faults_from_ = writes_ + 1;
  }
  void FailAfter(uint64_t nth, Fault fault, Operation operation) {
    FailWrites(fault, UINT64_MAX, operation);
    const MutexLock lock(mutex_);
    faults_from_ = writes_ + nth;
  }
  void Heal() {
    const MutexLock lock(mutex_);
    faults_left_ = 0;
  }

  // To be asked before every change. After a failure the change must not be made (an append: only half of it).
  IOStatus Admit(Operation operation) {
    AwaitRelease();
    const MutexLock lock(mutex_);
    ++writes_;
    if (crash_at_ && writes_ >= *crash_at_) crashed_ = true;
    if (crashed_) return IOStatus::IOError("crashed");
    if (faults_left_ == 0 || writes_ < faults_from_) return IOStatus::OK();
    if (fault_operation_ != Operation::kAny && fault_operation_ != operation) return IOStatus::OK();
    --faults_left_;
    IOStatus failure = fault_ == Fault::kDiskFull   ? IOStatus::NoSpace("disk full")
                       : fault_ == Fault::kReadOnly ? IOStatus::IOError("Read-only file system")
                                                    : IOStatus::IOError("disk failed");
    if (fault_ == Fault::kDiskFull) failure.SetRetryable(true);  // as RocksDB's own file system does
    return failure;
  }

  // To be asked before a written file is closed, which it is all the same.
  IOStatus AdmitClose() {
    {
      const MutexLock lock(mutex_);
      if (fault_operation_ != Operation::kClose || faults_left_ == 0) return IOStatus::OK();
    }
    return Admit(Operation::kClose);
  }

  void Hold(bool hold) {
    const std::lock_guard lock(gate_mutex_);
    held_ = hold;
    gate_.notify_all();
  }
  bool holds() const {
    const std::lock_guard lock(gate_mutex_);
    return held_ && waiting_ > 0;
  }

  void Created(const std::string& path) {
    const MutexLock lock(mutex_);
    synced_bytes_[Normal(path)] = 0;
    unsynced_names_.push_back({.to = Normal(path)});
  }
  void Synced(const std::string& path, uint64_t bytes) {
    const MutexLock lock(mutex_);
    synced_bytes_[Normal(path)] = bytes;
  }
  void Truncated(const std::string& path, uint64_t bytes) {
    const MutexLock lock(mutex_);
    const auto file = synced_bytes_.find(Normal(path));
    if (file != synced_bytes_.end()) file->second = std::min(file->second, bytes);
  }
  void Removed(const std::string& path) {
    const MutexLock lock(mutex_);
    synced_bytes_.erase(Normal(path));
    std::erase_if(unsynced_names_, [&](const NameChange& change) { return change.to == Normal(path); });
  }
  // `replaced`: the bytes that had the name `to` before.
  void Renamed(const std::string& from, const std::string& to, std::optional<std::string> replaced) {
    const MutexLock lock(mutex_);
    const auto file = synced_bytes_.find(Normal(from));
    if (file != synced_bytes_.end()) {
      synced_bytes_[Normal(to)] = file->second;
      synced_bytes_.erase(Normal(from));
    }
    unsynced_names_.push_back({.from = Normal(from), .to = Normal(to), .replaced = std::move(replaced)});
  }
  void DirectorySynced(const std::string& path) {
    const MutexLock lock(mutex_);
    std::erase_if(unsynced_names_, [&](const NameChange& change) { return ParentOf(change.to) == Normal(path); });
  }

  absl::Status LosePower(uint64_t torn_bytes) {
    const MutexLock lock(mutex_);
    std::error_code error;
    for (const auto& [path, synced] : synced_bytes_) {
      const uintmax_t size = fs::file_size(path, error);
      if (error) continue;
      const uintmax_t kept = std::min<uintmax_t>(size, synced + torn_bytes);
      if (kept < size) fs::resize_file(path, kept, error);
      if (error) return absl::InternalError("cannot truncate");
    }
    for (auto change = unsynced_names_.rbegin(); change != unsynced_names_.rend(); ++change) {
      if (change->from.empty()) {
        fs::remove(change->to, error);
      } else {
        fs::rename(change->to, change->from, error);
        if (change->replaced) WriteAll(change->to, *change->replaced);
      }
    }
    return absl::OkStatus();
  }
  void Restart() {
    const MutexLock lock(mutex_);
    crashed_ = false;
    crash_at_.reset();
    faults_left_ = 0;
    synced_bytes_.clear();
    unsynced_names_.clear();
  }

 private:
  void AwaitRelease() {
    std::unique_lock lock(gate_mutex_);
    ++waiting_;
    gate_.wait(lock, [this] { return !held_; });
    --waiting_;
  }

  struct NameChange {
    std::string from;  // empty: created
    std::string to;
    std::optional<std::string> replaced;
  };
  mutable std::mutex gate_mutex_;
  std::condition_variable gate_;
  bool held_ = false;
  int waiting_ = 0;
  mutable Mutex mutex_;
  uint64_t writes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<uint64_t> crash_at_ ABSL_GUARDED_BY(mutex_);
  bool crashed_ ABSL_GUARDED_BY(mutex_) = false;
  Fault fault_ ABSL_GUARDED_BY(mutex_) = Fault::kIoError;
  uint64_t faults_left_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t faults_from_ ABSL_GUARDED_BY(mutex_) = 0;
  Operation fault_operation_ ABSL_GUARDED_BY(mutex_) = Operation::kAny;
  std::map<std::string, uint64_t> synced_bytes_ ABSL_GUARDED_BY(mutex_);  // of files opened for writing
  std::vector<NameChange> unsynced_names_ ABSL_GUARDED_BY(mutex_);        // in order
};

class FaultFileSystem::Watched : public rocksdb::FileSystemWrapper {
 public:
  using Operation = FaultFileSystem::Operation;
  class File;
  class Directory;

  Watched()
      : FileSystemWrapper(rocksdb::FileSystem::Default()),
        disk_(std::make_shared<Disk>()),
        env_(rocksdb::NewCompositeEnv(std::shared_ptr<rocksdb::FileSystem>(std::shared_ptr<void>(), this))) {}
  Disk& disk() const { return *disk_; }
  const char* Name() const override { return "FaultFileSystem"; }

  std::function<uint64_t()> free_bytes;
  IOStatus GetFreeSpace(const std::string& path, const IOOptions& options, uint64_t* free,
                        IODebugContext* debug) override {
    if (!free_bytes) return target()->GetFreeSpace(path, options, free, debug);
    *free = free_bytes();
    return IOStatus::OK();
  }

  void Break(BadSector sector) {
    const MutexLock lock(mutex_);
    bad_ = std::make_shared<const BadSector>(std::move(sector));
  }
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result, IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSRandomAccessFile> file;
    IOStatus opened = target()->NewRandomAccessFile(path, options, &file, debug);
    if (!opened.ok()) return opened;
    const MutexLock lock(mutex_);
    if (bad_->path == Normal(path)) {
      *result = std::make_unique<PartlyReadable>(bad_, std::move(file));
    } else {
      *result = std::move(file);
    }
    return opened;
  }
  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* debug) override;
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* debug) override {
    return IOStatus::NotSupported("appending to an old file");
  }
  IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* debug) override {
    return IOStatus::NotSupported("reusing a file");
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext* debug) override;
  // As RocksDB's own file system does it, whose logger would write past this one.
  IOStatus NewLogger(const std::string& path, const IOOptions& options, std::shared_ptr<rocksdb::Logger>* result,
                     IODebugContext* debug) override {
    return rocksdb::status_to_io_status(rocksdb::NewEnvLogger(path, env_.get(), result));
  }

  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    if (IOStatus admitted = disk_->Admit(Operation::kAny); !admitted.ok()) return admitted;
    std::optional<std::string> replaced;
    if (fs::exists(to)) replaced = ReadAll(to);
    const IOStatus renamed = target()->RenameFile(from, to, options, debug);
    if (renamed.ok()) disk_->Renamed(from, to, std::move(replaced));
    return renamed;
  }
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    IODebugContext* debug) override {
    if (IOStatus admitted = disk_->Admit(Operation::kAny); !admitted.ok()) return admitted;
    return target()->LinkFile(from, to, options, debug);
  }
  void Keep(const std::string& suffix) {
    const MutexLock lock(mutex_);
    kept_ = suffix;
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    {
      const MutexLock lock(mutex_);
      if (!kept_.empty() && path.ends_with(kept_)) return IOStatus::IOError(path, "it is kept");
    }
    if (IOStatus admitted = disk_->Admit(Operation::kAny); !admitted.ok()) return admitted;
    const IOStatus removed = target()->DeleteFile(path, options, debug);
    if (removed.ok()) disk_->Removed(path);
    return removed;
  }
  IOStatus Truncate(const std::string& path, size_t size, const IOOptions& options, IODebugContext* debug) override {
    if (IOStatus admitted = disk_->Admit(Operation::kAny); !admitted.ok()) return admitted;
    const IOStatus truncated = target()->Truncate(path, size, options, debug);
    if (truncated.ok()) disk_->Truncated(path, size);
    return truncated;
  }

 private:
  const std::shared_ptr<Disk> disk_;
  const std::unique_ptr<rocksdb::Env> env_;  // of itself
  Mutex mutex_;
  std::string kept_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const BadSector> bad_ ABSL_GUARDED_BY(mutex_) = std::make_shared<const BadSector>();
};

class FaultFileSystem::Watched::File : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(std::string path, std::shared_ptr<Disk> disk, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)), disk_(std::move(disk)) {}

  IOStatus Append(const Slice& bytes, const IOOptions& options, IODebugContext* debug) override {
    if (IOStatus admitted = disk_->Admit(Operation::kAppend); !admitted.ok()) {
      target()->Append(Slice(bytes.data(), bytes.size() / 2), options, debug).PermitUncheckedError();
      return admitted;
    }
    size_ += bytes.size();
    return target()->Append(bytes, options, debug);
  }
  IOStatus Append(const Slice& bytes, const IOOptions& options, const rocksdb::DataVerificationInfo& verification,
                  IODebugContext* debug) override {
    return Append(bytes, options, debug);
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    if (IOStatus admitted = disk_->Admit(Operation::kAny); !admitted.ok()) return admitted;
    size_ = std::min(size_, size);
    disk_->Truncated(path_, size);
    return target()->Truncate(size, options, debug);
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    IOStatus admitted = disk_->AdmitClose();
    IOStatus closed = target()->Close(options, debug);
    return admitted.ok() ? closed : admitted;
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override { return Fsync(options, debug); }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    if (IOStatus admitted = disk_->Admit(Operation::kSync); !admitted.ok()) return admitted;
    const IOStatus flushed = target()->Flush(options, debug);
    if (!flushed.ok()) return flushed;
    disk_->Synced(path_, size_);  // what a real fsync would keep; the page cache does for a test
    return IOStatus::OK();
  }

 private:
  const std::string path_;
  const std::shared_ptr<Disk> disk_;
  uint64_t size_ = 0;
};

class FaultFileSystem::Watched::Directory : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(std::string path, std::shared_ptr<Disk> disk, std::unique_ptr<rocksdb::FSDirectory> directory)
      : FSDirectoryWrapper(std::move(directory)), path_(std::move(path)), disk_(std::move(disk)) {}
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    if (IOStatus admitted = disk_->Admit(Operation::kSync); !admitted.ok()) return admitted;
    disk_->DirectorySynced(path_);
    return IOStatus::OK();
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug, const DirFsyncOptions&) override {
    return Fsync(options, debug);
  }

 private:
  const std::string path_;
  const std::shared_ptr<Disk> disk_;
};

IOStatus FaultFileSystem::Watched::NewWritableFile(const std::string& path, const FileOptions& options,
                                                   std::unique_ptr<rocksdb::FSWritableFile>* result,
                                                   IODebugContext* debug) {
  if (IOStatus admitted = disk_->Admit(Operation::kAny); !admitted.ok()) return admitted;
  std::unique_ptr<rocksdb::FSWritableFile> file;
  const IOStatus created = target()->NewWritableFile(path, options, &file, debug);
  if (!created.ok()) return created;
  disk_->Created(path);
  *result = std::make_unique<File>(path, disk_, std::move(file));
  return created;
}

IOStatus FaultFileSystem::Watched::NewDirectory(const std::string& path, const IOOptions& options,
                                                std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  const IOStatus opened = target()->NewDirectory(path, options, &directory, debug);
  if (opened.ok()) *result = std::make_unique<Directory>(path, disk_, std::move(directory));
  return opened;
}

FaultFileSystem::FaultFileSystem() : watched_(std::make_shared<Watched>()) {}
FaultFileSystem::~FaultFileSystem() = default;
std::shared_ptr<rocksdb::FileSystem> FaultFileSystem::file_system() const { return watched_; }
uint64_t FaultFileSystem::writes() const { return watched_->disk().writes(); }
void FaultFileSystem::CrashAt(uint64_t nth) { watched_->disk().CrashAt(nth); }
bool FaultFileSystem::crashed() const { return watched_->disk().crashed(); }
absl::Status FaultFileSystem::LosePower(uint64_t torn_bytes) { return watched_->disk().LosePower(torn_bytes); }
void FaultFileSystem::Restart() { watched_->disk().Restart(); }
void FaultFileSystem::FailWrites(Fault fault, uint64_t count, Operation operation) {
  watched_->disk().FailWrites(fault, count, operation);
}
void FaultFileSystem::FailAfter(uint64_t nth, Fault fault, Operation operation) {
  watched_->disk().FailAfter(nth, fault, operation);
}
void FaultFileSystem::Heal() { watched_->disk().Heal(); }
void FaultFileSystem::Hold() { watched_->disk().Hold(true); }
void FaultFileSystem::Release() { watched_->disk().Hold(false); }
bool FaultFileSystem::holds() const { return watched_->disk().holds(); }
void FaultFileSystem::BreakSector(const std::string& path, uint64_t offset) {
  watched_->Break({.path = Normal(path), .offset = offset});
}
void FaultFileSystem::KeepFiles(const std::string& suffix) { watched_->Keep(suffix); }
void FaultFileSystem::SetFreeSpace(std::function<uint64_t()> free_bytes) {
  watched_->free_bytes = std::move(free_bytes);
}

}  // namespace retention
