// Commands on PBXs that two services offer, each with its own answer and its own reason for the ledger.
#ifndef RETENTION_SERVER_RPC_PBX_CALLS_H_
#define RETENTION_SERVER_RPC_PBX_CALLS_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "server/base/field_checks.h"
#include "server/days/endings.h"
#include "server/rpc/backend.h"

namespace retention {

// Ends a PBX to the last row. REQUIRES: pbx_id was checked.
template <typename Response>
absl::StatusOr<Response> EndPbxFor(const Backend& backend, const Commands& commands, const std::string& pbx_id,
                                   std::string_view reason) {
  auto erased = EndPbx(backend.engine.enders(), commands, pbx_id, reason, backend.Now());
  if (!erased.ok()) return erased.status();
  Response response;
  response.set_values_erased(*erased);
  return response;
}

// Ends an extension with what hangs on it. REQUIRES: pbx_id was checked.
template <typename Response>
absl::StatusOr<Response> RemoveExtensionFor(const Backend& backend, const Commands& commands, const std::string& pbx_id,
                                            const std::string& number, std::string_view reason) {
  if (absl::Status status = CheckExtensionNumber("number", number); !status.ok()) return status;
  const auto done = commands.Do([&](Change& change) {
    return backend.engine.domains().pbxs.RemoveExtension(pbx_id, {.number = number}, std::nullopt, reason, change);
  });
  if (!done.ok()) return done.status();
  Response response;
  response.set_polls_erased(done->polls);
  response.set_pdfs_erased(done->pdfs);
  return response;
}

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_PBX_CALLS_H_
