// Whatever a resolver answers: it is read within its bounds, and says one of the things that an answer can say. The
// first byte says what was asked for, the name follows it up to a zero.
#include <arpa/nameser.h>

#include <string>

#include "server/ops/dns_answer.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  retention::FuzzInput input(bytes, size);
  const int type = input.TakeByte() % 2 == 0 ? ns_t_a : ns_t_aaaa;
  const size_t end = input.rest().find('\0');
  if (end == std::string_view::npos) return 0;
  const std::string name = retention::CanonicalDnsName(input.Take(end));
  input.TakeByte();
  if (name.empty()) return 0;
  retention::MustHold(retention::CanonicalDnsName(name) == name, "a canonical name has one form");
  // A copy of its own, so that a read beyond it is seen.
  const std::string message(input.rest());
  const retention::DnsAnswer answer = retention::ReadDnsAnswer(message, name, type);
  retention::MustHold(answer.aliases >= 0 && answer.aliases <= retention::kDnsAliasesMax, "aliases have a bound");
  using Kind = retention::DnsAnswer::Kind;
  if (answer.kind == Kind::kAlias) retention::MustHold(answer.aliases > 0, "an alias was followed");
  if (answer.kind == Kind::kNone) retention::MustHold(answer.target == name, "nothing leads elsewhere");
  return 0;
}
