#include "storage/secrets/ledger_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/secrets/ring_disk.h"

namespace retention {
namespace {

// Do not change: see FORMAT.md.
constexpr std::string_view kCopyMagic = "RETNLEDG";
constexpr uint32_t kCopyVersion = 1;
constexpr uint64_t kCopyHeaderBytes = 32;
constexpr size_t kLengthBytes = 4;  // before and after each record's leaf
constexpr size_t kBeforeLeafBytes = kLengthBytes + 8 + kLedgerHashBytes;
constexpr const char* kCopyName = "ledger";
constexpr size_t kAppendBytes = 1 << 20;

void AppendInteger(uint64_t number, size_t bytes, std::string& out) {
  for (size_t i = bytes; i-- > 0;) out.push_back(static_cast<char>(number >> (8 * i)));
}

uint64_t IntegerIn(std::string_view bytes) {
  uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

}  // namespace

LedgerCopy::LedgerCopy(std::string directory, std::string_view ring_identity, OnIo on_io)
    : directory_(std::move(directory)), ring_identity_(ring_identity), on_io_(std::move(on_io)) {}

LedgerCopy::~LedgerCopy() { Close(); }

void LedgerCopy::Close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::string LedgerCopy::Path() const { return absl::StrCat(directory_, "/", kCopyName); }

std::string LedgerCopy::Header() const {
  std::string header(kCopyMagic);
  AppendInteger(kCopyVersion, 4, header);
  header.append(4, '\0').append(ring_identity_);
  return header;
}

// Of random identities no two are half alike: what is nearly ours is ours, and damaged.
bool LedgerCopy::IsOfAnotherRing(std::string_view header) const {
  if (!header.starts_with(kCopyMagic)) return false;
  const std::string_view identity = header.substr(kCopyHeaderBytes - ring_identity_.size());
  size_t alike = 0;
  for (size_t i = 0; i < identity.size(); ++i) alike += identity[i] == ring_identity_[i] ? 1 : 0;
  return alike < identity.size() / 2;
}

absl::Status LedgerCopy::WriteHeader() {
  const std::string header = Header();
  if (::pwrite(fd_, header.data(), header.size(), 0) == static_cast<ssize_t>(header.size())) return absl::OkStatus();
  return StatusFromErrno(errno, "write the ledger's copy");
}

absl::StatusOr<std::unique_ptr<LedgerCopy>> LedgerCopy::Open(const std::string& directory,
                                                             std::string_view ring_identity, uint64_t durable,
                                                             OnIo on_io) {
  std::unique_ptr<LedgerCopy> copy(new LedgerCopy(directory, ring_identity, std::move(on_io)));
  copy->volume_ = VolumeOf(directory);
  absl::Status opened = copy->OpenFile(durable);
  if (opened.ok()) return copy;
  if (!absl::IsUnavailable(opened)) return opened;
  copy->Close();
  copy->last_ = copy->synced_ = Place();
  copy->cut_bytes_ = 0;
  copy->header_mended_ = false;
  return copy;
}

absl::StatusOr<bool> LedgerCopy::FollowPath() {
  const bool is_same = fd_ >= 0 && LeadsTo(Path(), fd_);
  if (is_same && !failed_) return false;
  const bool had_any = last_.size > 0;
  const Place synced = synced_;
  Close();
  if (absl::Status s = OpenFile(is_same ? synced.size : 0); !s.ok()) {
    Close();
    return s;
  }
  // What was written since may not be durable, though it can be read.
  if (is_same && synced.size < last_.size) last_ = synced_ = synced;
  return !is_same && (had_any || last_.size > 0);
}

absl::Status LedgerCopy::OpenFile(uint64_t durable) {
  const std::string path = Path();
  last_ = Place();
  synced_ = Place();
  failed_ = false;
  fd_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd_ < 0 && errno == ENOENT) return absl::OkStatus();
  if (fd_ < 0) return StatusFromErrno(errno, absl::StrCat("open ", path));
  struct stat info;
  if (::fstat(fd_, &info) != 0) return StatusFromErrno(errno, "stat");
  if (!S_ISREG(info.st_mode)) return absl::FailedPreconditionError(absl::StrCat("key ring: ", path, " is no file"));
  const auto bytes = static_cast<uint64_t>(info.st_size);
  std::string header(kCopyHeaderBytes, '\0');
  const auto got = ReadFully(0, header.data(), header.size());
  if (!got.ok()) return got.status();
  if (!*got || header == std::string(kCopyHeaderBytes, '\0')) {
    // Its making was cut short.
    cut_bytes_ = bytes;
    return Truncate(0);
  }
  if (IsOfAnotherRing(header)) {
    return absl::FailedPreconditionError(absl::StrCat("key ring: ", path, " is not of this ring: move it away"));
  }
  if (header != Header()) {
    if (absl::Status s = WriteHeader(); !s.ok()) return s;
    if (absl::Status s = Sync(); !s.ok()) return s;
    header_mended_ = true;
  }
  last_.end = kCopyHeaderBytes;
  const auto found = FindEnd(bytes, durable);
  if (!found.ok()) return found.status();
  if (!*found) {
    if (absl::Status s = SeekEnd(); !s.ok()) return s;
    cut_bytes_ = bytes - last_.end;
    if (cut_bytes_ > 0) {
      if (absl::Status s = Truncate(last_.end); !s.ok()) return s;
    }
  }
  synced_ = last_;
  return absl::OkStatus();
}

absl::StatusOr<bool> LedgerCopy::ReadFully(uint64_t offset, char* out, size_t size) const {
  while (size > 0) {
    const ssize_t got = ::pread(fd_, out, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return StatusFromErrno(errno, "read the ledger's copy");
    if (got == 0) return false;
    out += got;
    offset += static_cast<uint64_t>(got);
    size -= static_cast<size_t>(got);
  }
  return true;
}

absl::StatusOr<std::optional<LedgerCopy::Record>> LedgerCopy::ReadAt(uint64_t offset) const {
  std::string before(kBeforeLeafBytes, '\0');
  auto got = ReadFully(offset, before.data(), before.size());
  if (!got.ok()) return got.status();
  if (!*got) return std::nullopt;
  const std::string_view length = std::string_view(before).substr(0, kLengthBytes);
  const uint64_t leaf_bytes = IntegerIn(length);
  if (leaf_bytes == 0 || leaf_bytes > kLeafBytesMax) return std::nullopt;
  Record record;
  record.sequence = IntegerIn(std::string_view(before).substr(kLengthBytes, 8));
  record.entry.hash = before.substr(kLengthBytes + 8);
  record.entry.leaf.resize(leaf_bytes + kLengthBytes);
  got = ReadFully(offset + before.size(), record.entry.leaf.data(), record.entry.leaf.size());
  if (!got.ok()) return got.status();
  if (!*got || std::string_view(record.entry.leaf).substr(leaf_bytes) != length) return std::nullopt;
  record.entry.leaf.resize(leaf_bytes);
  record.end = offset + kBeforeLeafBytes + leaf_bytes + kLengthBytes;
  return record;
}

absl::StatusOr<std::optional<LedgerCopy::Record>> LedgerCopy::ReadBefore(uint64_t end) const {
  std::string length(kLengthBytes, '\0');
  if (end < kCopyHeaderBytes + kBeforeLeafBytes + 1 + kLengthBytes) return std::nullopt;
  const auto got = ReadFully(end - kLengthBytes, length.data(), length.size());
  if (!got.ok()) return got.status();
  const uint64_t bytes = kBeforeLeafBytes + IntegerIn(length) + kLengthBytes;
  if (!*got || bytes > end - kCopyHeaderBytes) return std::nullopt;
  auto record = ReadAt(end - bytes);
  if (record.ok() && record->has_value() && (*record)->end != end) return std::nullopt;
  return record;
}

absl::StatusOr<bool> LedgerCopy::FindEnd(uint64_t bytes, uint64_t durable) {
  auto record = ReadBefore(bytes);
  if (!record.ok()) return record.status();
  if (!record->has_value()) return false;
  const Place end{.size = (*record)->sequence, .head = (*record)->entry.hash, .end = bytes};
  // One more than is not known to be durable, at least: it must follow from the one before.
  for (bool is_last = true; is_last || (*record)->sequence > durable; is_last = false) {
    const uint64_t sequence = (*record)->sequence;
    const Entry entry = std::move((*record)->entry);
    const uint64_t begin = (*record)->end - (kBeforeLeafBytes + entry.leaf.size() + kLengthBytes);
    const bool is_first = begin == kCopyHeaderBytes;
    if (is_first != (sequence == 1)) return false;
    if (!is_first) {
      record = ReadBefore(begin);
      if (!record.ok()) return record.status();
      if (!record->has_value() || (*record)->sequence + 1 != sequence) return false;
    }
    if (ChainHash(is_first ? LedgerBeginning() : (*record)->entry.hash, entry.leaf) != entry.hash) return false;
    if (is_first) break;
  }
  last_ = end;
  return true;
}

absl::Status LedgerCopy::SeekEnd() {
  last_ = {.end = kCopyHeaderBytes};
  for (;;) {
    auto record = ReadAt(last_.end);
    if (!record.ok()) return record.status();
    if (!record->has_value() || (*record)->sequence != last_.size + 1 ||
        ChainHash(last_.head, (*record)->entry.leaf) != (*record)->entry.hash) {
      return absl::OkStatus();
    }
    ++last_.size;
    last_.head = std::move((*record)->entry.hash);
    last_.end = (*record)->end;
  }
}

absl::Status LedgerCopy::Truncate(uint64_t bytes) {
  if (::ftruncate(fd_, static_cast<off_t>(bytes)) != 0) return StatusFromErrno(errno, "cut the ledger's copy");
  return Sync();
}

absl::Status LedgerCopy::Make() {
  if (fd_ < 0) {
    const std::string path = Path();
    const auto volume = VolumeOf(directory_);
    if (volume_.has_value() && volume != volume_) {
      return absl::FailedPreconditionError(absl::StrCat("key ring: ", path, " is not there: is its volume mounted?"));
    }
    volume_ = volume;
    if (absl::Status s = TakeEmptyDirectory(directory_); !s.ok()) return s;
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd_ < 0) return StatusFromErrno(errno, absl::StrCat("create ", path));
  }
  if (absl::Status s = WriteHeader(); !s.ok()) return s;
  if (absl::Status s = SyncDirectory(directory_); !s.ok()) return s;
  last_.end = kCopyHeaderBytes;
  synced_ = last_;
  return absl::OkStatus();
}

absl::Status LedgerCopy::Append(std::span<const Entry> entries) {
  if (entries.empty()) return absl::OkStatus();
  if (on_io_) {
    if (absl::Status s = on_io_(); !s.ok()) return s;
  }
  if (last_.end == 0) {
    if (absl::Status s = Make(); !s.ok()) return s;
  }
  while (!entries.empty()) {
    std::string bytes;
    uint64_t size = last_.size;
    std::string head = last_.head;
    while (!entries.empty() && bytes.size() < kAppendBytes) {
      const Entry& entry = entries.front();
      if (entry.leaf.empty() || entry.leaf.size() > kLeafBytesMax || ChainHash(head, entry.leaf) != entry.hash) {
        return absl::InvalidArgumentError(absl::StrCat("what is to be ledger entry ", size + 1, " does not follow"));
      }
      AppendInteger(entry.leaf.size(), kLengthBytes, bytes);
      AppendInteger(++size, 8, bytes);
      bytes.append(entry.hash).append(entry.leaf);
      AppendInteger(entry.leaf.size(), kLengthBytes, bytes);
      head = entry.hash;
      entries = entries.subspan(1);
    }
    const ssize_t written = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(last_.end));
    // The next one overwrites what there is of it.
    failed_ = failed_ || written < 0;
    if (written < 0) return StatusFromErrno(errno, "write the ledger's copy");
    if (written != static_cast<ssize_t>(bytes.size())) return StatusFromErrno(ENOSPC, "write the ledger's copy");
    last_ = {.size = size, .head = std::move(head), .end = last_.end + bytes.size()};
  }
  return absl::OkStatus();
}

absl::Status LedgerCopy::Sync() {
  if (fd_ < 0) return absl::OkStatus();
  absl::Status status = on_io_ ? on_io_() : absl::OkStatus();
  if (status.ok() && ::fdatasync(fd_) != 0) status = StatusFromErrno(errno, "sync the ledger's copy");
  failed_ = failed_ || !status.ok();
  // Where it failed nobody knows what of the rest is there: it is written once more.
  (status.ok() ? synced_ : last_) = status.ok() ? last_ : synced_;
  return status;
}

absl::Status LedgerCopy::CutTo(uint64_t size) {
  if (size >= last_.size) return absl::OkStatus();
  uint64_t end = kCopyHeaderBytes;
  std::string head = LedgerBeginning();
  for (uint64_t sequence = 1; sequence <= size; ++sequence) {
    auto record = ReadAt(end);
    if (!record.ok()) return record.status();
    if (!record->has_value()) return absl::DataLossError("key ring: the ledger's copy is damaged");
    head = std::move((*record)->entry.hash);
    end = (*record)->end;
  }
  last_ = {.size = size, .head = std::move(head), .end = end};
  synced_ = last_;
  return Truncate(end);
}

absl::Status LedgerCopy::Visit(uint64_t first, absl::FunctionRef<bool(uint64_t, const Entry&)> visit) const {
  std::string head = LedgerBeginning();
  uint64_t at = kCopyHeaderBytes;
  for (uint64_t sequence = 1; sequence <= last_.size; ++sequence) {
    auto record = ReadAt(at);
    if (!record.ok()) return record.status();
    if (!record->has_value() || (*record)->sequence != sequence ||
        ChainHash(head, (*record)->entry.leaf) != (*record)->entry.hash) {
      return absl::DataLossError(absl::StrCat("key ring: the ledger's copy is broken at entry ", sequence));
    }
    if (sequence >= first && !visit(sequence, (*record)->entry)) return absl::OkStatus();
    head = std::move((*record)->entry.hash);
    at = (*record)->end;
  }
  return absl::OkStatus();
}

}  // namespace retention
