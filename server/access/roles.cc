#include "server/access/roles.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"

namespace retention {
namespace {

absl::Status CheckName(const std::string& name, const std::string& field) {
  if (!name.empty() && name.size() <= Roles::kMaxNameBytes) return absl::OkStatus();
  return InvalidField(field, "1 to 64 bytes");
}

absl::Status CheckPatterns(const google::protobuf::RepeatedPtrField<std::string>& patterns, const std::string& field) {
  for (int i = 0; i < patterns.size(); ++i) {
    if (patterns[i].size() > Roles::kMaxPatternBytes || !IsPattern(patterns[i])) {
      return InvalidField(absl::StrCat(field, "[", i, "]"), "1 to 1,024 bytes, with one `*` at most, at begin or end");
    }
  }
  return absl::OkStatus();
}

bool MatchesAMethod(std::string_view pattern) {
  return std::any_of(MethodTable().begin(), MethodTable().end(),
                     [pattern](const MethodRow& row) { return PatternMatches(pattern, PathOf(row)); });
}

bool Any(const std::vector<std::string>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [text](const std::string& pattern) { return PatternMatches(pattern, text); });
}

int PatternsIn(const google::protobuf::RepeatedPtrField<v1::RoleRule>& rules) {
  int patterns = 0;
  for (const v1::RoleRule& rule : rules) {
    patterns += rule.source().principals_size() + rule.request().paths_size();
  }
  return patterns;
}

absl::StatusOr<std::shared_ptr<const Scope>> ReadScope(const v1::RoleScope& scope, const std::string& field) {
  if (scope.pbx_ids().empty() && scope.controller_ids().empty()) {
    return InvalidField(field, "pbx_ids or controller_ids: left out, it is everything");
  }
  for (const auto& [ids, name] :
       {std::pair(&scope.pbx_ids(), "pbx_ids"), std::pair(&scope.controller_ids(), "controller_ids")}) {
    for (int i = 0; i < ids->size(); ++i) {
      if (absl::Status s = CheckIdentifier(absl::StrCat(field, ".", name, "[", i, "]"), (*ids)[i]); !s.ok()) return s;
    }
  }
  return std::make_shared<const Scope>(NameSet(scope.pbx_ids().begin(), scope.pbx_ids().end()),
                                       NameSet(scope.controller_ids().begin(), scope.controller_ids().end()));
}

}  // namespace

absl::StatusOr<Roles::Rule> Roles::ReadRule(const v1::RoleRule& rule, const std::string& field, bool allows) {
  if (absl::Status s = CheckName(rule.name(), field + ".name"); !s.ok()) return s;
  Rule read;
  if (allows) {
    const auto role = RoleNamed(std::string_view(rule.name()).substr(0, rule.name().find('/')));
    if (!role.has_value()) {
      return InvalidField(field + ".name",
                          "begins with portal, statistics, monitoring, rights-desk, operator or auditor");
    }
    read.role = *role;
  }
  if (rule.source().principals().empty()) return InvalidField(field + ".source.principals", "required");
  if (absl::Status s = CheckPatterns(rule.source().principals(), field + ".source.principals"); !s.ok()) return s;
  if (absl::Status s = CheckPatterns(rule.request().paths(), field + ".request.paths"); !s.ok()) return s;
  if (rule.has_request() && rule.request().paths().empty()) {
    return InvalidField(field + ".request.paths", "required: left out with `request`, it is all");
  }
  for (int i = 0; i < rule.request().paths_size(); ++i) {
    if (MatchesAMethod(rule.request().paths(i))) continue;
    return InvalidField(absl::StrCat(field, ".request.paths[", i, "]"), "no method of this server has such a path");
  }
  read.principals.assign(rule.source().principals().begin(), rule.source().principals().end());
  read.paths.assign(rule.request().paths().begin(), rule.request().paths().end());
  if (rule.has_scope()) {
    if (!allows || read.role != Role::kPortal) return InvalidField(field + ".scope", "only of the role portal");
    auto scope = ReadScope(rule.scope(), field + ".scope");
    if (!scope.ok()) return scope.status();
    read.scope = *std::move(scope);
  }
  return read;
}

absl::StatusOr<Roles> Roles::FromJson(std::string_view json) {
  if (json.size() > kMaxFileBytes) return InvalidField("roles", "at most 1 MiB");
  v1::Roles file;
  const auto parsed = google::protobuf::util::JsonStringToMessage(std::string(json), &file);
  if (!parsed.ok()) {
    // What follows the first line shows the place in the text. Names in it are the file's.
    const std::string why(parsed.message());
    return InvalidField("roles",
                        absl::StrCat("not such JSON: ", absl::Utf8SafeCHexEscape(why.substr(0, why.find('\n')))));
  }
  if (absl::Status s = CheckName(file.name(), "name"); !s.ok()) return s;
  if (file.allow_rules_size() + file.deny_rules_size() > kMaxRules) {
    return InvalidField("allow_rules", "at most 1,000 rules");
  }
  if (PatternsIn(file.allow_rules()) + PatternsIn(file.deny_rules()) > kMaxPatterns) {
    return InvalidField("allow_rules", "at most 10,000 principals and paths");
  }
  if (file.allow_rules().empty()) return InvalidField("allow_rules", "required: without, nobody may call anything");
  Roles roles;
  for (int i = 0; i < file.deny_rules_size(); ++i) {
    auto rule = ReadRule(file.deny_rules(i), absl::StrCat("deny_rules[", i, "]"), /*allows=*/false);
    if (!rule.ok()) return rule.status();
    roles.denied_.push_back(*std::move(rule));
  }
  for (int i = 0; i < file.allow_rules_size(); ++i) {
    auto rule = ReadRule(file.allow_rules(i), absl::StrCat("allow_rules[", i, "]"), /*allows=*/true);
    if (!rule.ok()) return rule.status();
    roles.allowed_.push_back(*std::move(rule));
  }
  return roles;
}

bool Roles::Rule::Covers(const Principal& principal, std::string_view path) const {
  if (!paths.empty() && !Any(paths, path)) return false;
  return std::any_of(principals.begin(), principals.end(),
                     [&](const std::string& pattern) { return principal.Matches(pattern); });
}

std::optional<Grant> Roles::Find(const Principal& principal, const MethodRow& method) const {
  const std::string path = PathOf(method);
  for (const Rule& rule : denied_) {
    if (rule.Covers(principal, path)) return std::nullopt;
  }
  std::optional<Grant> found;
  for (const Rule& rule : allowed_) {
    if (!method.roles.Has(rule.role) || !rule.Covers(principal, path)) continue;
    if (rule.scope != nullptr && method.scope == ScopeRule::kDenied) continue;
    if (!found.has_value()) {
      found = Grant{.role = rule.role, .scope = rule.scope};
    } else if (rule.role == found->role) {
      found->scope = rule.scope == nullptr ? nullptr : Scope::Union(*found->scope, *rule.scope);
    }
    // Nothing adds to all.
    if (found->scope == nullptr) break;
  }
  return found;
}

}  // namespace retention
