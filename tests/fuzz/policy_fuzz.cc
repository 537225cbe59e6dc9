// Whatever a policy file says: it is accepted whole or refused with a field.
#include <string>
#include <string_view>

#include "server/base/errors.h"
#include "server/law/policy.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const auto policy = retention::Policy::FromText({reinterpret_cast<const char*>(bytes), size});
  if (policy.ok()) return 0;
  retention::MustHold(!retention::DetailsOf(policy.status()).field().empty(), "a refusal names the field");
  retention::MustHold(retention::IsOneLine(std::string(policy.status().message())), "a refusal is one line");
  return 0;
}
