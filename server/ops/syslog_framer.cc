#include "server/ops/syslog_framer.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "absl/strings/ascii.h"

namespace retention {
namespace {

// Digits of a frame's length: no frame is longer than gigabytes.
constexpr size_t kMaxLengthDigits = 10;

}  // namespace

void SyslogFramer::Append(std::string_view bytes) {
  LetGo();
  buffer_.append(bytes);
}

void SyslogFramer::LetGo() {
  if (taken_ == 0) return;
  std::string left(rest());
  OPENSSL_cleanse(buffer_.data(), buffer_.size());
  buffer_.swap(left);
  taken_ = 0;
}

std::optional<std::string> SyslogFramer::Next() {
  auto frame = TakeNext();
  if (!frame.has_value()) LetGo();
  return frame;
}

std::optional<std::string> SyslogFramer::TakeNext() {
  while (!broken_) {
    const size_t skipped = static_cast<size_t>(std::min<uint64_t>(skip_bytes_, rest().size()));
    skip_bytes_ -= skipped;
    Drop(skipped);
    if (skip_line_) {
      const size_t end = rest().find('\n');
      skip_line_ = end == std::string::npos;
      Drop(skip_line_ ? rest().size() : end + 1);
    }
    if (rest().empty()) return std::nullopt;
    if (rest().front() == '\n' || rest().front() == '\r') {
      Drop(1);
      continue;
    }
    return absl::ascii_isdigit(static_cast<unsigned char>(rest().front())) ? NextCounted() : NextLine();
  }
  return std::nullopt;
}

std::optional<std::string> SyslogFramer::NextCounted() {
  uint64_t length = 0;
  size_t digits = 0;
  for (; digits < rest().size() && absl::ascii_isdigit(static_cast<unsigned char>(rest()[digits])); ++digits) {
    if (digits == kMaxLengthDigits) break;
    length = length * 10 + static_cast<uint64_t>(rest()[digits] - '0');
  }
  if (digits == rest().size()) return std::nullopt;
  if (rest()[digits] != ' ' || rest().front() == '0') {
    broken_ = true;
    return std::nullopt;
  }
  const size_t kept = static_cast<size_t>(std::min<uint64_t>(length, kMaxFrameBytes));
  if (rest().size() < digits + 1 + kept) return std::nullopt;
  std::string frame(rest().substr(digits + 1, kept));
  Drop(digits + 1 + kept);
  skip_bytes_ = length - kept;
  return frame;
}

std::optional<std::string> SyslogFramer::NextLine() {
  const size_t end = rest().find('\n');
  if (end == std::string::npos && rest().size() <= kMaxFrameBytes) return std::nullopt;
  std::string frame(rest().substr(0, std::min(end, kMaxFrameBytes)));
  skip_line_ = end == std::string::npos;
  Drop(skip_line_ ? rest().size() : end + 1);
  return frame;
}

std::optional<std::string> SyslogFramer::Finish() {
  if (broken_ || skip_line_ || skip_bytes_ > 0 || rest().empty()) return std::nullopt;
  if (absl::ascii_isdigit(static_cast<unsigned char>(rest().front()))) return std::nullopt;
  std::string frame(rest().substr(0, kMaxFrameBytes));
  Drop(rest().size());
  return frame;
}

}  // namespace retention
