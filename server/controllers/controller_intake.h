// Checks of what is said about controllers; the error names every field that is wrong.
#ifndef RETENTION_SERVER_CONTROLLERS_CONTROLLER_INTAKE_H_
#define RETENTION_SERVER_CONTROLLERS_CONTROLLER_INTAKE_H_

#include <cstddef>

#include "absl/status/status.h"
#include "retention/v1/controller_service.pb.h"

namespace retention {

// Of a name, an address line, a number: a line on paper.
inline constexpr size_t kMaxControllerLineBytes = 200;
inline constexpr int kMaxAddressLines = 6;
// Of a text in one language: a paragraph of a notice.
inline constexpr size_t kMaxControllerTextBytes = 2000;
inline constexpr size_t kMaxUrlBytes = 500;
inline constexpr int kMaxRepresentatives = 20;
// Of recipients, locations, transfers each: the notice that this was made for has 1, 9 and 4.
inline constexpr int kMaxControllerParts = 50;
inline constexpr int kMaxTransferReferences = 10;
// Of all of it, so that a request of 64 KiB can say it and a thousand fit into memory.
inline constexpr size_t kMaxControllerBytes = 48 << 10;

// Pure. `controller` is the field of that name; output-only fields are not looked at.
absl::Status CheckController(const v1::Controller& controller);

}  // namespace retention

#endif  // RETENTION_SERVER_CONTROLLERS_CONTROLLER_INTAKE_H_
