// Rows that are read although some of them may be damaged.
#ifndef RETENTION_SERVER_ROWS_OPENED_ROWS_H_
#define RETENTION_SERVER_ROWS_OPENED_ROWS_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "storage/keys.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// What came of showing a row: an error that is the visitor's own, or that the row does not parse.
class RowOutcome {
 public:
  RowOutcome(absl::Status own) : own_(std::move(own)) {}  // NOLINT(google-explicit-constructor): as StatusOr
  static RowOutcome Malformed() {
    RowOutcome outcome{absl::OkStatus()};
    outcome.malformed_ = true;
    return outcome;
  }
  bool is_malformed() const { return malformed_; }
  const absl::Status& own() const { return own_; }

 private:
  absl::Status own_;
  bool malformed_ = false;
};

using OpenedRowVisit =
    absl::FunctionRef<RowOutcome(const FiledKey& key, std::string_view envelope, const std::string& row)>;

// What becomes of a row that nobody can read any more, and why nobody can.
using UnreadableVisit =
    absl::FunctionRef<absl::Status(const FiledKey& key, std::string_view envelope, const absl::Status& why)>;

// Opens the rows under `prefix` for `opener` and shows `visit` what they hold, in the order of their keys; ends with
// the first error, its own or a visitor's, whatever that is. What nobody can read any more goes to `unreadable`: a row
// that is damaged or whose key is gone (IsUnreadable), or that does not parse.
absl::Status VisitOpenedRows(const StoreView& view, Vault& vault, const std::string& prefix, Opener opener,
                             OpenedRowVisit visit, UnreadableVisit unreadable);
// The same, but what nobody can read is left out: it ends with its own day.
absl::Status VisitOpenedRows(const StoreView& view, Vault& vault, const std::string& prefix, Opener opener,
                             OpenedRowVisit visit);

}  // namespace retention

#endif  // RETENTION_SERVER_ROWS_OPENED_ROWS_H_
