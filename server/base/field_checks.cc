#include "server/base/field_checks.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "server/base/errors.h"

namespace retention {
namespace {

constexpr int64_t kFirstSecond = 946684800;   // 2000-01-01T00:00:00Z
constexpr int64_t kEndSecond = 253402300800;  // 10000-01-01T00:00:00Z
constexpr size_t kMaxLocalPartBytes = 64;     // RFC 5321, 4.5.3.1.1

absl::Status CheckField(std::string_view field, std::string_view value, const char* (*why_not)(std::string_view)) {
  if (value.empty()) return InvalidField(field, "required");
  const char* why = why_not(value);
  return why == nullptr ? absl::OkStatus() : InvalidField(field, why);
}

}  // namespace

void SetTime(int64_t time_us, google::protobuf::Timestamp& time) {
  const int64_t seconds = time_us >= 0 ? time_us / 1000000 : (time_us - 999999) / 1000000;
  time.set_seconds(seconds);
  time.set_nanos(static_cast<int32_t>(time_us - seconds * 1000000) * 1000);
}

bool IsEventTime(const google::protobuf::Timestamp& time) {
  return time.seconds() >= kFirstSecond && time.seconds() < kEndSecond && time.nanos() >= 0 &&
         time.nanos() < 1000000000;
}

const char* WhyNoPartyIdentifier(std::string_view value) {
  if (value.size() > kMaxIdentifierBytes) return "at most 128 bytes";
  const bool printable = std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c < 0x7f; });
  return printable ? nullptr : "only printable ASCII without spaces";
}

const char* WhyNoIdentifier(std::string_view value) {
  if (const char* why = WhyNoPartyIdentifier(value)) return why;
  return value.find('@') == std::string_view::npos ? nullptr : "no '@': an identifier may not be an e-mail address";
}

const char* WhyNoEmail(std::string_view value) {
  if (value.size() > kMaxEmailBytes) return "at most 254 bytes";
  const size_t at = value.rfind('@');
  const bool parts = at != std::string_view::npos && at > 0 && at + 1 < value.size() && at <= kMaxLocalPartBytes;
  const bool printable =
      std::none_of(value.begin(), value.end(), [](char c) { return (c >= 0 && c <= ' ') || c == 0x7f; });
  constexpr const char* kNone = "not an e-mail address (RFC 5321 Mailbox)";
  if (!parts || !printable || value.substr(0, at).find('@') != std::string_view::npos) return kNone;
  const std::string_view domain = value.substr(at + 1);
  const bool labels = domain.front() != '.' && domain.back() != '.' && domain.front() != '-' &&
                      domain.find("..") == std::string_view::npos;
  return labels ? nullptr : kNone;
}

const char* WhyNoExtensionNumber(std::string_view value) {
  if (value.size() > kMaxExtensionBytes) return "at most 16 characters";
  const bool dialled = std::all_of(value.begin(), value.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '*' || c == '#' || c == '+';
  });
  return dialled ? nullptr : "only 0-9, *, # and +";
}

absl::Status CheckIdentifier(std::string_view field, std::string_view value) {
  return CheckField(field, value, WhyNoIdentifier);
}

absl::Status CheckPartyIdentifier(std::string_view field, std::string_view value) {
  return CheckField(field, value, WhyNoPartyIdentifier);
}

absl::Status CheckExtensionNumber(std::string_view field, std::string_view value) {
  return CheckField(field, value, WhyNoExtensionNumber);
}

}  // namespace retention
