#include "storage/rocksdb/steady_disk.h"

#include <fcntl.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table_properties.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "storage/mutex.h"

namespace retention {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

// One that holds nothing has its properties and an index without entries: about a kilobyte, written at once.
constexpr size_t kEmptyTableBytesMax = 16 << 10;
constexpr uint64_t kWarningBytesMax = 1 << 20;
constexpr size_t kLineBytesMax = 4 << 10;

// Whether `bytes` are a whole table without a row or a deletion.
bool IsEmptyTable(const std::string& bytes) {
  static constexpr char kName[] = "/table.sst";
  const std::unique_ptr<rocksdb::Env> memory(rocksdb::NewMemEnv(rocksdb::Env::Default()));
  if (!rocksdb::WriteStringToFile(memory.get(), bytes, kName).ok()) return false;
  rocksdb::Options options;
  options.env = memory.get();
  rocksdb::SstFileReader table(options);
  return table.Open(kName).ok() && table.GetTableProperties()->num_entries == 0;
}

// A table that is being written, by one thread.
class SteadyTable : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  explicit SteadyTable(std::unique_ptr<rocksdb::FSWritableFile> file) : FSWritableFileOwnerWrapper(std::move(file)) {}

  IOStatus Append(const Slice& bytes, const IOOptions& options, IODebugContext* debug) override {
    Remember(bytes);
    return Tell(target()->Append(bytes, options, debug));
  }
  IOStatus Append(const Slice& bytes, const IOOptions& options, const rocksdb::DataVerificationInfo& verification,
                  IODebugContext* debug) override {
    Remember(bytes);
    return Tell(target()->Append(bytes, options, verification, debug));
  }
  IOStatus Flush(const IOOptions& options, IODebugContext* debug) override {
    return Tell(target()->Flush(options, debug));
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return Tell(target()->Sync(options, debug));
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Tell(target()->Fsync(options, debug));
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    return Tell(target()->Close(options, debug));
  }

 private:
  void Remember(const Slice& bytes) {
    const bool may_be_empty = all_ && all_->size() + bytes.size() <= kEmptyTableBytesMax;
    if (may_be_empty) {
      all_->append(bytes.data(), bytes.size());
    } else {
      all_.reset();
    }
  }
  IOStatus Tell(IOStatus status) const {
    if (status.ok() || !all_ || !IsEmptyTable(*all_)) return status;
    status.PermitUncheckedError();
    return IOStatus::OK();
  }

  std::optional<std::string> all_ = "";  // none: more than an empty one has
};

class SteadyTablesDisk : public rocksdb::FileSystemWrapper {
 public:
  explicit SteadyTablesDisk(std::shared_ptr<rocksdb::FileSystem> disk) : FileSystemWrapper(std::move(disk)) {}
  const char* Name() const override { return "retention.SteadyTables"; }
  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* debug) override {
    IOStatus made = target()->NewWritableFile(path, options, result, debug);
    if (made.ok() && absl::EndsWith(path, ".sst")) *result = std::make_unique<SteadyTable>(std::move(*result));
    return made;
  }
};

class SteadyLogger : public rocksdb::Logger {
 public:
  explicit SteadyLogger(std::string path) : Logger(rocksdb::InfoLogLevel::WARN_LEVEL), path_(std::move(path)) {}
  ~SteadyLogger() override {
    const MutexLock lock(mutex_);
    LetGo();
  }
  using Logger::Logv;
  void Logv(const char* format, va_list values) override {
    char text[kLineBytesMax];
    if (::vsnprintf(text, sizeof text, format, values) < 0) return;
    const std::string line = absl::StrCat(absl::FormatTime(absl::Now(), absl::UTCTimeZone()), " ", text, "\n");
    const MutexLock lock(mutex_);
    if (fd_ >= 0 && ::lseek(fd_, 0, SEEK_END) >= static_cast<off_t>(kWarningBytesMax)) {
      LetGo();
      ::rename(path_.c_str(), (path_ + ".old").c_str());
    }
    if (fd_ < 0) fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    // A part of a line is as good as none.
    if (fd_ < 0 || ::write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) LetGo();
  }

 private:
  void LetGo() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  const std::string path_;
  Mutex mutex_;
  int fd_ ABSL_GUARDED_BY(mutex_) = -1;  // none: nothing was written yet, or it failed
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> SteadyTables(std::shared_ptr<rocksdb::FileSystem> disk) {
  return std::make_shared<SteadyTablesDisk>(std::move(disk));
}

std::shared_ptr<rocksdb::Logger> SteadyLog(const std::string& directory) {
  return std::make_shared<SteadyLogger>(directory + "/LOG");
}

}  // namespace retention
