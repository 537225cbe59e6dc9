#include "storage/rocksdb/kept_list.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/rocksdb/rocksdb_status.h"

namespace retention {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr char kKeptName[] = "MANIFEST-";
// No name that RocksDB knows: it neither takes it for a list nor deletes it while it is written.
constexpr char kMadeName[] = "LIST.dbtmp";

std::string DirectoryOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

bool IsList(const std::string& path) { return path.compare(path.rfind('/') + 1, sizeof kKeptName - 1, kKeptName) == 0; }

}  // namespace

// What RocksDB appends to. The file below is another one once it was made anew.
class KeptListDisk::List : public rocksdb::FSWritableFile {
 public:
  List(std::shared_ptr<Shared> shared, rocksdb::FileSystem& disk, std::string path, const rocksdb::FileOptions& options,
       std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFile(options),
        shared_(std::move(shared)),
        disk_(disk),
        path_(std::move(path)),
        options_(options),
        file_(std::move(file)) {
    const MutexLock lock(shared_->mutex);
    shared_->current = this;
  }
  ~List() override {
    const MutexLock lock(shared_->mutex);
    if (shared_->current == this) shared_->current = nullptr;
  }

  IOStatus Append(const Slice& bytes, const IOOptions& io, IODebugContext* debug) override {
    const MutexLock lock(mutex_);
    // Before it: bytes behind those that are gone would make up for their number.
    IOStatus appended = MakeWhole(io, debug);
    if (appended.ok()) appended = file_->Append(bytes, io, debug);
    if (appended.ok()) bytes_.append(bytes.data(), bytes.size());
    return appended;
  }
  IOStatus Append(const Slice& bytes, const IOOptions& io, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(bytes, io, debug);
  }
  IOStatus Flush(const IOOptions& io, IODebugContext* debug) override {
    const MutexLock lock(mutex_);
    return file_->Flush(io, debug);
  }
  IOStatus Fsync(const IOOptions& io, IODebugContext* debug) override { return Sync(io, debug); }
  // What is not there is not durable.
  IOStatus Sync(const IOOptions& io, IODebugContext* debug) override {
    const MutexLock lock(mutex_);
    IOStatus synced = file_->Sync(io, debug);
    if (synced.ok()) synced = MakeWhole(io, debug);
    if (synced.ok()) synced_ = bytes_.size();
    return synced;
  }
  IOStatus Close(const IOOptions& io, IODebugContext* debug) override {
    const MutexLock lock(mutex_);
    return file_->Close(io, debug);
  }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override {
    const MutexLock lock(mutex_);
    return bytes_.size();
  }

  absl::StatusOr<std::string> PutBack() {
    const MutexLock lock(mutex_);
    if (synced_ == 0) return "";  // nothing leads to it yet
    const IOOptions io;
    std::string found(synced_, '\0');
    const IOStatus read = Read(io, found);
    if (!read.ok() && !read.IsNotFound() && !read.IsPathNotFound()) return StatusFromRocksDb(read);
    if (read.ok() && bytes_.compare(0, synced_, found) == 0) return "";
    const IOStatus made = MakeAnew(io, nullptr);
    if (!made.ok()) return StatusFromRocksDb(made);
    return path_;
  }

 private:
  // As much of the file as `bytes` takes, or there is.
  IOStatus Read(const IOOptions& io, std::string& bytes) const {
    std::unique_ptr<rocksdb::FSSequentialFile> file;
    IOStatus read = disk_.NewSequentialFile(path_, options_, &file, nullptr);
    size_t at = 0;
    while (read.ok() && at < bytes.size()) {
      Slice part;
      read = file->Read(bytes.size() - at, io, &part, bytes.data() + at, nullptr);
      if (!read.ok() || part.empty()) break;
      if (part.data() != bytes.data() + at) bytes.replace(at, part.size(), part.data(), part.size());
      at += part.size();
    }
    bytes.resize(at);
    return read;
  }
  // By the number of its bytes alone: what else is wrong with it the next look finds.
  IOStatus MakeWhole(const IOOptions& io, IODebugContext* debug) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    uint64_t size = 0;
    const IOStatus found = disk_.GetFileSize(path_, io, &size, debug);
    return found.ok() && size == bytes_.size() ? IOStatus::OK() : MakeAnew(io, debug);
  }
  IOStatus MakeAnew(const IOOptions& io, IODebugContext* debug) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const std::string directory = DirectoryOf(path_);
    const std::string made = absl::StrCat(directory, "/", kMadeName);
    std::unique_ptr<rocksdb::FSWritableFile> file;
    std::unique_ptr<rocksdb::FSDirectory> names;
    IOStatus done = disk_.NewWritableFile(made, options_, &file, debug);
    if (done.ok()) done = file->Append(bytes_, io, debug);
    if (done.ok()) done = file->Sync(io, debug);
    if (done.ok()) done = disk_.RenameFile(made, path_, io, debug);
    if (done.ok()) done = disk_.NewDirectory(directory, io, &names, debug);
    if (done.ok()) done = names->Fsync(io, debug);
    if (!done.ok()) {
      disk_.DeleteFile(made, io, debug).PermitUncheckedError();
      return done;
    }
    file_->Close(io, debug).PermitUncheckedError();
    file_ = std::move(file);
    return done;
  }

  const std::shared_ptr<Shared> shared_;
  rocksdb::FileSystem& disk_;
  const std::string path_;
  const rocksdb::FileOptions options_;
  Mutex mutex_;
  std::unique_ptr<rocksdb::FSWritableFile> file_ ABSL_GUARDED_BY(mutex_);
  std::string bytes_ ABSL_GUARDED_BY(mutex_);
  size_t synced_ ABSL_GUARDED_BY(mutex_) = 0;  // of them
};

KeptListDisk::KeptListDisk(std::shared_ptr<rocksdb::FileSystem> disk) : FileSystemWrapper(std::move(disk)) {}

rocksdb::IOStatus KeptListDisk::NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                                std::unique_ptr<rocksdb::FSWritableFile>* result,
                                                rocksdb::IODebugContext* debug) {
  IOStatus made = target()->NewWritableFile(path, options, result, debug);
  if (made.ok() && IsList(path)) {
    *result = std::make_unique<List>(shared_, *target(), path, options, std::move(*result));
  }
  return made;
}

void KeptListDisk::Tidy(const std::string& directory) {
  target()->DeleteFile(absl::StrCat(directory, "/", kMadeName), IOOptions(), nullptr).PermitUncheckedError();
}

absl::StatusOr<std::string> KeptListDisk::PutBack() {
  const MutexLock lock(shared_->mutex);
  return shared_->current == nullptr ? "" : shared_->current->PutBack();
}

}  // namespace retention
