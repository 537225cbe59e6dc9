#include "server/holds/hold.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace retention {
namespace {

DueDay DayOfValidDate(const google::type::Date& date) {
  return DueDay(absl::CivilDay(date.year(), date.month(), date.day()));
}

}  // namespace

const std::string& PbxOfScope(const v1::HoldScope& scope) {
  switch (scope.scope_case()) {
    case v1::HoldScope::kPbxId:
      return scope.pbx_id();
    case v1::HoldScope::kMeeting:
      return scope.meeting().pbx_id();
    case v1::HoldScope::kExtension:
      return scope.extension().pbx_id();
    case v1::HoldScope::kSubject:
      return scope.subject().has_display_name() ? scope.subject().display_name().pbx_id()
                                                : scope.subject().extension().pbx_id();
    default:
      return v1::HoldExtension::default_instance().pbx_id();
  }
}

const std::string& MeetingOfScope(const v1::HoldScope& scope) {
  return scope.has_meeting() ? scope.meeting().meeting_id() : scope.subject().display_name().meeting_id();
}

const v1::HoldExtension* ExtensionOfScope(const v1::HoldScope& scope) {
  if (scope.has_extension()) return &scope.extension();
  if (scope.has_subject() && scope.subject().has_extension()) return &scope.subject().extension();
  return nullptr;
}

DueDay Hold::End() const { return DayOfValidDate(terms.end_date()); }
DueDay Hold::Review() const { return DayOfValidDate(terms.review_date()); }

const std::string& Hold::Controller() const {
  if (terms.scope().has_subject()) return terms.scope().subject().controller_id();
  return terms.scope().controller_id();
}

std::string Hold::LedgerId() const { return absl::StrCat(absl::Hex(number, absl::kZeroPad16)); }

void HoldClaims::Add(const Hold& hold) {
  const v1::HoldScope& scope = hold.terms.scope();
  until = std::max(until, hold.End());
  first = std::min(first, hold.generation);
  if (scope.has_controller_id() || scope.has_pbx_id()) all = std::min(all, hold.generation);
  for (const HoldTarget& target : hold.targets) {
    if (scope.has_meeting()) meetings.insert(target.owner);
    if (scope.has_extension()) extensions.insert(target.owner);
    if (scope.subject().has_extension()) persons.insert(target.owner);
    if (scope.subject().has_display_name()) names[target.owner].insert(scope.subject().display_name().name());
  }
  if (hold.email.empty()) return;
  const auto [it, inserted] = emails.try_emplace(hold.email, hold.generation);
  if (!inserted) it->second = std::min(it->second, hold.generation);
}

}  // namespace retention
