#include "storage/rocksdb/disk_room.h"

#include <rocksdb/file_system.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "storage/rocksdb/rocksdb_status.h"

namespace retention {
namespace {

// A manifest, an empty log, table files of nearly nothing, and what is written while they are.
constexpr uint64_t kOpeningBytes = 4 << 20;
// What is written to see whether the disk takes writes again.
constexpr size_t kProbeBytes = 1 << 20;
constexpr char kProbeName[] = "probe.tmp";

// What logs hold becomes table files, beside which the logs stay until then.
uint64_t OpeningBytes(const std::string& directory) {
  uint64_t logs = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const uint64_t size = entry.path().extension() == ".log" ? entry.file_size(error) : 0;
    if (!error) logs += size;
  }
  return kOpeningBytes + logs + logs / 4;
}

absl::Status CheckRoom(const std::string& directory, rocksdb::FileSystem& file_system) {
  uint64_t free = 0;
  // What cannot tell has as much as is needed.
  if (!file_system.GetFreeSpace(directory, rocksdb::IOOptions(), &free, nullptr).ok()) return absl::OkStatus();
  // To root it tells blocks as well that a file system keeps for itself.
  struct statvfs volume;
  if (::statvfs(directory.c_str(), &volume) == 0) {
    free = std::min(free, static_cast<uint64_t>(volume.f_bavail) * volume.f_frsize);
  }
  const uint64_t needed = OpeningBytes(directory);
  if (free >= needed) return absl::OkStatus();
  const auto in_mib = [](uint64_t bytes) { return (bytes + (1 << 20) - 1) >> 20; };
  return absl::ResourceExhaustedError(absl::StrCat(
      "store: ", std::strerror(ENOSPC), " (errno ", ENOSPC, ") in ", directory, ": opening it takes ", in_mib(needed),
      " MiB, and ", free >> 20, " MiB are free: free ", in_mib(needed - free), " MiB more; nothing is lost"));
}

absl::Status Probe(const std::string& directory, rocksdb::FileSystem& file_system) {
  const std::string path = directory + "/" + kProbeName;
  const rocksdb::IOOptions io;
  std::unique_ptr<rocksdb::FSWritableFile> file;
  rocksdb::IOStatus status = file_system.NewWritableFile(path, rocksdb::FileOptions(), &file, nullptr);
  if (status.ok()) status = file->Append(std::string(kProbeBytes, 'p'), io, nullptr);
  if (status.ok()) status = file->Fsync(io, nullptr);
  if (status.ok()) status = file->Close(io, nullptr);
  file.reset();
  file_system.DeleteFile(path, io, nullptr).PermitUncheckedError();
  return StatusFromRocksDb(status);
}

}  // namespace

absl::Status MakeRoom(const std::string& directory, const RocksDbOptions& options, bool probes) {
  const std::shared_ptr<rocksdb::FileSystem> file_system =
      options.file_system ? options.file_system : rocksdb::FileSystem::Default();
  const auto look = [&] {
    absl::Status takes = CheckRoom(directory, *file_system);
    return takes.ok() && probes ? Probe(directory, *file_system) : takes;
  };
  absl::Status takes = look();
  if (absl::IsResourceExhausted(takes) && options.on_full && options.on_full()) takes = look();
  return takes;
}

}  // namespace retention
