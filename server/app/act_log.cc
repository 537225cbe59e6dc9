#include "server/app/act_log.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "server/ops/log.h"

namespace retention {

using stored::v1::LedgerEntry;

std::string_view ActMessage(LedgerEntry::Kind kind) {
  switch (kind) {
    case LedgerEntry::KIND_POLICY:
      return "a policy came into force";
    case LedgerEntry::KIND_PBX_ENDED:
      return "a PBX ended";
    case LedgerEntry::KIND_DAY_ENDED:
      return "a day ended: its keys are destroyed";
    case LedgerEntry::KIND_DAY_PHYSICALLY_ERASED:
      return "no byte of a day that ended is left";
    case LedgerEntry::KIND_PURGE_PHYSICALLY_ERASED:
      return "no byte of what was deleted is left";
    case LedgerEntry::KIND_COHORT_RELEASED:
      return "a cohort was released";
    case LedgerEntry::KIND_CUBES_ERASED:
      return "cubes of statistics ended";
    case LedgerEntry::KIND_LOGS_EXTENDED:
      return "the retention of log lines was extended";
    case LedgerEntry::KIND_HOLD_PLACED:
      return "a hold was placed";
    case LedgerEntry::KIND_HOLD_UPDATED:
      return "a hold was changed";
    case LedgerEntry::KIND_HOLD_RELEASED:
      return "a hold ceased to be in force";
    case LedgerEntry::KIND_BACKUP_MADE:
      return "a backup was made";
    case LedgerEntry::KIND_BACKUP_PRUNED:
      return "a backup is deleted";
    case LedgerEntry::KIND_CONTROLLER_CREATED:
      return "a controller was described";
    case LedgerEntry::KIND_CONTROLLER_UPDATED:
      return "a controller was described anew";
    case LedgerEntry::KIND_CONTROLLER_DELETED:
      return "a controller's description was taken away";
    case LedgerEntry::KIND_CREATED:          // said when it happens
    case LedgerEntry::KIND_LOSS_ACCEPTED:    // said when it is found
    case LedgerEntry::KIND_CLOCK_CORRECTED:  // said when it happens
    case LedgerEntry::KIND_PBX_REGISTERED:   // the rest is for every call, or every value
    case LedgerEntry::KIND_PURGED:
    case LedgerEntry::KIND_ORDERS_CONFIRMED:
    case LedgerEntry::KIND_KEPT:
    default:
      return "";
  }
}

void LogAct(const LedgerEntry& entry) {
  const std::string_view message = ActMessage(entry.kind());
  if (message.empty()) return;
  const std::string reason = entry.reason().empty() ? "-" : entry.reason();
  if (entry.backup() != 0) {
    const absl::Time made = absl::FromUnixMicros(entry.backup_us());
    Log(Severity::kInfo, message,
        {{"backup", absl::StrCat(entry.backup())},
         {"of", entry.backup_us() == 0 ? "-" : absl::FormatTime(absl::RFC3339_sec, made, absl::UTCTimeZone())},
         {"reason", reason}});
    return;
  }
  const std::string day =
      entry.day() == 0 ? "-" : absl::FormatCivilTime(absl::CivilDay(1970, 1, 1) + static_cast<int64_t>(entry.day()));
  Log(Severity::kInfo, message, {{"day", day}, {"reason", reason}, {"policy", absl::StrCat(entry.policy_version())}});
}

}  // namespace retention
