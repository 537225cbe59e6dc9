// Whatever lies in a file of roles: it is refused in one line, or answers for every method and caller.
#include <string>

#include "server/access/roles.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const retention::FuzzInput input(bytes, size);
  const auto roles = retention::Roles::FromJson(input.rest());
  if (!roles.ok()) {
    retention::MustHold(absl::IsInvalidArgument(roles.status()), "a file that is none is INVALID_ARGUMENT");
    retention::MustHold(retention::IsOneLine(std::string(roles.status().message())), "a refusal is one line");
    return 0;
  }
  retention::Principal principal;
  principal.names = {"spiffe://example/portal", "CN=a,O=b", "unix:uid=0"};
  for (const retention::MethodRow& method : retention::MethodTable()) {
    const auto grant = roles->Find(principal, method);
    const auto again = roles->Find(principal, method);
    retention::MustHold(grant.has_value() == again.has_value(), "an answer is the same each time");
  }
  return 0;
}
