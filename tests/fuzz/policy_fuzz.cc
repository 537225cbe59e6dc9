// Whatever a policy file says: it is accepted whole or refused with a field.
#include <cstdlib>
#include <string_view>

#include "server/base/errors.h"
#include "server/law/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const auto policy = retention::Policy::FromText({reinterpret_cast<const char*>(bytes), size});
  if (policy.ok()) return 0;
  if (retention::DetailsOf(policy.status()).field.empty()) std::abort();
  return 0;
}
