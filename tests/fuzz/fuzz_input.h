// What all targets share: an input that is taken apart, and what must hold of it.
#ifndef RETENTION_TESTS_FUZZ_FUZZ_INPUT_H_
#define RETENTION_TESTS_FUZZ_FUZZ_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace retention {

// Ends the process, as a sanitizer would, and says what did not hold.
inline void MustHold(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// Takes numbers off the front of an input; what is left is the text or file that it is about.
class FuzzInput {
 public:
  FuzzInput(const uint8_t* bytes, size_t size) : rest_(reinterpret_cast<const char*>(bytes), size) {}

  bool empty() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  // 0 where nothing is left.
  uint8_t TakeByte() {
    const std::string_view byte = Take(1);
    return byte.empty() ? uint8_t{0} : static_cast<uint8_t>(byte.front());
  }
  uint32_t TakeNumber(size_t bytes) {
    uint32_t number = 0;
    for (size_t i = 0; i < bytes; ++i) number = number << 8 | TakeByte();
    return number;
  }
  // As much as there is of it.
  std::string_view Take(size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view rest_;
};

// No control characters: what is shown on a terminal, or written to a log, forges no line of it.
inline bool IsOneLine(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  return true;
}

}  // namespace retention

#endif  // RETENTION_TESTS_FUZZ_FUZZ_INPUT_H_
