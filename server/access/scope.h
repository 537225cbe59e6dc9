// The part of what is held that a caller may reach.
#ifndef RETENTION_SERVER_ACCESS_SCOPE_H_
#define RETENTION_SERVER_ACCESS_SCOPE_H_

#include <google/protobuf/message.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/access/method_table.h"

namespace retention {

// The controller that a PBX's record names; nullopt if the PBX is not known.
using ControllerOf = std::function<absl::StatusOr<std::optional<std::string>>(std::string_view pbx_id)>;

using NameSet = std::set<std::string, std::less<>>;

// Some PBXs, and all of some controllers. Immutable.
class Scope {
 public:
  Scope(NameSet pbx_ids, NameSet controller_ids)
      : pbx_ids_(std::move(pbx_ids)), controller_ids_(std::move(controller_ids)) {}

  // What either has.
  static std::shared_ptr<const Scope> Union(const Scope& a, const Scope& b);

  // Whether a PBX is of it. One that is not known, and that it does not name, is not.
  absl::StatusOr<bool> Has(std::string_view pbx_id, const ControllerOf& controller_of) const;

  // Whether a request stays within it. PERMISSION_DENIED with reason OUT_OF_SCOPE, naming the field, which says the
  // same of a PBX of somebody else and of one that is not known. Of events it is one that is known to be somebody
  // else's that is denied: those of PBXs that are not known are rejected one by one as they are everybody's.
  absl::Status Check(ScopeRule rule, const google::protobuf::Message& request, const ControllerOf& controller_of) const;

 private:
  enum class Reach { kWithin, kBeyond, kUnknown };
  absl::StatusOr<Reach> Look(std::string_view pbx_id, const ControllerOf& controller_of) const;
  absl::Status CheckSync(std::string_view pbx_id, std::string_view controller_id, const ControllerOf& controller_of,
                         std::string_view field) const;

  const NameSet pbx_ids_;
  const NameSet controller_ids_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ACCESS_SCOPE_H_
