#include "server/app/paths.h"

#include <algorithm>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace retention {

namespace fs = std::filesystem;

absl::StatusOr<fs::path> CanonicalPath(const char* what, const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  if (error) return absl::InvalidArgumentError(absl::StrCat("the ", what, " is not a path"));
  fs::path canonical = fs::weakly_canonical(absolute, error);
  // What is on the other volumes goes on, and due keys with it.
  if (error) canonical = absolute.lexically_normal();
  // A path that does not exist yet keeps the empty component that a trailing slash leaves.
  return canonical.has_filename() ? canonical : canonical.parent_path();
}

bool LiesWithin(const fs::path& inner, const fs::path& outer) {
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

}  // namespace retention
