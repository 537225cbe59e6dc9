#include "client/commands/json_lines.h"

#include "absl/strings/str_cat.h"

namespace retention {
namespace {

constexpr uint64_t kFaultsShown = 20;
constexpr size_t kMebibyte = 1 << 20;

std::string SizeText(size_t bytes) {
  return bytes % kMebibyte == 0 ? absl::StrCat(bytes / kMebibyte, " MiB") : absl::StrCat(bytes >> 10, " KiB");
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
  for (uint64_t number = 1; taken.goes_on && std::getline(input, text); ++number) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    taken = text.size() > bytes_max ? LineTaken{.fault = {"", absl::StrCat("longer than ", SizeText(bytes_max))}}
                                    : take(number, text);
    if (!taken.fault.description.empty()) faults.Add(DescribeFault(name, number, taken.fault));
  }
}

}  // namespace retention
