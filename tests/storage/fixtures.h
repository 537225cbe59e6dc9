// What the tests of this folder share: bytes of files, randomness that repeats, and keys of rows.
#ifndef RETENTION_TESTS_STORAGE_FIXTURES_H_
#define RETENTION_TESTS_STORAGE_FIXTURES_H_

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "storage/keys.h"
#include "storage/random_source.h"
#include "storage/secrets/secret_key.h"

namespace retention {

inline std::string ReadBytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline void WriteBytes(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Files under `directory` that hold `needle`.
inline std::vector<std::string> FilesHolding(const std::string& directory, std::string_view needle) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && ReadBytes(entry.path().string()).find(needle) != std::string::npos) {
      files.push_back(entry.path().filename().string());
    }
  }
  return files;
}

inline std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char byte : bytes) {
    hex.push_back(kDigits[static_cast<uint8_t>(byte) >> 4]);
    hex.push_back(kDigits[static_cast<uint8_t>(byte) & 15]);
  }
  return hex;
}

inline std::string BytesOf(const SecretKey& key) {
  return {reinterpret_cast<const char*>(key.data()), SecretKey::kBytes};
}

// 0, 1, 2, ...: every draw differs, every run is the same.
class CountingRandom : public RandomSource {
 public:
  absl::Status Fill(uint8_t* bytes, size_t size) override {
    if (!failure_.ok()) return failure_;
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(next_++);
    return absl::OkStatus();
  }
  void Fail(absl::Status failure) { failure_ = failure; }

 private:
  uint32_t next_ = 0;
  absl::Status failure_;
};

template <typename Id>
Id IdOf(uint8_t first) {
  Id id;
  for (size_t i = 0; i < Id::kBytes; ++i) id.bytes[i] = static_cast<uint8_t>(first + i);
  return id;
}

inline const DueDay kDay(absl::CivilDay(2026, 3, 8));  // number 20520 = 0x5028

inline FiledKey SomeKey(DueDay day, uint8_t item = 0x60) {
  return {
      .day = day, .category = 3, .pbx = IdOf<PbxId>(0x10), .owner = IdOf<OwnerId>(0x20), .item = IdOf<ItemId>(item)};
}

}  // namespace retention

#endif  // RETENTION_TESTS_STORAGE_FIXTURES_H_
