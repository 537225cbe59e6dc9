#include "client/notice/record.h"

#include <utility>
#include <vector>

#include "client/notice/json_value.h"

namespace retention {
namespace {

using Json = JsonValue;

Json Texts(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  return Json::Array(std::vector<Json>(texts.begin(), texts.end()));
}

Json PartyOf(const v1::Party& party) {
  return Json::Object({{"name", party.name()},
                       {"address", Texts(party.address_lines())},
                       {"country", party.country()},
                       {"phone", party.phone()},
                       {"email", party.email()},
                       {"url", party.url()}});
}

Json ControllerOf(const v1::Controller& controller, Language language) {
  std::vector<Json> bases;
  for (const v1::LegalBasis& basis : controller.legal_bases()) {
    bases.push_back(Json::Object(
        {{"relation", v1::Relation_Name(basis.relation())},
         {"provision", PhraseOf("provision", v1::LegalProvision_Name(basis.provision()), "LEGAL_PROVISION_", language)},
         {"interest", In(language, basis.interest())}}));
  }
  std::vector<Json> recipients;
  for (const v1::Recipient& recipient : controller.recipients()) {
    recipients.push_back(Json::Object({{"recipient", PartyOf(recipient.party())},
                                       {"role", v1::RecipientRole_Name(recipient.role())},
                                       {"purpose", In(language, recipient.purpose())}}));
  }
  std::vector<Json> locations;
  for (const v1::Location& location : controller.locations()) {
    locations.push_back(Json::Object({{"provider", location.provider()},
                                      {"place", location.place()},
                                      {"country", location.country()},
                                      {"purpose", In(language, location.purpose())}}));
  }
  std::vector<Json> transfers;
  for (const v1::Transfer& transfer : controller.transfers()) {
    std::vector<Json> safeguards;
    for (const int safeguard : transfer.safeguards()) {
      safeguards.emplace_back(v1::TransferSafeguard_Name(static_cast<v1::TransferSafeguard>(safeguard)));
    }
    transfers.push_back(Json::Object({{"recipient", transfer.recipient()},
                                      {"country", transfer.country()},
                                      {"safeguards", Json::Array(std::move(safeguards))},
                                      {"references", Texts(transfer.references())}}));
  }
  return Json::Object({{"controller_id", controller.controller_id()},
                       {"contact", PartyOf(controller.contact())},
                       {"representatives", Texts(controller.representatives())},
                       {"data_protection_officer", PartyOf(controller.data_protection_officer())},
                       {"supervisory_authority", PartyOf(controller.supervisory_authority())},
                       {"legal_bases", Json::Array(std::move(bases))},
                       {"recipients", Json::Array(std::move(recipients))},
                       {"locations", Json::Array(std::move(locations))},
                       {"transfers", Json::Array(std::move(transfers))}});
}

// The items of the record's last section.
Json Measures(const NoticeSource& source, Language language) {
  std::vector<Json> measures;
  for (const Block& block : WriteRecord(source, language)) {
    if (block.kind == Block::Kind::kHeading) measures.clear();
    if (block.kind != Block::Kind::kItem) continue;
    std::string text;
    for (const Span& span : block.lines.front()) text += span.text;
    measures.emplace_back(std::move(text));
  }
  return Json::Array(std::move(measures));
}

}  // namespace

std::string WriteRecordJson(const NoticeSource& source, Language language) {
  std::vector<Json> controllers;
  for (const v1::Controller& controller : source.controllers) controllers.push_back(ControllerOf(controller, language));
  std::vector<Json> rules;
  for (const v1::DeletionRule& rule : source.policy.rules()) {
    rules.push_back(Json::Object({{"category", NameOf(rule.category())},
                                  {"label", CategoryPhrase("label", rule.category(), language)},
                                  {"purpose", CategoryPhrase("purpose", rule.category(), language)},
                                  {"data_subjects", CategoryPhrase("subjects", rule.category(), language)},
                                  {"time_limit", RuleText(rule, language)},
                                  {"ends_with_pbx", rule.ends_with_pbx()},
                                  {"erasure_order", rule.erasure_order()}}));
  }
  return Json::Object({{"policy_version", static_cast<int>(source.policy.version())},
                       {"time_zone", source.policy.time_zone()},
                       {"controllers", Json::Array(std::move(controllers))},
                       {"rules", Json::Array(std::move(rules))},
                       {"measures", Measures(source, language)}})
      .Written();
}

}  // namespace retention
