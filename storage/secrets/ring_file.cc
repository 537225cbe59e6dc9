#include "storage/secrets/ring_file.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>

#include "absl/strings/str_cat.h"

namespace retention {
namespace {

// Do not change: see FORMAT.md.
constexpr std::string_view kMagic = "RETNRING";
constexpr uint32_t kRingVersion = 2;
constexpr size_t kHeaderBytes = 8 + RingFileWriter::kNumberBytes + 1 + 1;
constexpr size_t kChecksumBytes = 32;

std::array<uint8_t, kChecksumBytes> Checksum(std::string_view bytes) {
  std::array<uint8_t, kChecksumBytes> sum{};
  EVP_Digest(bytes.data(), bytes.size(), sum.data(), nullptr, EVP_sha256(), nullptr);
  return sum;
}

}  // namespace

absl::Status DamagedRingFile(std::string_view name, std::string_view what) {
  return absl::DataLossError(absl::StrCat("key ring: file ", std::string(name), " ", std::string(what)));
}

RingFileWriter::RingFileWriter(RingFileKind kind, size_t shard, size_t bytes)
    : file_(kHeaderBytes + bytes + kChecksumBytes) {
  Put(kMagic);
  PutNumber(kRingVersion);
  file_.bytes().push_back(static_cast<char>(kind));
  file_.bytes().push_back(static_cast<char>(shard));
}

void RingFileWriter::PutNumber(uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) file_.bytes().push_back(static_cast<char>((number >> shift) & 0xFF));
}

void RingFileWriter::PutKey(const SecretKey& key) {
  Put({reinterpret_cast<const char*>(key.data()), SecretKey::kBytes});
}

void RingFileWriter::PutKeys(const std::map<DueDay, SecretKey>& keys) {
  PutNumber(static_cast<uint32_t>(keys.size()));
  for (const auto& [day, key] : keys) {
    PutNumber(day.number());
    PutKey(key);
  }
}

void RingFileWriter::PutKeys(const std::map<PbxId, SecretKey>& keys) {
  PutNumber(static_cast<uint32_t>(keys.size()));
  for (const auto& [pbx, key] : keys) {
    Put(pbx.view());
    PutKey(key);
  }
}

SecretBytes RingFileWriter::Finish() {
  const auto sum = Checksum(file_.view());
  Put({reinterpret_cast<const char*>(sum.data()), sum.size()});
  return std::move(file_);
}

absl::StatusOr<RingFileReader> RingFileReader::Open(std::string_view name, std::string_view file, RingFileKind kind,
                                                    size_t shard) {
  if (file.size() < kHeaderBytes + kChecksumBytes || file.substr(0, kMagic.size()) != kMagic) {
    return DamagedRingFile(name, "is not a key ring file");
  }
  const std::string_view covered = file.substr(0, file.size() - kChecksumBytes);
  const auto sum = Checksum(covered);
  if (CRYPTO_memcmp(sum.data(), file.data() + covered.size(), sum.size()) != 0) {
    return DamagedRingFile(name, "fails its checksum");
  }
  RingFileReader reader(covered.substr(kMagic.size()));
  if (reader.TakeNumber() != kRingVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("key ring: file ", std::string(name), " is of an unknown version"));
  }
  if (static_cast<RingFileKind>(reader.Take(1)[0]) != kind || static_cast<uint8_t>(reader.Take(1)[0]) != shard) {
    return DamagedRingFile(name, "is under another file's name");
  }
  return reader;
}

std::string_view RingFileReader::Take(size_t size) {
  if (rest_.size() < size) {
    ok_ = false;
    return {};
  }
  const std::string_view field = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return field;
}

uint32_t RingFileReader::TakeNumber() {
  uint32_t number = 0;
  for (const char byte : Take(RingFileWriter::kNumberBytes)) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

SecretKey RingFileReader::TakeKey() {
  std::array<uint8_t, SecretKey::kBytes> bytes{};
  const std::string_view field = Take(SecretKey::kBytes);
  field.copy(reinterpret_cast<char*>(bytes.data()), field.size());
  SecretKey key(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

void RingFileReader::TakeKeys(std::map<DueDay, SecretKey>& keys) {
  for (uint32_t left = TakeNumber(); left > 0 && ok_; --left) {
    const DueDay day = DueDay::FromNumber(TakeNumber());
    keys.insert_or_assign(day, TakeKey());
  }
}

void RingFileReader::TakeKeys(std::map<PbxId, SecretKey>& keys) {
  for (uint32_t left = TakeNumber(); left > 0 && ok_; --left) {
    const std::string_view id = Take(PbxId::kBytes);
    if (ok_) keys.insert_or_assign(PbxId::From(id), TakeKey());
  }
}

}  // namespace retention
