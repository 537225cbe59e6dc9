#include "storage/secrets/key_ring.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/directory_lock.h"
#include "storage/secrets/ring_file.h"
#include "storage/secrets/secret_file.h"

namespace retention {
namespace {

// Do not change: see FORMAT.md.
constexpr size_t kIdentityBytes = 16;
constexpr std::string_view kOrdersLabel = "retention.v1 orders";
constexpr char kDaysName[] = "days";
constexpr std::string_view kNewSuffix = ".new";
constexpr std::string_view kOldSuffix = ".old";

std::string PbxsName(size_t shard) {
  char name[8];
  std::snprintf(name, sizeof(name), "pbx-%02zx", shard);
  return name;
}

// One way: HMAC-SHA256 under the key.
std::optional<SecretKey> OrderKeyOf(const SecretKey& pbx_key) {
  std::array<uint8_t, SecretKey::kBytes> bytes{};
  const bool ok =
      HMAC(EVP_sha256(), pbx_key.data(), SecretKey::kBytes, reinterpret_cast<const uint8_t*>(kOrdersLabel.data()),
           kOrdersLabel.size(), bytes.data(), nullptr) != nullptr;
  const SecretKey key(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return ok ? std::optional(key) : std::nullopt;
}

bool EndsWith(std::string_view text, std::string_view suffix) {
  return text.size() > suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

}  // namespace

KeyRing::KeyRing(std::string directory, Options options)
    : directory_(std::move(directory)), options_(std::move(options)) {}

KeyRing::~KeyRing() {
  if (directory_fd_ >= 0) ::close(directory_fd_);
}

absl::StatusOr<std::unique_ptr<KeyRing>> KeyRing::Create(const std::string& directory, Options options) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return StatusFromErrno(error.value(), "create directory");
  if (::chmod(directory.c_str(), 0700) != 0) return StatusFromErrno(errno, "chmod");

  std::unique_ptr<KeyRing> ring(new KeyRing(directory, std::move(options)));
  const MutexLock lock(ring->mutex_);
  if (absl::Status status = ring->Lock(); !status.ok()) return status;
  if (absl::Status status = ring->WipeStaleFiles(); !status.ok()) return status;
  const absl::Status found = ring->Load();
  if (found.ok()) return absl::AlreadyExistsError("key ring: there is one already");
  if (!absl::IsNotFound(found)) return found;

  DayFile first;
  if (absl::Status status = ring->Draw(first.identity.data(), first.identity.size()); !status.ok()) return status;
  for (SecretKey* key : {&first.hash_key, &first.open_key}) {
    absl::StatusOr<SecretKey> drawn = ring->DrawKey();
    if (!drawn.ok()) return drawn.status();
    *key = *drawn;
  }
  ring->days_.identity = first.identity;
  for (size_t shard = 0; shard < kPbxShards; ++shard) {
    const SecretBytes empty = ring->EncodePbxs(shard, PbxFile());
    absl::Status status = WriteSecretFile(ring->directory_fd_, PbxsName(shard), empty.view());
    if (!status.ok()) return status;
  }
  // Last, since a ring exists from the moment that this file does.
  if (absl::Status status = ring->WriteDays(std::move(first)); !status.ok()) return status;
  return ring;
}

absl::StatusOr<std::unique_ptr<KeyRing>> KeyRing::Open(const std::string& directory, Options options) {
  std::unique_ptr<KeyRing> ring(new KeyRing(directory, std::move(options)));
  const MutexLock lock(ring->mutex_);
  if (absl::Status status = ring->Lock(); !status.ok()) return status;
  if (absl::Status status = ring->WipeStaleFiles(); !status.ok()) return status;
  if (absl::Status status = ring->Load(); !status.ok()) return status;
  return ring;
}

absl::Status KeyRing::Lock() {
  const absl::StatusOr<int> fd = LockDirectory(directory_);
  if (!fd.ok()) return fd.status();
  directory_fd_ = *fd;
  return absl::OkStatus();
}

absl::Status KeyRing::Load() {
  const absl::StatusOr<SecretBytes> days = ReadSecretFile(directory_fd_, kDaysName);
  if (!days.ok() && !absl::IsNotFound(days.status())) return days.status();
  if (days.ok()) {
    if (absl::Status status = LoadDays(days->view()); !status.ok()) return status;
  }
  for (size_t shard = 0; shard < kPbxShards; ++shard) {
    const absl::StatusOr<SecretBytes> pbxs = ReadSecretFile(directory_fd_, PbxsName(shard));
    if (!pbxs.ok()) {
      if (!absl::IsNotFound(pbxs.status())) return pbxs.status();
      if (days.ok()) return DamagedRingFile(PbxsName(shard), "is missing");
      continue;
    }
    if (absl::Status status = LoadPbxs(shard, pbxs->view()); !status.ok()) return status;
    // Without `days`, empty files are a creation that did not get to its end; keys are a ring that lost its head.
    if (!days.ok() && !pbxs_[shard].empty()) return DamagedRingFile(kDaysName, "is missing");
  }
  if (!days.ok()) return absl::NotFoundError("key ring: there is none");
  for (size_t shard = 0; shard < kPbxShards; ++shard) {
    for (const auto* keys : {&pbxs_[shard].keys, &pbxs_[shard].order_keys}) {
      for (const auto& [pbx, key] : *keys) {
        if (pbx.bytes[0] % kPbxShards != shard) return DamagedRingFile(PbxsName(shard), "holds another file's entry");
      }
    }
  }
  return absl::OkStatus();
}

absl::Status KeyRing::LoadDays(std::string_view file) {
  absl::StatusOr<RingFileReader> opened = RingFileReader::Open(kDaysName, file, RingFileKind::kDays, 0);
  if (!opened.ok()) return opened.status();
  RingFileReader& fields = *opened;
  const std::string_view identity = fields.Take(kIdentityBytes);
  identity.copy(reinterpret_cast<char*>(days_.identity.data()), identity.size());
  days_.hash_key = fields.TakeKey();
  days_.open_key = fields.TakeKey();
  days_.destroyed_through = DueDay::FromNumber(fields.TakeNumber());
  days_.cohorts_destroyed_through = DueDay::FromNumber(fields.TakeNumber());
  fields.TakeKeys(days_.days);
  fields.TakeKeys(days_.cohorts);
  return fields.AtEnd() ? absl::OkStatus() : DamagedRingFile(kDaysName, "is malformed");
}

absl::Status KeyRing::LoadPbxs(size_t shard, std::string_view file) {
  const std::string name = PbxsName(shard);
  absl::StatusOr<RingFileReader> opened = RingFileReader::Open(name, file, RingFileKind::kPbxs, shard);
  if (!opened.ok()) return opened.status();
  RingFileReader& fields = *opened;
  const std::string_view identity = fields.Take(kIdentityBytes);
  const std::string_view expected(reinterpret_cast<const char*>(days_.identity.data()), days_.identity.size());
  PbxFile pbxs;
  fields.TakeKeys(pbxs.keys);
  fields.TakeKeys(pbxs.order_keys);
  if (!fields.AtEnd()) return DamagedRingFile(name, "is malformed");
  // A creation that did not get to its end leaves files of an identity that never came to be.
  if (identity != expected && !pbxs.empty()) return DamagedRingFile(name, "belongs to another ring");
  pbxs_[shard] = std::move(pbxs);
  return absl::OkStatus();
}

absl::Status KeyRing::WriteDays(DayFile next) {
  constexpr size_t kEntryBytes = RingFileWriter::kNumberBytes + SecretKey::kBytes;
  RingFileWriter out(RingFileKind::kDays, 0,
                     kIdentityBytes + 2 * SecretKey::kBytes + 4 * RingFileWriter::kNumberBytes +
                         (next.days.size() + next.cohorts.size()) * kEntryBytes);
  out.Put({reinterpret_cast<const char*>(next.identity.data()), next.identity.size()});
  out.PutKey(next.hash_key);
  out.PutKey(next.open_key);
  out.PutNumber(next.destroyed_through.number());
  out.PutNumber(next.cohorts_destroyed_through.number());
  out.PutKeys(next.days);
  out.PutKeys(next.cohorts);
  bool replaced = false;
  const absl::Status status = Rewrite(kDaysName, out.Finish().view(), replaced);
  if (replaced) days_ = std::move(next);
  return status;
}

SecretBytes KeyRing::EncodePbxs(size_t shard, const PbxFile& next) const {
  constexpr size_t kEntryBytes = PbxId::kBytes + SecretKey::kBytes;
  RingFileWriter out(
      RingFileKind::kPbxs, shard,
      kIdentityBytes + 2 * RingFileWriter::kNumberBytes + (next.keys.size() + next.order_keys.size()) * kEntryBytes);
  out.Put({reinterpret_cast<const char*>(days_.identity.data()), days_.identity.size()});
  out.PutKeys(next.keys);
  out.PutKeys(next.order_keys);
  return out.Finish();
}

absl::Status KeyRing::WritePbxs(size_t shard, PbxFile next) {
  bool replaced = false;
  const absl::Status status = Rewrite(PbxsName(shard), EncodePbxs(shard, next).view(), replaced);
  if (replaced) pbxs_[shard] = std::move(next);
  return status;
}

absl::Status KeyRing::Rewrite(const std::string& name, std::string_view body, bool& replaced) {
  if (absl::Status status = Finish(); !status.ok()) return status;
  if (absl::Status status = Reach(Step::kBeforeWrite); !status.ok()) return status;
  const std::string new_name = absl::StrCat(name, std::string(kNewSuffix));
  const std::string old_name = absl::StrCat(name, std::string(kOldSuffix));
  unfinished_ = true;
  if (absl::Status status = WriteSecretFile(directory_fd_, new_name, body); !status.ok()) return status;
  if (absl::Status status = Reach(Step::kBeforeRename); !status.ok()) return status;
  // The old file keeps a name, so that it is found and overwritten even after a crash from here on.
  absl::Status status = ReplaceSecretFile(directory_fd_, new_name, name, old_name, replaced);
  if (!status.ok()) return status;
  if (status = SyncDirectory(directory_fd_); !status.ok()) return status;
  if (status = Reach(Step::kBeforeOverwrite); !status.ok()) return status;
  if (status = WipeSecretFile(directory_fd_, old_name, name); !status.ok()) return status;
  unfinished_ = false;
  return Reach(Step::kDone);
}

absl::Status KeyRing::Finish() {
  if (!unfinished_) return absl::OkStatus();
  if (absl::Status status = SyncDirectory(directory_fd_); !status.ok()) return status;
  if (absl::Status status = WipeStaleFiles(); !status.ok()) return status;
  unfinished_ = false;
  return absl::OkStatus();
}

absl::Status KeyRing::WipeStaleFiles() {
  std::error_code error;
  std::filesystem::directory_iterator entries(directory_, error);
  if (error) return StatusFromErrno(error.value(), "list directory");
  bool wiped = false;
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (!EndsWith(name, kNewSuffix) && !EndsWith(name, kOldSuffix)) continue;
    const std::string kept = name.substr(0, name.size() - kNewSuffix.size());
    if (absl::Status status = WipeSecretFile(directory_fd_, name, kept); !status.ok()) return status;
    wiped = true;
  }
  return wiped ? SyncDirectory(directory_fd_) : absl::OkStatus();
}

absl::Status KeyRing::Draw(uint8_t* bytes, size_t size) const {
  if (options_.random) return options_.random(bytes, size);
  if (RAND_priv_bytes(bytes, static_cast<int>(size)) == 1) return absl::OkStatus();
  return absl::UnavailableError("key ring: no randomness");
}

absl::StatusOr<SecretKey> KeyRing::DrawKey() const {
  std::array<uint8_t, SecretKey::kBytes> bytes{};
  const absl::Status status = Draw(bytes.data(), bytes.size());
  SecretKey key(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  if (!status.ok()) return status;
  return key;
}

absl::Status KeyRing::Reach(Step step) const { return options_.on_step ? options_.on_step(step) : absl::OkStatus(); }

std::string KeyRing::identity() const {
  const MutexLock lock(mutex_);
  return std::string(reinterpret_cast<const char*>(days_.identity.data()), days_.identity.size());
}

SecretKey KeyRing::HashKey() const {
  const MutexLock lock(mutex_);
  return days_.hash_key;
}

SecretKey KeyRing::OpenKey() const {
  const MutexLock lock(mutex_);
  return days_.open_key;
}

absl::StatusOr<SecretKey> KeyRing::ForDay(DueDay day) {
  const MutexLock lock(mutex_);
  if (!day.is_civil()) return absl::InvalidArgumentError("key ring: not a civil day");
  if (day <= days_.destroyed_through) return absl::FailedPreconditionError("key ring: the day was destroyed");
  // A key that is not yet durable must not be used.
  if (absl::Status status = Finish(); !status.ok()) return status;
  if (const auto found = days_.days.find(day); found != days_.days.end()) return found->second;
  absl::StatusOr<SecretKey> key = DrawKey();
  if (!key.ok()) return key;
  DayFile next = days_;
  next.days.emplace(day, *key);
  if (absl::Status status = WriteDays(std::move(next)); !status.ok()) return status;
  return key;
}

std::optional<SecretKey> KeyRing::FindDay(DueDay day) const {
  const MutexLock lock(mutex_);
  const auto found = days_.days.find(day);
  return found == days_.days.end() ? std::nullopt : std::optional(found->second);
}

absl::Status KeyRing::DestroyDaysThrough(DueDay last) {
  const MutexLock lock(mutex_);
  if (!last.is_civil()) return absl::InvalidArgumentError("key ring: not a civil day");
  if (last <= days_.destroyed_through) return Finish();
  DayFile next = days_;
  next.destroyed_through = last;
  next.days.erase(next.days.begin(), next.days.upper_bound(last));
  return WriteDays(std::move(next));
}

DueDay KeyRing::destroyed_through() const {
  const MutexLock lock(mutex_);
  return days_.destroyed_through;
}

absl::StatusOr<SecretKey> KeyRing::MintPbx(const PbxId& pbx) {
  const MutexLock lock(mutex_);
  if (absl::Status status = Finish(); !status.ok()) return status;
  const size_t shard = pbx.bytes[0] % kPbxShards;
  const PbxFile& held = pbxs_[shard];
  if (const auto found = held.keys.find(pbx); found != held.keys.end()) return found->second;
  if (held.order_keys.contains(pbx)) return absl::FailedPreconditionError("key ring: the PBX's key was narrowed");
  absl::StatusOr<SecretKey> key = DrawKey();
  if (!key.ok()) return key;
  PbxFile next = held;
  next.keys.emplace(pbx, *key);
  if (absl::Status status = WritePbxs(shard, std::move(next)); !status.ok()) return status;
  return key;
}

std::optional<SecretKey> KeyRing::FindPbx(const PbxId& pbx) const {
  const MutexLock lock(mutex_);
  const PbxFile& held = pbxs_[pbx.bytes[0] % kPbxShards];
  const auto found = held.keys.find(pbx);
  return found == held.keys.end() ? std::nullopt : std::optional(found->second);
}

std::optional<SecretKey> KeyRing::FindPbxOrders(const PbxId& pbx) const {
  if (const auto key = FindPbx(pbx)) return OrderKeyOf(*key);
  const MutexLock lock(mutex_);
  const PbxFile& held = pbxs_[pbx.bytes[0] % kPbxShards];
  const auto found = held.order_keys.find(pbx);
  return found == held.order_keys.end() ? std::nullopt : std::optional(found->second);
}

absl::Status KeyRing::NarrowPbx(const PbxId& pbx) {
  const MutexLock lock(mutex_);
  const size_t shard = pbx.bytes[0] % kPbxShards;
  const auto found = pbxs_[shard].keys.find(pbx);
  if (found == pbxs_[shard].keys.end()) return Finish();
  const auto order_key = OrderKeyOf(found->second);
  if (!order_key) return absl::InternalError("key ring: OpenSSL failed");
  PbxFile next = pbxs_[shard];
  next.keys.erase(pbx);
  next.order_keys.emplace(pbx, *order_key);
  return WritePbxs(shard, std::move(next));
}

absl::Status KeyRing::DestroyPbx(const PbxId& pbx) {
  const MutexLock lock(mutex_);
  const size_t shard = pbx.bytes[0] % kPbxShards;
  PbxFile next = pbxs_[shard];
  if (next.keys.erase(pbx) + next.order_keys.erase(pbx) == 0) return Finish();
  return WritePbxs(shard, std::move(next));
}

absl::StatusOr<SecretKey> KeyRing::ForCohort(DueDay first_day) {
  const MutexLock lock(mutex_);
  if (!first_day.is_civil()) return absl::InvalidArgumentError("key ring: not a civil day");
  if (first_day <= days_.cohorts_destroyed_through) {
    return absl::FailedPreconditionError("key ring: the cohort was destroyed");
  }
  if (absl::Status status = Finish(); !status.ok()) return status;
  if (const auto found = days_.cohorts.find(first_day); found != days_.cohorts.end()) return found->second;
  absl::StatusOr<SecretKey> key = DrawKey();
  if (!key.ok()) return key;
  DayFile next = days_;
  next.cohorts.emplace(first_day, *key);
  if (absl::Status status = WriteDays(std::move(next)); !status.ok()) return status;
  return key;
}

std::optional<SecretKey> KeyRing::FindCohort(DueDay first_day) const {
  const MutexLock lock(mutex_);
  const auto found = days_.cohorts.find(first_day);
  return found == days_.cohorts.end() ? std::nullopt : std::optional(found->second);
}

absl::Status KeyRing::DestroyCohortsThrough(DueDay last) {
  const MutexLock lock(mutex_);
  if (!last.is_civil()) return absl::InvalidArgumentError("key ring: not a civil day");
  if (last <= days_.cohorts_destroyed_through) return Finish();
  DayFile next = days_;
  next.cohorts_destroyed_through = last;
  next.cohorts.erase(next.cohorts.begin(), next.cohorts.upper_bound(last));
  return WriteDays(std::move(next));
}

DueDay KeyRing::cohorts_destroyed_through() const {
  const MutexLock lock(mutex_);
  return days_.cohorts_destroyed_through;
}

}  // namespace retention
