#include "server/rows/opened_rows.h"

#include "server/rows/row_walk.h"

namespace retention {

absl::Status VisitOpenedRows(const StoreView& view, Vault& vault, const std::string& prefix, Opener opener,
                             OpenedRowVisit visit, UnreadableVisit unreadable) {
  return VisitRows(view, prefix, [&](const FiledKey& key, std::string_view envelope) -> absl::Status {
    const auto plaintext = vault.Open(key, envelope, opener);
    if (IsUnreadable(plaintext.status())) return unreadable(key, envelope, plaintext.status());
    if (!plaintext.ok()) return plaintext.status();
    const RowOutcome outcome = visit(key, envelope, plaintext->Reveal());
    if (!outcome.is_malformed()) return outcome.own();
    return unreadable(key, envelope, absl::DataLossError("a row does not parse"));
  });
}

absl::Status VisitOpenedRows(const StoreView& view, Vault& vault, const std::string& prefix, Opener opener,
                             OpenedRowVisit visit) {
  const auto leave_out = [](const FiledKey&, std::string_view, const absl::Status&) { return absl::OkStatus(); };
  return VisitOpenedRows(view, vault, prefix, opener, visit, leave_out);
}

}  // namespace retention
