#include "server/app/explain.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace retention {

absl::Status Explain(const char* part, const absl::Status& status) {
  const std::string prefix = absl::StrCat(part, ": ");
  const bool says_so = absl::StartsWith(status.message(), prefix);
  absl::Status explained(status.code(), absl::StrCat(says_so ? "" : prefix, status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) { explained.SetPayload(url, payload); });
  return explained;
}

absl::Status OnlyACopyHelps(absl::string_view message) {
  if (absl::StrContains(message, "put an intact ")) return absl::DataLossError(message);  // it has been said
  return absl::DataLossError(absl::StrCat(message,
                                          "; put an intact copy back, or move the directory away and "
                                          "restore a backup: retention_backup restore"));
}

}  // namespace retention
