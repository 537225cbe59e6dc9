// Roles: what a caller is for.
#ifndef RETENTION_SERVER_ACCESS_ROLE_H_
#define RETENTION_SERVER_ACCESS_ROLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace retention {

enum class Role : uint8_t { kPortal, kStatistics, kMonitoring, kRightsDesk, kOperator, kAuditor };

inline constexpr std::array<std::string_view, 6> kRoleNames = {"portal",      "statistics", "monitoring",
                                                               "rights-desk", "operator",   "auditor"};

constexpr std::string_view NameOf(Role role) { return kRoleNames[static_cast<size_t>(role)]; }

constexpr std::optional<Role> RoleNamed(std::string_view name) {
  for (size_t i = 0; i < kRoleNames.size(); ++i) {
    if (kRoleNames[i] == name) return static_cast<Role>(i);
  }
  return std::nullopt;
}

class RoleSet {
 public:
  constexpr RoleSet(std::initializer_list<Role> roles) {
    for (const Role role : roles) bits_ |= Bit(role);
  }
  constexpr bool Has(Role role) const { return (bits_ & Bit(role)) != 0; }

 private:
  static constexpr unsigned Bit(Role role) { return 1u << static_cast<unsigned>(role); }
  unsigned bits_ = 0;
};

}  // namespace retention

#endif  // RETENTION_SERVER_ACCESS_ROLE_H_
