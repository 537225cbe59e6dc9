#include "server/holds/hold_intake.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/base/request_parts.h"

namespace retention {
namespace {

absl::Status CheckText(std::string_view field, std::string_view text, size_t max) {
  if (text.empty()) return InvalidField(field, "required");
  if (text.size() > max) return InvalidField(field, absl::StrCat("at most ", max, " bytes"));
  return absl::OkStatus();
}

absl::Status CheckMeeting(const std::string& field, const std::string& pbx_id, const std::string& meeting_id) {
  if (absl::Status s = CheckIdentifier(absl::StrCat(field, ".pbx_id"), pbx_id); !s.ok()) return s;
  return CheckIdentifier(absl::StrCat(field, ".meeting_id"), meeting_id);
}

absl::Status CheckExtension(const std::string& field, const v1::HoldExtension& extension) {
  if (absl::Status s = CheckIdentifier(absl::StrCat(field, ".pbx_id"), extension.pbx_id()); !s.ok()) return s;
  return CheckExtensionNumber(absl::StrCat(field, ".number"), extension.number());
}

absl::Status CheckSubject(const std::string& field, const v1::HoldSubject& subject) {
  const std::string controller = absl::StrCat(field, ".controller_id");
  if (subject.has_email()) {
    const std::string email = absl::StrCat(field, ".email");
    if (subject.email().empty()) return InvalidField(email, "required");
    if (const char* why = WhyNoEmail(subject.email())) return InvalidField(email, why);
    return CheckPartyIdentifier(controller, subject.controller_id());
  }
  if (subject.subject_case() == v1::HoldSubject::SUBJECT_NOT_SET) {
    return InvalidField(field, "required: email, extension or display_name");
  }
  if (!subject.controller_id().empty()) return InvalidField(controller, "only with an e-mail address");
  if (subject.has_extension()) return CheckExtension(absl::StrCat(field, ".extension"), subject.extension());
  const std::string name = absl::StrCat(field, ".display_name");
  const v1::HoldDisplayName& display_name = subject.display_name();
  if (absl::Status s = CheckMeeting(name, display_name.pbx_id(), display_name.meeting_id()); !s.ok()) return s;
  return CheckText(absl::StrCat(name, ".name"), display_name.name(), kMaxHoldNameBytes);
}

absl::Status CheckScope(const v1::HoldScope& scope) {
  const std::string field = "hold.scope";
  switch (scope.scope_case()) {
    case v1::HoldScope::kControllerId:
      return CheckPartyIdentifier(absl::StrCat(field, ".controller_id"), scope.controller_id());
    case v1::HoldScope::kPbxId:
      return CheckIdentifier(absl::StrCat(field, ".pbx_id"), scope.pbx_id());
    case v1::HoldScope::kMeeting:
      return CheckMeeting(absl::StrCat(field, ".meeting"), scope.meeting().pbx_id(), scope.meeting().meeting_id());
    case v1::HoldScope::kExtension:
      return CheckExtension(absl::StrCat(field, ".extension"), scope.extension());
    case v1::HoldScope::kSubject:
      return CheckSubject(absl::StrCat(field, ".subject"), scope.subject());
    default:
      return InvalidField(field, "required: controller_id, pbx_id, meeting, extension or subject");
  }
}

}  // namespace

absl::Status CheckHoldId(std::string_view field, std::string_view hold_id) {
  const bool fits = !hold_id.empty() && hold_id.size() <= kMaxHoldIdBytes &&
                    std::all_of(hold_id.begin(), hold_id.end(),
                                [](char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-'; });
  return fits ? absl::OkStatus() : InvalidField(field, "1 to 64 characters of a-z, 0-9 and -");
}

absl::Status CheckHold(const v1::Hold& hold, const Policy& policy, absl::Time now) {
  if (absl::Status s = CheckHoldId("hold.hold_id", hold.hold_id()); !s.ok()) return s;
  if (absl::Status s = CheckScope(hold.scope()); !s.ok()) return s;
  return CheckHoldTerms(hold, /*fresh_review=*/true, policy, now);
}

absl::Status CheckHoldTerms(const v1::Hold& hold, bool fresh_review, const Policy& policy, absl::Time now) {
  if (hold.basis() == v1::HOLD_BASIS_UNSPECIFIED || !v1::HoldBasis_IsValid(hold.basis())) {
    return InvalidField("hold.basis", "required: one of the HOLD_BASIS_ values");
  }
  if (absl::Status s = CheckText("hold.owner", hold.owner(), kMaxHoldOwnerBytes); !s.ok()) return s;
  if (absl::Status s = CheckText("hold.reason", hold.reason(), kMaxHoldReasonBytes); !s.ok()) return s;
  const absl::CivilDay today = DayOf(now, policy.zone());
  if (!hold.has_end_date()) return InvalidField("hold.end_date", "required");
  auto end = DayOfDate(hold.end_date(), "hold.end_date");
  if (!end.ok()) return end.status();
  if (*end < DueDay(today)) return InvalidField("hold.end_date", "today or later");
  if (end->civil() > absl::CivilDay(today.year() + kMaxHoldYears, today.month(), today.day())) {
    return InvalidField("hold.end_date", "at most 30 years ahead");
  }
  if (!hold.has_review_date()) return InvalidField("hold.review_date", "required");
  auto review = DayOfDate(hold.review_date(), "hold.review_date");
  if (!review.ok()) return review.status();
  if (fresh_review && *review < DueDay(today)) return InvalidField("hold.review_date", "today or later");
  if (*review > *end) return InvalidField("hold.review_date", "not after end_date");
  return absl::OkStatus();
}

}  // namespace retention
