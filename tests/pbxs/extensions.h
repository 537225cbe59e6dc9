// Extensions, for tests of who has which number when.
#ifndef RETENTION_TESTS_PBXS_EXTENSIONS_H_
#define RETENTION_TESTS_PBXS_EXTENSIONS_H_

#include <string>

#include "retention/v1/event.pb.h"

namespace retention {

inline v1::Extension NewExtension(const std::string& number, const std::string& email, const std::string& name,
                                  const std::string& id = "") {
  v1::Extension extension;
  extension.set_number(number);
  extension.set_email(email);
  extension.set_first_name(name);
  extension.set_extension_id(id);
  return extension;
}

}  // namespace retention

#endif  // RETENTION_TESTS_PBXS_EXTENSIONS_H_
