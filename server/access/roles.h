// Who has which role: the file of --roles, read and asked. Pure.
#ifndef RETENTION_SERVER_ACCESS_ROLES_H_
#define RETENTION_SERVER_ACCESS_ROLES_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "retention/v1/roles.pb.h"
#include "server/access/method_table.h"
#include "server/access/principal.h"
#include "server/access/role.h"
#include "server/access/scope.h"

namespace retention {

// What a rule gives.
struct Grant {
  Role role = Role::kPortal;
  std::shared_ptr<const Scope> scope;  // null: everything that the role reaches
};

// Immutable.
class Roles {
 public:
  // Limits of a file, so that a call's check stays short.
  static constexpr size_t kMaxFileBytes = 1u << 20;
  static constexpr int kMaxRules = 1000;
  static constexpr int kMaxPatterns = 10000;  // principals and paths, of all rules
  static constexpr size_t kMaxNameBytes = 64;
  static constexpr size_t kMaxPatternBytes = 1024;

  // INVALID_ARGUMENT naming the field: what is not JSON, a field that is not known or is missing, a role that there is
  // not, a path that matches no method, a scope for another role than `portal`, or a limit.
  static absl::StatusOr<Roles> FromJson(std::string_view json);

  // What `principal` may call the method as; nullopt: it may not.
  std::optional<Grant> Find(const Principal& principal, const MethodRow& method) const;

 private:
  struct Rule {
    Role role = Role::kPortal;  // of an allow rule
    std::vector<std::string> principals;
    std::vector<std::string> paths;  // none: all
    std::shared_ptr<const Scope> scope;

    bool Covers(const Principal& principal, std::string_view path) const;
  };
  static absl::StatusOr<Rule> ReadRule(const v1::RoleRule& rule, const std::string& field, bool allows);

  std::vector<Rule> denied_;
  std::vector<Rule> allowed_;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ACCESS_ROLES_H_
