#include "client/commands/json_lines.h"

#include <streambuf>

#include "absl/strings/str_cat.h"

namespace retention {
namespace {

constexpr uint64_t kFaultsShown = 20;
constexpr size_t kMebibyte = 1 << 20;

std::string SizeText(size_t bytes) {
  return bytes % kMebibyte == 0 ? absl::StrCat(bytes / kMebibyte, " MiB") : absl::StrCat(bytes >> 10, " KiB");
}

// What goes on for so many times the longest line without an end is no file of lines.
constexpr size_t kLinesGivenUp = 16;

// The next line, or as much of it as shows that it is longer than `bytes_max`. False at the end of the input, or of
// patience: then `gives_up` is set.
bool ReadLine(std::istream& input, size_t bytes_max, std::string& text, bool& gives_up) {
  text.clear();
  std::streambuf& bytes = *input.rdbuf();
  constexpr int kEnd = std::char_traits<char>::eof();
  if (bytes.sgetc() == kEnd) return false;
  size_t size = 0;
  for (int c = bytes.sbumpc(); c != kEnd && c != '\n'; c = bytes.sbumpc()) {
    if (text.size() <= bytes_max) text.push_back(static_cast<char>(c));
    gives_up = ++size > bytes_max * kLinesGivenUp;
    if (gives_up) return false;
  }
  return true;
}

}  // namespace

void LineFaults::Add(const std::string& message) {
  if (++count_ <= kFaultsShown) session_.Fail(message);
}

void LineFaults::Finish() const {
  if (count_ > kFaultsShown) session_.Fail(absl::StrCat("... and ", count_ - kFaultsShown, " more such lines"));
}

void TakeLines(const std::string& name, std::istream& input, size_t bytes_max, LineFaults& faults,
               const std::function<LineTaken(uint64_t number, const std::string& text)>& take) {
  std::string text;
  LineTaken taken;
  uint64_t number = 1;
  bool gives_up = false;
  for (; taken.goes_on && ReadLine(input, bytes_max, text, gives_up); ++number) {
    const bool is_too_long = text.size() > bytes_max;
    if (!is_too_long && text.find_first_not_of(" \t\r") == std::string::npos) continue;
    taken =
        is_too_long ? LineTaken{.fault = {"", absl::StrCat("longer than ", SizeText(bytes_max))}} : take(number, text);
    if (!taken.fault.description.empty()) faults.Add(DescribeFault(name, number, taken.fault));
  }
  if (!gives_up) return;
  const std::string size = SizeText(bytes_max * kLinesGivenUp);
  faults.Add(DescribeFault(name, number, {"", absl::StrCat("longer than ", size, "; the rest was not read")}));
}

}  // namespace retention
