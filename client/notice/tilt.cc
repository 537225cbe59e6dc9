#include "client/notice/tilt.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/human_units.h"
#include "client/notice/json_value.h"

namespace retention {
namespace {

using Json = JsonValue;

std::string Duration(const v1::Period& period) {
  if (period.has_months()) return absl::StrCat("P", period.months(), "M");
  return period.has_days() ? absl::StrCat("P", period.days(), "D") : "PT0S";
}

// "GDPR-6-1-f", "BDSG-26".
std::string Reference(v1::LegalProvision provision) {
  if (provision == v1::LEGAL_PROVISION_EMPLOYMENT) return "BDSG-26";
  return absl::StrCat("GDPR-6-1-", std::string(1, static_cast<char>('a' + provision - v1::LEGAL_PROVISION_CONSENT)));
}

Json Address(const v1::Party& party) {
  return Json::Object({{"name", party.name()},
                       {"address", AddressText(party)},
                       {"country", party.country()},
                       {"email", party.email()},
                       {"phone", party.phone()}});
}

class Tilt {
 public:
  Tilt(const v1::Policy& policy, const v1::Controller& controller, Language language)
      : policy_(policy), controller_(controller), language_(language) {}

  // All but the hash, which is over this.
  Json Write(const std::string& modified, const std::string& hash) const {
    const v1::Party& contact = controller_.contact();
    Json document = Json::Object({});
    document
        .Add("meta",
             Json::Object({{"_id", absl::StrCat(controller_.controller_id(), "-", policy_.version())},
                           {"name", contact.name()},
                           {"created", Rfc3339(controller_.create_time())},
                           {"modified", modified},
                           {"version", static_cast<int>(policy_.version())},
                           {"language", std::string(CodeOf(language_))},
                           {"status", "active"},
                           {"url", contact.url().empty() ? absl::StrCat("mailto:", contact.email()) : contact.url()},
                           {"_hash", hash}}))
        .Add(
            "controller",
            Json::Object({{"name", contact.name()},
                          {"address", AddressText(contact)},
                          {"country", contact.country()},
                          {"representative", Json::Object({{"name", absl::StrJoin(controller_.representatives(), ", ")},
                                                           {"email", contact.email()},
                                                           {"phone", contact.phone()}})}}))
        .Add("dataProtectionOfficer", Address(controller_.data_protection_officer()))
        .Add("dataDisclosed", DataDisclosed())
        .Add("thirdCountryTransfers", Transfers())
        .Add("accessAndDataPortability",
             Right("access")
                 .Add("administrativeFee", Json::Object({{"amount", 0}, {"currency", "EUR"}}))
                 .Add("dataFormats", Json::Array({"json", "csv", "html"})))
        .Add("sources", Sources())
        .Add("rightToInformation", Right("access"))
        .Add("rightToRectificationOrDeletion", Right("erasure"))
        .Add("rightToDataPortability", Right("portability"))
        .Add("rightToWithdrawConsent", HasConsent() ? Right("consent") : Right("no-consent", false))
        .Add("rightToComplain",
             Right("complaint").Add("supervisoryAuthority", Address(controller_.supervisory_authority())))
        .Add("automatedDecisionMaking", Json::Object({{"inUse", false},
                                                      {"logicInvolved", std::string(Phrase(language_, "automated"))},
                                                      {"scopeAndIntendedEffects", ""}}))
        .Add("changesOfPurpose", Json::Array({}));
    return document;
  }

 private:
  bool HasConsent() const {
    return std::any_of(controller_.legal_bases().begin(), controller_.legal_bases().end(),
                       [](const v1::LegalBasis& basis) { return basis.provision() == v1::LEGAL_PROVISION_CONSENT; });
  }

  Json Right(const char* right, bool available = true) const {
    return Json::Object({{"available", available},
                         {"description", std::string(Phrase(language_, absl::StrCat("right.", right)))},
                         {"url", controller_.contact().url()},
                         {"email", controller_.data_protection_officer().email()},
                         {"identificationEvidences", Json::Array({})}});
  }

  Json DataDisclosed() const {
    std::vector<Json> disclosed;
    for (const v1::DeletionRule& rule : policy_.rules()) {
      // What is anonymous is nobody's data.
      if (rule.action() == v1::END_ACTION_KEEP) continue;
      const std::string purpose = CategoryPhrase("purpose", rule.category(), language_);
      disclosed.push_back(
          Json::Object({{"_id", NameOf(rule.category())},
                        {"category", CategoryPhrase("label", rule.category(), language_)},
                        {"purposes", Json::Array({Json::Object({{"purpose", purpose}, {"description", purpose}})})},
                        {"legalBases", LegalBases()},
                        {"legitimateInterests", Interests()},
                        {"recipients", Recipients()},
                        {"storage", Json::Array({Storage(rule)})},
                        {"nonDisclosure", Json::Object({{"legalRequirement", false},
                                                        {"contractualRegulation", false},
                                                        {"obligationToProvide", false},
                                                        {"consequences", ""}})}}));
    }
    return Json::Array(std::move(disclosed));
  }

  Json LegalBases() const {
    std::vector<Json> bases;
    for (const v1::LegalBasis& basis : controller_.legal_bases()) {
      bases.push_back(Json::Object(
          {{"reference", Reference(basis.provision())},
           {"description", PhraseOf("relation", v1::Relation_Name(basis.relation()), "RELATION_", language_)}}));
    }
    return Json::Array(std::move(bases));
  }

  Json Interests() const {
    std::vector<Json> interests;
    for (const v1::LegalBasis& basis : controller_.legal_bases()) {
      if (!basis.has_interest()) continue;
      interests.push_back(Json::Object({{"exists", true}, {"reasoning", In(language_, basis.interest())}}));
    }
    return Json::Array(std::move(interests));
  }

  Json Recipients() const {
    std::vector<Json> recipients;
    for (const v1::Recipient& recipient : controller_.recipients()) {
      const std::string role = v1::RecipientRole_Name(recipient.role());
      recipients.push_back(Json::Object({{"name", recipient.party().name()},
                                         {"address", AddressText(recipient.party())},
                                         {"country", recipient.party().country()},
                                         {"category", PhraseOf("role", role, "RECIPIENT_ROLE_", language_)}}));
    }
    return Json::Array(std::move(recipients));
  }

  Json Storage(const v1::DeletionRule& rule) const {
    const std::string text = RuleText(rule, language_);
    std::vector<Json> temporal;
    if (rule.has_period()) {
      temporal.push_back(Json::Object({{"description", text}, {"ttl", Duration(rule.period())}}));
    }
    if (rule.has_extended_period()) {
      temporal.push_back(
          Json::Object({{"description", ExtensionText(rule, language_)}, {"ttl", Duration(rule.extended_period())}}));
    }
    return Json::Object(
        {{"temporal", Json::Array(std::move(temporal))},
         {"purposeConditional", Json::Array(rule.has_period() ? std::vector<Json>{} : std::vector<Json>{text})},
         {"legalBasisConditional", Json::Array({})},
         {"aggregationFunction", "max"}});
  }

  Json Transfers() const {
    std::vector<Json> transfers;
    for (const v1::Transfer& transfer : controller_.transfers()) {
      const auto has = [&](v1::TransferSafeguard kind) {
        return std::find(transfer.safeguards().begin(), transfer.safeguards().end(), kind) !=
               transfer.safeguards().end();
      };
      // `instead`: what allows the transfer and is no safeguard.
      const auto safeguard = [&](std::initializer_list<v1::TransferSafeguard> kinds, const std::string& instead = "") {
        std::vector<std::string> said;
        for (const int given : transfer.safeguards()) {
          const auto kind = static_cast<v1::TransferSafeguard>(given);
          if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) continue;
          said.push_back(PhraseOf("safeguard", v1::TransferSafeguard_Name(kind), "TRANSFER_SAFEGUARD_", language_));
        }
        const bool available = !said.empty();
        if (!instead.empty()) said.push_back(instead);
        said.insert(said.begin(), transfer.recipient());
        if (available || !instead.empty())
          said.insert(said.end(), transfer.references().begin(), transfer.references().end());
        return Json::Object({{"available", available}, {"description", absl::StrJoin(said, ", ")}});
      };
      const std::string name = v1::TransferSafeguard_Name(v1::TRANSFER_SAFEGUARD_DEROGATION);
      const std::string derogation =
          has(v1::TRANSFER_SAFEGUARD_DEROGATION) ? PhraseOf("safeguard", name, "TRANSFER_SAFEGUARD_", language_) : "";
      transfers.push_back(Json::Object(
          {{"country", transfer.country()},
           {"adequacyDecision", safeguard({v1::TRANSFER_SAFEGUARD_ADEQUACY_DECISION})},
           {"appropriateGuarantees",
            safeguard({v1::TRANSFER_SAFEGUARD_BINDING_CORPORATE_RULES, v1::TRANSFER_SAFEGUARD_CERTIFICATION},
                      derogation)},
           {"presenceOfEnforceableRightsAndEffectiveRemedies", safeguard({})},
           {"standardDataProtectionClause", safeguard({v1::TRANSFER_SAFEGUARD_STANDARD_CLAUSES})}}));
    }
    return Json::Array(std::move(transfers));
  }

  Json Sources() const {
    std::vector<Json> sources;
    for (const v1::DeletionRule& rule : policy_.rules()) {
      if (rule.action() == v1::END_ACTION_KEEP) continue;
      const std::string source = CategoryPhrase("source", rule.category(), language_);
      sources.push_back(Json::Object(
          {{"_id", NameOf(rule.category())},
           {"dataCategory", CategoryPhrase("label", rule.category(), language_)},
           {"sources",
            Json::Array({Json::Object({{"description", source}, {"url", ""}, {"publiclyAvailable", false}})})}}));
    }
    return Json::Array(std::move(sources));
  }

  const v1::Policy& policy_;
  const v1::Controller& controller_;
  const Language language_;
};

}  // namespace

absl::StatusOr<std::string> WriteTilt(const v1::Policy& policy, const v1::Controller& controller,
                                      const google::protobuf::Timestamp& since, Language language) {
  const auto missing = [](const char* field) {
    return absl::FailedPreconditionError(
        absl::StrCat("TILT requires ", field, ", which is not said of the controller"));
  };
  if (controller.contact().country().empty()) return missing("contact.country");
  if (controller.contact().email().empty()) return missing("contact.email");
  if (controller.data_protection_officer().country().empty()) return missing("data_protection_officer.country");
  if (controller.data_protection_officer().email().empty()) return missing("data_protection_officer.email");
  for (const v1::Transfer& transfer : controller.transfers()) {
    if (transfer.country().empty()) return missing("transfers.country");
  }
  const bool is_later = controller.update_time().seconds() > since.seconds();
  const std::string modified = Rfc3339(is_later ? controller.update_time() : since);
  const Tilt tilt(policy, controller, language);
  const std::string unhashed = tilt.Write(modified, "").Written();
  std::array<uint8_t, SHA256_DIGEST_LENGTH> hash{};
  SHA256(reinterpret_cast<const uint8_t*>(unhashed.data()), unhashed.size(), hash.data());
  const std::string hex =
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
  return tilt.Write(modified, hex).Written();
}

}  // namespace retention
