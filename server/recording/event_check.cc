#include "server/recording/event_check.h"

#include <arpa/inet.h>

#include "absl/strings/ascii.h"

namespace retention {

void Check::Ip(std::string_view field, std::string_view value) {
  if (value.empty()) return;
  // inet_pton would read no further than a NUL.
  if (value.size() >= INET6_ADDRSTRLEN || value.find('\0') != std::string_view::npos) {
    return Fail(field, "not an IPv4 or IPv6 address");
  }
  const std::string text(value);
  uint8_t address[16];
  if (inet_pton(AF_INET, text.c_str(), address) != 1 && inet_pton(AF_INET6, text.c_str(), address) != 1) {
    Fail(field, "not an IPv4 or IPv6 address");
  }
}

void Check::Fqdn(std::string_view field, std::string_view value) {
  if (value.empty()) return;
  if (value.size() > kMaxFqdnBytes) return Fail(field, "at most 253 bytes");
  size_t label = 0;
  char previous = '.';
  for (const char c : value) {
    if (c == '.') {
      if (label == 0 || previous == '-') return Fail(field, "not a host name (RFC 1123)");
      label = 0;
    } else {
      if (!absl::ascii_isalnum(c) && c != '-') return Fail(field, "not a host name (RFC 1123)");
      if ((c == '-' && label == 0) || ++label > 63) return Fail(field, "not a host name (RFC 1123)");
    }
    previous = c;
  }
  if (label == 0 || previous == '-') Fail(field, "not a host name (RFC 1123)");
}

}  // namespace retention
