// The one form in which e-mail addresses are compared and hashed.
#ifndef RETENTION_TEXT_NORMAL_ADDRESS_H_
#define RETENTION_TEXT_NORMAL_ADDRESS_H_

#include <string>
#include <string_view>

namespace retention {

// Addresses that reach one mailbox have one normal form: the local part in Unicode NFC and case-folded (RFC 5321 lets
// hosts tell cases apart; none that matters does), the domain as DNS is asked for it (UTS 46, non-transitional: lower
// case, A-labels). The form of a normal form is itself. An address that has none (not UTF-8, no '@', a domain that IDNA
// forbids) is returned as it is, and so is the same only as what has the same bytes. Thread-safe.
std::string NormalAddress(std::string_view address);

}  // namespace retention

#endif  // RETENTION_TEXT_NORMAL_ADDRESS_H_
