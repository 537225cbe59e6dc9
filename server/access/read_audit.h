// Who reads what of people: operators, auditors and the rights desk do not read unseen.
#ifndef RETENTION_SERVER_ACCESS_READ_AUDIT_H_
#define RETENTION_SERVER_ACCESS_READ_AUDIT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "retention/stored/v1/ledger.pb.h"
#include "server/access/role.h"
#include "server/base/acting.h"
#include "storage/mutex.h"

namespace retention {

// Whose reads are entered. The portal shows people their own meetings all day.
constexpr bool IsAudited(Role role) {
  return role == Role::kOperator || role == Role::kAuditor || role == Role::kRightsDesk;
}

// Thread-safe.
class ReadAudit {
 public:
  // Makes entries of the ledger durable, all or none.
  using Enter = std::function<absl::Status(const std::vector<stored::v1::LedgerEntry>&)>;

  explicit ReadAudit(Enter enter) : enter_(std::move(enter)) {}

  // `actor` is about to read `what`. The first time in an hour, by `now`, that is entered before this returns; the
  // others are counted. UNAVAILABLE with reason AUDIT_UNAVAILABLE if it cannot be: then nothing is to be answered.
  absl::Status Note(const Actor& actor, std::string_view what, absl::Time now);

  // Enters how many there were in the hours that were over at `now`. What cannot be is tried again the next time.
  absl::Status Close(absl::Time now);

 private:
  using Reader = std::tuple<std::string, std::string, std::string>;  // role, principal, what
  struct Hour {
    absl::Time begin;
    uint64_t reads = 0;
  };
  static stored::v1::LedgerEntry EntryOf(stored::v1::LedgerEntry::Kind kind, const Reader& reader);
  static stored::v1::LedgerEntry CountOf(const Reader& reader, const Hour& hour);

  const Enter enter_;
  Mutex mutex_;  // held while entries are made: who reads the same waits until the first is entered
  std::map<Reader, Hour> hours_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace retention

#endif  // RETENTION_SERVER_ACCESS_READ_AUDIT_H_
