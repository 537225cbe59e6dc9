#include "server/access/principal.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace retention {
namespace {

constexpr std::string_view kLoopbackName = "loopback";
constexpr std::string_view kNetworkName = "network";
constexpr std::string_view kUidPrefix = "unix:uid=";

bool IsOfNoCertificate(std::string_view name) {
  return name == kLoopbackName || name == kNetworkName || name.starts_with(kUidPrefix);
}

}  // namespace

std::string Principal::Name() const {
  switch (kind) {
    case Kind::kLoopback:
      return std::string(kLoopbackName);
    case Kind::kUnix:
      return absl::StrCat(std::string(kUidPrefix), uid);
    case Kind::kCertificate:
      return names.empty() ? std::string() : names.front();
    case Kind::kNetwork:
    default:
      return std::string(kNetworkName);
  }
}

bool Principal::Matches(std::string_view pattern) const {
  if (kind != Kind::kCertificate) return pattern == Name();
  if (IsOfNoCertificate(pattern)) return false;
  return std::any_of(names.begin(), names.end(),
                     [pattern](const std::string& name) { return PatternMatches(pattern, name); });
}

bool IsPattern(std::string_view pattern) {
  const size_t star = pattern.find('*');
  if (pattern.empty()) return false;
  if (star == std::string_view::npos) return true;
  return pattern.find('*', star + 1) == std::string_view::npos && (star == 0 || star == pattern.size() - 1);
}

bool PatternMatches(std::string_view pattern, std::string_view text) {
  if (pattern.starts_with('*')) return text.size() >= pattern.size() - 1 && text.ends_with(pattern.substr(1));
  if (pattern.ends_with('*')) return text.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == text;
}

}  // namespace retention
