#include "storage/secrets/witness.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/secrets/ring_disk.h"

namespace retention {
namespace {

// Do not change: see FORMAT.md.
constexpr std::string_view kWitnessMagic = "RTW2";
constexpr std::string_view kFirstWitnessMagic = "RTW1";
constexpr size_t kFirstWitnessBytes = 128;
constexpr size_t kWitnessCheckBytes = 16;
// Two places, each in a page of its own: what is torn is one of them.
constexpr size_t kWitnessPlaceBytes = 4096;
constexpr const char* kWitnessName = "witness";

using WitnessArray = std::array<uint8_t, kWitnessBytes>;

// Of a witness of `size` bytes, over all before it.
std::array<uint8_t, kWitnessCheckBytes> WitnessCheck(const uint8_t* bytes, size_t size) {
  std::array<uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256(bytes, size - kWitnessCheckBytes, digest.data());
  std::array<uint8_t, kWitnessCheckBytes> check{};
  std::copy_n(digest.begin(), check.size(), check.begin());
  return check;
}

// Goes over the fields in their order; `number(field, bytes)` and `run(data, bytes)` write or read one. First those of
// the first version.
template <typename Fields, typename Number, typename Run>
void EachFirstField(Fields& witness, const Number& number, const Run& run) {
  number(witness.count, 4);
  number(witness.store_id, 8);
  number(witness.ring_generation, 8);
  number(witness.progress.sequence, 8);
  number(witness.progress.log, 8);
  number(witness.ledger_size, 8);
  run(witness.ledger_head.data(), witness.ledger_head.size());
  number(witness.instant_us, 8);
  number(witness.boottime_us, 8);
  run(witness.boot_id.data(), witness.boot_id.size());
}

template <typename Fields, typename Number>
void EachClockField(Fields& witness, const Number& number) {
  number(witness.clock, 1);
  number(witness.corrected_by, 1);
  number(witness.corrected_from_us, 8);
  number(witness.corrected_to_us, 8);
  number(witness.slack_us, 8);
  number(witness.agreed, 1);
}

}  // namespace

std::array<uint8_t, kWitnessBytes> WitnessBytes(const Witness& witness) {
  WitnessArray bytes{};
  uint8_t* at = std::copy(kWitnessMagic.begin(), kWitnessMagic.end(), bytes.data());
  const auto number = [&](auto field, int size) {
    for (int i = size - 1; i >= 0; --i) *at++ = static_cast<uint8_t>(static_cast<uint64_t>(field) >> (8 * i));
  };
  EachFirstField(witness, number, [&](const uint8_t* data, size_t size) { at = std::copy_n(data, size, at); });
  EachClockField(witness, number);
  const auto check = WitnessCheck(bytes.data(), bytes.size());
  std::copy(check.begin(), check.end(), bytes.end() - check.size());
  return bytes;
}

std::optional<Witness> ReadWitness(ConstByteSpan bytes) {
  if (bytes.size() < kWitnessMagic.size()) return std::nullopt;
  const bool is_first = std::memcmp(bytes.data(), kFirstWitnessMagic.data(), kFirstWitnessMagic.size()) == 0;
  const size_t size = is_first ? kFirstWitnessBytes : kWitnessBytes;
  if (bytes.size() < size) return std::nullopt;
  if (!is_first && std::memcmp(bytes.data(), kWitnessMagic.data(), kWitnessMagic.size()) != 0) return std::nullopt;
  const auto check = WitnessCheck(bytes.data(), size);
  if (!std::equal(check.begin(), check.end(), bytes.data() + size - check.size())) return std::nullopt;
  Witness witness;
  const uint8_t* at = bytes.data() + kWitnessMagic.size();
  const auto number = [&](auto& field, int bytes_of_field) {
    uint64_t read = 0;
    for (int i = 0; i < bytes_of_field; ++i) read = read << 8 | *at++;
    field = static_cast<std::remove_reference_t<decltype(field)>>(read);
  };
  EachFirstField(witness, number, [&](uint8_t* data, size_t run) {
    std::copy_n(at, run, data);
    at += run;
  });
  if (!is_first) EachClockField(witness, number);
  return witness;
}

std::string WitnessFile::File::Path() const { return absl::StrCat(directory, "/", kWitnessName); }

void WitnessFile::File::Close() {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

WitnessFile::WitnessFile(std::vector<std::string> directories, OnIo on_io) : on_io_(std::move(on_io)) {
  for (std::string& directory : directories) {
    files_.push_back({.directory = std::move(directory), .volume = {}});
    files_.back().volume = VolumeOf(files_.back().directory);
  }
}

WitnessFile::~WitnessFile() {
  for (File& file : files_) file.Close();
}

absl::StatusOr<std::unique_ptr<WitnessFile>> WitnessFile::Open(std::vector<std::string> directories, OnIo on_io) {
  std::unique_ptr<WitnessFile> file(new WitnessFile(std::move(directories), std::move(on_io)));
  absl::Status unread;
  size_t read = 0;
  for (File& each : file->files_) {
    const auto found = Look(each);
    if (absl::IsFailedPrecondition(found.status())) return found.status();
    // One that cannot be read is as good as none, unless it is the only one.
    unread.Update(found.status());
    if (!found.ok()) continue;
    ++read;
    file->damaged_ |= found->is_damaged;
    if (!found->last.has_value()) continue;
    if (!file->last_.has_value() || found->last->count > file->last_->count) file->last_ = found->last;
  }
  if (read == 0 && !unread.ok()) return unread;
  file->damaged_ &= !file->last_.has_value();
  return file;
}

absl::StatusOr<WitnessFile::Found> WitnessFile::Look(File& file) {
  const std::string path = file.Path();
  Found found;
  file.opening = absl::OkStatus();
  file.fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (file.fd < 0 && errno == ENOENT) return found;
  if (file.fd < 0) {
    // What cannot be written can be read, maybe.
    file.opening = StatusFromErrno(errno, absl::StrCat("open ", path));
    file.fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  }
  if (file.fd < 0) return StatusFromErrno(errno, absl::StrCat("open ", path));
  struct stat info;
  if (::fstat(file.fd, &info) != 0) return StatusFromErrno(errno, "stat");
  if (!S_ISREG(info.st_mode)) return absl::FailedPreconditionError(absl::StrCat("key ring: ", path, " is no file"));
  bool is_written = false;
  for (size_t place = 0; place < 2; ++place) {
    WitnessArray bytes{};
    const ssize_t got = ::pread(file.fd, bytes.data(), bytes.size(), static_cast<off_t>(place * kWitnessPlaceBytes));
    if (got < 0) return StatusFromErrno(errno, absl::StrCat("read ", path));
    is_written = is_written || !IsZero(bytes);
    const auto witness = ReadWitness(bytes);
    if (!witness.has_value() || (found.last.has_value() && witness->count < found.last->count)) continue;
    found.last = witness;
    file.next_place = 1 - place;
  }
  found.is_damaged = is_written && !found.last.has_value();
  return found;
}

absl::Status WitnessFile::Write(Witness witness) {
  witness.count = last_.has_value() ? last_->count + 1 : 1;
  const WitnessArray bytes = WitnessBytes(witness);
  failure_ = absl::OkStatus();
  size_t written = 0;
  for (size_t i = 0; i < files_.size(); ++i) {
    const absl::Status status = WriteTo(i, bytes);
    failure_.Update(status);
    files_[i].failed = !status.ok();
    if (!status.ok()) continue;
    ++written;
    files_[i].next_place = 1 - files_[i].next_place;
  }
  if (written == 0) return failure_;
  last_ = witness;
  return absl::OkStatus();
}

absl::Status WitnessFile::Make(File& file) {
  const std::string path = file.Path();
  const auto volume = VolumeOf(file.directory);
  if (file.volume.has_value() && volume != file.volume) {
    return absl::FailedPreconditionError(absl::StrCat("key ring: ", path, " is not there: is its volume mounted?"));
  }
  if (absl::Status s = TakeEmptyDirectory(file.directory); !s.ok()) return s;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return StatusFromErrno(errno, absl::StrCat("create ", path));
  // Allocated for both places: a full disk keeps nothing from being remembered.
  absl::Status status;
  if (const int error = ::posix_fallocate(fd, 0, 2 * kWitnessPlaceBytes); error != 0) {
    status = StatusFromErrno(error, "allocate");
  }
  if (status.ok()) status = SyncDirectory(file.directory);
  if (!status.ok()) {
    ::close(fd);
    return status;
  }
  file.volume = volume;
  file.fd = fd;
  return absl::OkStatus();
}

absl::Status WitnessFile::WriteTo(size_t i, const WitnessArray& bytes) {
  File& file = files_[i];
  if (on_io_) {
    if (absl::Status s = on_io_(i); !s.ok()) return s;
  }
  const bool is_same = file.fd >= 0 && LeadsTo(file.Path(), file.fd);
  if (!is_same || file.failed) {
    const size_t next_place = file.next_place;
    file.Close();
    if (absl::Status s = Look(file).status(); !s.ok()) return s;
    // What a failure left in the one place may not be durable, though it can be read.
    if (is_same) file.next_place = next_place;
  }
  if (!file.opening.ok()) return file.opening;
  if (file.fd < 0) {
    if (absl::Status s = Make(file); !s.ok()) return s;
  }
  const off_t offset = static_cast<off_t>(file.next_place * kWitnessPlaceBytes);
  if (::pwrite(file.fd, bytes.data(), bytes.size(), offset) != static_cast<ssize_t>(bytes.size())) {
    return StatusFromErrno(errno, "write");
  }
  if (on_io_) {
    if (absl::Status s = on_io_(i); !s.ok()) return s;
  }
  return ::fdatasync(file.fd) == 0 ? absl::OkStatus() : StatusFromErrno(errno, "sync");
}

}  // namespace retention
