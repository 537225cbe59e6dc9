// Commands on PBXs that two services offer, each with its own answer and its own reason for the ledger.
#ifndef RETENTION_SERVER_RPC_PBX_COMMANDS_H_
#define RETENTION_SERVER_RPC_PBX_COMMANDS_H_

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "server/days/sweeper.h"
#include "server/recording/event_intake.h"
#include "server/rpc/backend.h"

namespace retention {

// Ends a PBX to the last row. REQUIRES: pbx_id was checked.
template <typename Response>
absl::StatusOr<Response> EndPbxFor(const Backend& backend, const std::string& pbx_id, std::string_view reason) {
  auto erased = EndPbx(
      backend.engine, [&](std::function<absl::Status()> task) { return backend.committer.Run(std::move(task)); },
      pbx_id, reason, backend.committer.Now());
  if (!erased.ok()) return erased.status();
  Response response;
  response.set_values_erased(*erased);
  return response;
}

// Ends an extension with what hangs on it. REQUIRES: pbx_id was checked.
template <typename Response>
absl::StatusOr<Response> RemoveExtensionFor(const Backend& backend, const std::string& pbx_id,
                                            const std::string& number, std::string_view reason) {
  if (absl::Status status = CheckExtensionNumber("number", number); !status.ok()) return status;
  Response response;
  absl::Status status = backend.committer.Run([&]() -> absl::Status {
    auto done = backend.engine.RemoveExtension(pbx_id, number, reason, backend.committer.Now());
    if (!done.ok()) return done.status();
    response.set_polls_erased(done->polls);
    response.set_pdfs_erased(done->pdfs);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return response;
}

}  // namespace retention

#endif  // RETENTION_SERVER_RPC_PBX_COMMANDS_H_
