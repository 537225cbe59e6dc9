#include "server/rows/opened_rows.h"

#include "server/rows/row_walk.h"

namespace retention {

absl::Status VisitOpenedRows(const StoreView& view, Vault& vault, const std::string& prefix, Opener opener,
                             OpenedRowVisit visit, UnreadableVisit unreadable) {
  return VisitRows(view, prefix, [&](const FiledKey& key, std::string_view envelope) -> absl::Status {
    const auto plaintext = vault.Open(key, envelope, opener);
    absl::Status status = plaintext.ok() ? visit(key, envelope, plaintext->Reveal()) : plaintext.status();
    return IsUnreadable(status) ? unreadable(key, envelope, status) : status;
  });
}

absl::Status VisitOpenedRows(const StoreView& view, Vault& vault, const std::string& prefix, Opener opener,
                             OpenedRowVisit visit) {
  const auto leave_out = [](const FiledKey&, std::string_view, const absl::Status&) { return absl::OkStatus(); };
  return VisitOpenedRows(view, vault, prefix, opener, visit, leave_out);
}

}  // namespace retention
