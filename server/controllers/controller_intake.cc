#include "server/controllers/controller_intake.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/field_checks.h"
#include "server/base/field_violations.h"

namespace retention {
namespace {

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); });
}

// What may be left out.
void CheckLine(const std::string& field, std::string_view text, FieldViolations& violations,
               size_t max = kMaxControllerLineBytes) {
  if (text.size() > max) violations.Add(field, absl::StrCat("at most ", max, " bytes"));
  if (HasControl(text)) violations.Add(field, "one line, without control characters");
}

void CheckRequiredLine(const std::string& field, std::string_view text, FieldViolations& violations) {
  if (text.empty()) violations.Add(field, "required");
  CheckLine(field, text, violations);
}

void CheckText(const std::string& field, const v1::LocalText& text, FieldViolations& violations) {
  if (text.de().empty() && text.en().empty()) violations.Add(field, "required: de or en");
  CheckLine(absl::StrCat(field, ".de"), text.de(), violations, kMaxControllerTextBytes);
  CheckLine(absl::StrCat(field, ".en"), text.en(), violations, kMaxControllerTextBytes);
}

void CheckCountry(const std::string& field, std::string_view country, FieldViolations& violations) {
  const bool fits =
      country.empty() || (country.size() == 2 && absl::ascii_isupper(country[0]) && absl::ascii_isupper(country[1]));
  if (!fits) violations.Add(field, "two capital letters (ISO 3166-1)");
}

void CheckUrl(const std::string& field, std::string_view url, FieldViolations& violations) {
  const absl::string_view text(url.data(), url.size());
  if (!absl::StartsWith(text, "https://") && !absl::StartsWith(text, "http://")) {
    violations.Add(field, "must begin with https:// or http://");
  }
  if (text.find(' ') != absl::string_view::npos) violations.Add(field, "without spaces");
  CheckLine(field, url, violations, kMaxUrlBytes);
}

// `check` looks at each of the first `max` parts.
template <typename Parts, typename Check>
void CheckEach(const std::string& field, const Parts& parts, int max, FieldViolations& violations, const Check& check) {
  if (parts.size() > max) violations.Add(field, absl::StrCat("at most ", max));
  for (int i = 0; i < std::min<int>(parts.size(), max); ++i) {
    check(absl::StrCat(field, "[", i, "]"), parts.Get(i), violations);
  }
}

void CheckParty(const std::string& field, const v1::Party& party, FieldViolations& violations) {
  const auto of = [&](const char* name) { return absl::StrCat(field, ".", name); };
  CheckRequiredLine(of("name"), party.name(), violations);
  CheckEach(of("address_lines"), party.address_lines(), kMaxAddressLines, violations, CheckRequiredLine);
  CheckCountry(of("country"), party.country(), violations);
  CheckLine(of("phone"), party.phone(), violations);
  CheckLine(of("fax"), party.fax(), violations);
  const char* const why = party.email().empty() ? nullptr : WhyNoEmail(party.email());
  if (why != nullptr) violations.Add(of("email"), why);
  if (!party.url().empty()) CheckUrl(of("url"), party.url(), violations);
}

void CheckBases(const std::string& field, const v1::Controller& controller, FieldViolations& violations) {
  if (controller.legal_bases().empty()) violations.Add(field, "required: one at least");
  std::set<int> relations;
  CheckEach(
      field, controller.legal_bases(), v1::Relation_ARRAYSIZE - 1, violations,
      [&](const std::string& at, const v1::LegalBasis& basis, FieldViolations& its) {
        if (basis.relation() == v1::RELATION_UNSPECIFIED || !v1::Relation_IsValid(basis.relation())) {
          its.Add(absl::StrCat(at, ".relation"), "required: one of the RELATION_ values");
        } else if (!relations.insert(basis.relation()).second) {
          its.Add(absl::StrCat(at, ".relation"), "has a basis already");
        }
        if (basis.provision() == v1::LEGAL_PROVISION_UNSPECIFIED || !v1::LegalProvision_IsValid(basis.provision())) {
          its.Add(absl::StrCat(at, ".provision"), "required: one of the LEGAL_PROVISION_ values");
        }
        const std::string interest = absl::StrCat(at, ".interest");
        if ((basis.provision() == v1::LEGAL_PROVISION_LEGITIMATE_INTERESTS) != basis.has_interest()) {
          its.Add(interest, "required exactly with LEGITIMATE_INTERESTS");
        }
        if (basis.has_interest()) CheckText(interest, basis.interest(), its);
      });
}

void CheckRecipient(const std::string& field, const v1::Recipient& recipient, FieldViolations& violations) {
  CheckParty(absl::StrCat(field, ".party"), recipient.party(), violations);
  if (recipient.role() == v1::RECIPIENT_ROLE_UNSPECIFIED || !v1::RecipientRole_IsValid(recipient.role())) {
    violations.Add(absl::StrCat(field, ".role"), "required: one of the RECIPIENT_ROLE_ values");
  }
  CheckText(absl::StrCat(field, ".purpose"), recipient.purpose(), violations);
}

void CheckLocation(const std::string& field, const v1::Location& location, FieldViolations& violations) {
  CheckRequiredLine(absl::StrCat(field, ".provider"), location.provider(), violations);
  CheckLine(absl::StrCat(field, ".place"), location.place(), violations);
  CheckCountry(absl::StrCat(field, ".country"), location.country(), violations);
  if (location.has_purpose()) CheckText(absl::StrCat(field, ".purpose"), location.purpose(), violations);
}

void CheckTransfer(const std::string& field, const v1::Transfer& transfer, FieldViolations& violations) {
  const auto of = [&](const char* name) { return absl::StrCat(field, ".", name); };
  CheckRequiredLine(of("recipient"), transfer.recipient(), violations);
  CheckCountry(of("country"), transfer.country(), violations);
  if (transfer.safeguards().empty()) violations.Add(of("safeguards"), "required: one at least");
  std::set<int> seen = {v1::TRANSFER_SAFEGUARD_UNSPECIFIED};
  CheckEach(of("safeguards"), transfer.safeguards(), v1::TransferSafeguard_ARRAYSIZE - 1, violations,
            [&](const std::string& at, int safeguard, FieldViolations& its) {
              if (v1::TransferSafeguard_IsValid(safeguard) && seen.insert(safeguard).second) return;
              its.Add(at, "one of the TRANSFER_SAFEGUARD_ values, each once");
            });
  CheckEach(of("references"), transfer.references(), kMaxTransferReferences, violations, CheckUrl);
  if (transfer.has_note()) CheckText(of("note"), transfer.note(), violations);
}

}  // namespace

absl::Status CheckController(const v1::Controller& controller) {
  const auto of = [](const char* name) { return absl::StrCat("controller.", name); };
  FieldViolations violations;
  violations.Add(CheckPartyIdentifier(of("controller_id"), controller.controller_id()));
  if (controller.ByteSizeLong() > kMaxControllerBytes) violations.Add("controller", "at most 48 KiB in all");
  CheckParty(of("contact"), controller.contact(), violations);
  CheckEach(of("representatives"), controller.representatives(), kMaxRepresentatives, violations, CheckRequiredLine);
  CheckParty(of("data_protection_officer"), controller.data_protection_officer(), violations);
  CheckParty(of("supervisory_authority"), controller.supervisory_authority(), violations);
  CheckBases(of("legal_bases"), controller, violations);
  CheckEach(of("recipients"), controller.recipients(), kMaxControllerParts, violations, CheckRecipient);
  CheckEach(of("locations"), controller.locations(), kMaxControllerParts, violations, CheckLocation);
  CheckEach(of("transfers"), controller.transfers(), kMaxControllerParts, violations, CheckTransfer);
  if (controller.has_recipients_note()) CheckText(of("recipients_note"), controller.recipients_note(), violations);
  if (controller.has_locations_note()) CheckText(of("locations_note"), controller.locations_note(), violations);
  return violations.status();
}

}  // namespace retention
