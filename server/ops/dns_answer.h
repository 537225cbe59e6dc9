// What one answer of a resolver says about one name.
#ifndef RETENTION_SERVER_OPS_DNS_ANSWER_H_
#define RETENTION_SERVER_OPS_DNS_ANSWER_H_

#include <string>
#include <string_view>

namespace retention {

// Aliases (CNAME) that one lookup follows, in one answer or over several. BIND stops at 16 too.
inline constexpr int kDnsAliasesMax = 16;

struct DnsAnswer {
  enum class Kind {
    kAddress,    // the name, or what it is an alias of, has an address
    kAlias,      // the name is an alias of `target`, on which the answer says nothing
    kNone,       // neither
    kAliasLoop,  // more than kDnsAliasesMax aliases
    kMalformed,
  };
  Kind kind = Kind::kMalformed;
  std::string target;
  int aliases = 0;  // how many were followed
};

// Reads the answer section of `message` (RFC 1035) for records of `type` (A or AAAA) of `name`. Never reads beyond
// `message`. Pure.
DnsAnswer ReadDnsAnswer(std::string_view message, const std::string& name, int type);

// `name` as it is asked for: lower case, without the dot at its end. Empty if it is no host name that DNS could hold:
// longer than 253 bytes, a label that is empty, longer than 63 or of other than letters, digits, `-` and `_` (names in
// other scripts come as A-labels, RFC 5890), or a last label of digits alone, as of an IP address.
std::string CanonicalDnsName(std::string_view name);

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_DNS_ANSWER_H_
