// Who is who: the extensions that a synchronisation names among those that are held.
#ifndef RETENTION_SERVER_PBXS_EXTENSION_MATCHING_H_
#define RETENTION_SERVER_PBXS_EXTENSION_MATCHING_H_

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "retention/v1/event.pb.h"

namespace retention {

// For each extension that is told of, which one of those that are held is the same person; nullopt if it is none of
// them. Each of them is at most one. In this order, each among those that are left:
//   1. who has the same id, whatever else they have;
//   2. who is at the same number with the same address, or with the same name;
//   3. who alone has the address, and has another number now;
//   4. who is at the same number, unless it is plainly somebody else: name and address are both others. What is left
//   out
//      of a list says nothing of who it is.
// Who has another id is never the same. Addresses are compared in their normal form. Pure.
std::vector<std::optional<size_t>> MatchExtensions(std::span<const v1::Extension* const> held,
                                                   std::span<const v1::Extension* const> told);

}  // namespace retention

#endif  // RETENTION_SERVER_PBXS_EXTENSION_MATCHING_H_
