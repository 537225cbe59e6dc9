// Who calls, as far as the connection tells.
#ifndef RETENTION_SERVER_ACCESS_PRINCIPAL_H_
#define RETENTION_SERVER_ACCESS_PRINCIPAL_H_

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace retention {

struct Principal {
  enum class Kind {
    kLoopback,     // a plain port, from this machine
    kNetwork,      // a plain port, from another
    kUnix,         // a Unix socket
    kCertificate,  // TLS
  };
  Kind kind = Kind::kNetwork;
  uid_t uid = 0;                   // kUnix
  std::vector<std::string> names;  // kCertificate: URIs, then DNS names, then the subject

  // "loopback", "network", "unix:uid=1000", or the first of its names: what it is known by.
  std::string Name() const;

  // Whether a rule that names `pattern` covers it: see RoleSource.principals. What is not known by a certificate has
  // its name alone, and no certificate has that, whatever it says.
  bool Matches(std::string_view pattern) const;
};

// Whether such a pattern can match anybody: a name, or one with one `*`, at its begin or end.
bool IsPattern(std::string_view pattern);
// Whether it matches `text`.
bool PatternMatches(std::string_view pattern, std::string_view text);

}  // namespace retention

#endif  // RETENTION_SERVER_ACCESS_PRINCIPAL_H_
