// What a hold keeps, value by value, for whom it is kept for.
#ifndef RETENTION_SERVER_HOLDS_HOLD_EXPORT_H_
#define RETENTION_SERVER_HOLDS_HOLD_EXPORT_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "retention/v1/hold_service.pb.h"
#include "server/holds/hold_register.h"
#include "server/rows/holdings.h"
#include "storage/secrets/vault.h"
#include "storage/store.h"

namespace retention {

// An answer is full with the row that brings it here: of little that is stored much may be said, since a course says
// once what each of its events is answered with. A row of 100,000 events is half of what clients take, 64 MiB.
inline constexpr size_t kMaxExportBytes = 4 << 20;

// See HoldService.ExportHold. A page is a step of a walk over what is kept of the hold's PBXs, as `opener` may see it.
// Thread-safe.
absl::StatusOr<v1::ExportHoldResponse> ExportHold(const StoreView& view, const Holdings& holdings,
                                                  const HoldRegister& holds, const v1::ExportHoldRequest& request,
                                                  Opener opener, absl::Time now);

}  // namespace retention

#endif  // RETENTION_SERVER_HOLDS_HOLD_EXPORT_H_
