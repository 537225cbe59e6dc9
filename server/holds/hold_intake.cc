#include "server/holds/hold_intake.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/base/field_violations.h"
#include "server/base/request_parts.h"

namespace retention {
namespace {

absl::Status CheckText(std::string_view field, std::string_view text, size_t max) {
  if (text.empty()) return InvalidField(field, "required");
  if (text.size() > max) return InvalidField(field, absl::StrCat("at most ", max, " bytes"));
  return absl::OkStatus();
}

absl::Status CheckMeeting(const std::string& field, const std::string& pbx_id, const std::string& meeting_id) {
  FieldViolations violations;
  violations.Add(CheckIdentifier(absl::StrCat(field, ".pbx_id"), pbx_id));
  violations.Add(CheckIdentifier(absl::StrCat(field, ".meeting_id"), meeting_id));
  return violations.status();
}

absl::Status CheckExtension(const std::string& field, const v1::HoldExtension& extension) {
  FieldViolations violations;
  violations.Add(CheckIdentifier(absl::StrCat(field, ".pbx_id"), extension.pbx_id()));
  violations.Add(CheckExtensionNumber(absl::StrCat(field, ".number"), extension.number()));
  return violations.status();
}

absl::Status CheckEmail(const std::string& field, const std::string& email) {
  if (email.empty()) return InvalidField(field, "required");
  const char* const why = WhyNoEmail(email);
  return why == nullptr ? absl::OkStatus() : InvalidField(field, why);
}

absl::Status CheckSubject(const std::string& field, const v1::HoldSubject& subject) {
  const std::string controller = absl::StrCat(field, ".controller_id");
  FieldViolations violations;
  if (subject.has_email()) {
    violations.Add(CheckEmail(absl::StrCat(field, ".email"), subject.email()));
    violations.Add(CheckPartyIdentifier(controller, subject.controller_id()));
    return violations.status();
  }
  if (subject.subject_case() == v1::HoldSubject::SUBJECT_NOT_SET) {
    return InvalidField(field, "required: email, extension or display_name");
  }
  if (!subject.controller_id().empty()) violations.Add(controller, "only with an e-mail address");
  if (subject.has_extension()) {
    violations.Add(CheckExtension(absl::StrCat(field, ".extension"), subject.extension()));
    return violations.status();
  }
  const std::string name = absl::StrCat(field, ".display_name");
  const v1::HoldDisplayName& display_name = subject.display_name();
  violations.Add(CheckMeeting(name, display_name.pbx_id(), display_name.meeting_id()));
  violations.Add(CheckText(absl::StrCat(name, ".name"), display_name.name(), kMaxHoldNameBytes));
  return violations.status();
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

absl::StatusOr<DueDay> EndOf(const v1::Hold& hold, DueDay today) {
  if (!hold.has_end_date()) return InvalidField("hold.end_date", "required");
  auto end = DayOfDate(hold.end_date(), "hold.end_date");
  if (!end.ok()) return end;
  if (*end < today) return InvalidField("hold.end_date", "today or later");
  const absl::CivilDay latest(today.civil().year() + kMaxHoldYears, today.civil().month(), today.civil().day());
  if (end->civil() > latest) return InvalidField("hold.end_date", "at most 30 years ahead");
  return end;
}

// `fresh`: it must not have come yet.
absl::StatusOr<DueDay> ReviewOf(const v1::Hold& hold, bool fresh, DueDay today) {
  if (!hold.has_review_date()) return InvalidField("hold.review_date", "required");
  auto review = DayOfDate(hold.review_date(), "hold.review_date");
  if (review.ok() && fresh && *review < today) return InvalidField("hold.review_date", "today or later");
  return review;
}

}  // namespace

absl::Status CheckHoldId(std::string_view field, std::string_view hold_id) {
  const bool fits = !hold_id.empty() && hold_id.size() <= kMaxHoldIdBytes &&
                    std::all_of(hold_id.begin(), hold_id.end(),
                                [](char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-'; });
  return fits ? absl::OkStatus() : InvalidField(field, "1 to 64 characters of a-z, 0-9 and -");
}

absl::Status CheckHold(const v1::Hold& hold, const Policy& policy, absl::Time now) {
  FieldViolations violations;
  violations.Add(CheckHoldId("hold.hold_id", hold.hold_id()));
  violations.Add(CheckScope(hold.scope()));
  violations.Add(CheckHoldTerms(hold, /*fresh_review=*/true, policy, now));
  return violations.status();
}

absl::Status CheckHoldTerms(const v1::Hold& hold, bool fresh_review, const Policy& policy, absl::Time now) {
  FieldViolations violations;
  if (hold.basis() == v1::HOLD_BASIS_UNSPECIFIED || !v1::HoldBasis_IsValid(hold.basis())) {
    violations.Add("hold.basis", "required: one of the HOLD_BASIS_ values");
  }
  violations.Add(CheckText("hold.owner", hold.owner(), kMaxHoldOwnerBytes));
  violations.Add(CheckText("hold.reason", hold.reason(), kMaxHoldReasonBytes));
  const DueDay today(DayOf(now, policy.zone()));
  auto end = EndOf(hold, today);
  auto review = ReviewOf(hold, fresh_review, today);
  violations.Add(end.status());
  violations.Add(review.status());
  if (end.ok() && review.ok() && *review > *end) {
    violations.Add("hold.review_date", "not after end_date");
  }
  return violations.status();
}

}  // namespace retention
