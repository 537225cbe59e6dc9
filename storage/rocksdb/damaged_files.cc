#include "storage/rocksdb/damaged_files.h"

#include <cctype>
#include <string>

#include "absl/strings/numbers.h"

namespace retention {

void DamagedFiles::Note(std::string_view corruption) {
  const std::string text(corruption);
  const size_t suffix = text.find(".sst");
  size_t digits = suffix == std::string::npos ? 0 : suffix;
  while (digits > 0 && std::isdigit(static_cast<unsigned char>(text[digits - 1])) != 0) --digits;
  uint64_t number = 0;
  const bool named = suffix != std::string::npos && absl::SimpleAtoi(text.substr(digits, suffix - digits), &number);
  const MutexLock lock(mutex_);
  if (named) {
    numbers_.insert(number);
  } else {
    unnamed_ = true;
  }
}

void DamagedFiles::Note(uint64_t number) {
  const MutexLock lock(mutex_);
  numbers_.insert(number);
}

void DamagedFiles::Forget(uint64_t number) {
  const MutexLock lock(mutex_);
  numbers_.erase(number);
}

void DamagedFiles::ForgetUnnamed() {
  const MutexLock lock(mutex_);
  unnamed_ = false;
}

std::set<uint64_t> DamagedFiles::numbers() const {
  const MutexLock lock(mutex_);
  return numbers_;
}

bool DamagedFiles::unnamed() const {
  const MutexLock lock(mutex_);
  return unnamed_;
}

}  // namespace retention
