#include "client/notice/notice_facts.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace retention {
namespace {

constexpr uint32_t kMonthsPerYear = 12;
// ISO 3166-1 alpha-2: the EU, and with it the EEA.
constexpr std::string_view kCountriesOfEea[] = {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI",
                                                "FR", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT", "LU",
                                                "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"};

bool IsOfEea(std::string_view country) {
  return std::ranges::find(kCountriesOfEea, country) != std::end(kCountriesOfEea);
}

// Whether it was said of all places that they lie within the EEA. What is not said is not promised.
bool IsWithinEea(const v1::Controller& controller) {
  const auto& locations = controller.locations();
  const auto& recipients = controller.recipients();
  return !locations.empty() && controller.transfers().empty() &&
         std::all_of(locations.begin(), locations.end(), [](const auto& l) { return IsOfEea(l.country()); }) &&
         std::all_of(recipients.begin(), recipients.end(),
                     [](const auto& r) { return r.party().country().empty() || IsOfEea(r.party().country()); });
}

// Controllers that have something alike.
struct Group {
  std::string likeness;
  std::vector<const v1::Controller*> controllers;
};

std::vector<Group> GroupBy(const NoticeSource& source,
                           const std::function<std::string(const v1::Controller&)>& likeness) {
  std::vector<Group> groups;
  for (const v1::Controller& controller : source.controllers) {
    const std::string its = likeness(controller);
    auto group = groups.begin();
    while (group != groups.end() && group->likeness != its) ++group;
    if (group == groups.end()) group = groups.insert(group, Group{.likeness = its, .controllers = {}});
    group->controllers.push_back(&controller);
  }
  return groups;
}

template <typename Parts>
std::string BytesOf(const Parts& parts) {
  std::string bytes;
  for (const auto& part : parts) {
    const std::string one = part.SerializeAsString();
    absl::StrAppend(&bytes, one.size(), ":", one);
  }
  return bytes;
}

// Facts of each group: `of` names its controllers, and is empty where all have it alike.
std::vector<Facts> FactsOfGroups(const std::vector<Group>& groups,
                                 const std::function<Facts(const v1::Controller&)>& facts) {
  std::vector<Facts> all;
  for (const Group& group : groups) {
    Facts its = facts(*group.controllers.front());
    std::vector<std::string> names;
    for (const v1::Controller* controller : group.controllers) names.push_back(controller->contact().name());
    its.texts["of"] = groups.size() == 1 ? "" : absl::StrJoin(names, ", ");
    all.push_back(std::move(its));
  }
  return all;
}

void AddParty(const v1::Party& party, Facts& facts) {
  facts.texts["name"] = party.name();
  facts.texts["phone"] = party.phone();
  facts.texts["fax"] = party.fax();
  facts.texts["email"] = party.email();
  facts.texts["url"] = party.url();
  facts.texts["address_text"] = AddressText(party);
  std::vector<Facts>& address = facts.lists["address"];
  for (const std::string& line : party.address_lines()) address.push_back({.texts = {{"line", line}}});
}

Facts FactsOfParty(const v1::Party& party) {
  Facts facts;
  AddParty(party, facts);
  return facts;
}

Facts FactsOfController(const v1::Controller& controller) {
  Facts facts = FactsOfParty(controller.contact());
  const v1::Party& officer = controller.data_protection_officer();
  const auto join = [](std::vector<std::string> parts) {
    std::erase(parts, "");
    return absl::StrJoin(parts, ", ");
  };
  facts.texts["representatives"] = absl::StrJoin(controller.representatives(), ", ");
  facts.texts["reach"] = join({controller.contact().phone(), controller.contact().email(), controller.contact().url()});
  facts.texts["officer"] = join({officer.name(), AddressText(officer), officer.phone(), officer.email()});
  return facts;
}

Facts FactsOfGrounds(const v1::Controller& controller, Language language) {
  Facts facts;
  for (const v1::LegalBasis& basis : controller.legal_bases()) {
    Facts said;
    said.texts["provision"] =
        PhraseOf("provision", v1::LegalProvision_Name(basis.provision()), "LEGAL_PROVISION_", language);
    said.texts["relation"] = PhraseOf("relation", v1::Relation_Name(basis.relation()), "RELATION_", language);
    const std::string sentence = PhraseOf("basis", v1::Relation_Name(basis.relation()), "RELATION_", language);
    said.texts["sentence"] = FillSentence(sentence, said);
    const Facts interest = {.texts = {{"interest", In(language, basis.interest())}}};
    said.texts["interest"] =
        basis.has_interest() ? FillSentence(Phrase(language, "basis.interest"), interest) : std::string();
    facts.lists["bases"].push_back(std::move(said));
  }
  return facts;
}

Facts FactsOfRecipients(const v1::Controller& controller, Language language) {
  Facts facts;
  for (const v1::Recipient& recipient : controller.recipients()) {
    Facts said = FactsOfParty(recipient.party());
    said.texts["address"] =
        absl::StrCat(recipient.party().address_lines().empty() ? "" : ", ", AddressText(recipient.party()));
    said.texts["role"] = PhraseOf("role", v1::RecipientRole_Name(recipient.role()), "RECIPIENT_ROLE_", language);
    said.texts["purpose"] = In(language, recipient.purpose());
    facts.lists["recipients"].push_back(std::move(said));
  }
  facts.texts["note"] = In(language, controller.recipients_note());
  return facts;
}

Facts FactsOfPlaces(const v1::Controller& controller, Language language) {
  Facts facts;
  for (const v1::Location& location : controller.locations()) {
    std::vector<std::string> place = {location.place(), location.country()};
    std::erase(place, "");
    const std::string& purpose = In(language, location.purpose());
    facts.lists["locations"].push_back(
        {.texts = {{"provider", location.provider()},
                   {"place", place.empty() ? "" : absl::StrCat(" (", absl::StrJoin(place, ", "), ")")},
                   {"purpose", purpose.empty() ? "" : absl::StrCat(": ", purpose)}}});
  }
  for (const v1::Transfer& transfer : controller.transfers()) {
    std::vector<std::string> safeguards;
    for (const int safeguard : transfer.safeguards()) {
      const std::string name = v1::TransferSafeguard_Name(static_cast<v1::TransferSafeguard>(safeguard));
      safeguards.push_back(PhraseOf("safeguard", name, "TRANSFER_SAFEGUARD_", language));
    }
    const std::string& note = In(language, transfer.note());
    facts.lists["transfers"].push_back(
        {.texts = {{"recipient", transfer.recipient()},
                   {"country", transfer.country().empty() ? "" : absl::StrCat(" (", transfer.country(), ")")},
                   {"safeguards", absl::StrJoin(safeguards, ", ")},
                   {"note", note.empty() ? "" : absl::StrCat("; ", note)},
                   {"references", absl::StrJoin(transfer.references(), " , ")}}});
  }
  if (!controller.locations().empty()) facts.lists["has_locations"].emplace_back();
  if (!controller.transfers().empty()) facts.lists["has_transfers"].emplace_back();
  if (IsWithinEea(controller)) facts.lists["within_eea"].emplace_back();
  facts.texts["note"] = In(language, controller.locations_note());
  return facts;
}

void AddRules(const v1::Policy& policy, Language language, Facts& facts) {
  std::vector<std::string> with_pbx;
  std::vector<std::string> without_day;
  for (const v1::DeletionRule& rule : policy.rules()) {
    const std::string label = CategoryPhrase("label", rule.category(), language);
    const Facts said = {.texts = {{"label", label},
                                  {"text", RuleText(rule, language)},
                                  {"purpose", CategoryPhrase("purpose", rule.category(), language)},
                                  {"subjects", CategoryPhrase("subjects", rule.category(), language)},
                                  {"order", rule.erasure_order() ? "✓" : ""}}};
    facts.lists["rules"].push_back(said);
    facts.lists[rule.ends_with_pbx() ? "rules_of_pbx" : "rules_beyond_pbx"].push_back(said);
    if (rule.ends_with_pbx()) with_pbx.push_back(label);
    if (rule.action() == v1::END_ACTION_ERASE && !rule.has_period()) without_day.push_back(label);
    const std::string collected = CategoryPhrase("collected", rule.category(), language);
    if (!collected.empty()) facts.lists["collected"].push_back({.texts = {{"text", collected}}});
  }
  facts.texts["without_day"] = absl::StrJoin(without_day, ", ");
  facts.texts["with_pbx"] = absl::StrJoin(with_pbx, ", ");
  facts.texts["no_contact"] = PeriodText(policy.pbx_end().no_contact(), language);
  facts.texts["unresolved"] = PeriodText(policy.pbx_end().fqdn_unresolved(), language);
  facts.texts["policy_version"] = absl::StrCat(policy.version());
  facts.texts["time_zone"] = policy.time_zone();
}

}  // namespace

std::string PeriodText(const v1::Period& period, Language language, bool dative) {
  std::string unit = "days";
  uint32_t count = period.days();
  if (period.has_months()) {
    const bool is_years = period.months() % kMonthsPerYear == 0;
    unit = is_years ? "years" : "months";
    count = is_years ? period.months() / kMonthsPerYear : period.months();
  }
  const std::string key = absl::StrCat("unit.", unit, count == 1 ? ".one" : dative ? ".many.dative" : ".many");
  return absl::StrCat(count, " ", std::string(Phrase(language, key)));
}

std::string RuleText(const v1::DeletionRule& rule, Language language) {
  const Facts periods = {.texts = {{"period", PeriodText(rule.period(), language)},
                                   {"period_dative", PeriodText(rule.period(), language, true)},
                                   {"anonymised_dative", PeriodText(rule.anonymised_period(), language, true)}}};
  const std::string own = absl::StrCat("rule.", NameOf(rule.category()));
  std::string_view sentence = Phrase(language, own);
  if (rule.category() == v1::DATA_CATEGORY_HISTORY && !rule.has_anonymised_period()) {
    sentence = Phrase(language, absl::StrCat(own, ".kept"));
  }
  std::string text = sentence.empty()
                         ? PhraseOf("rule", v1::StartingPoint_Name(rule.starting_point()), "STARTING_POINT_", language)
                         : std::string(sentence);
  text = FillSentence(text, periods);
  if (rule.has_extended_period()) absl::StrAppend(&text, " ", ExtensionText(rule, language));
  return text;
}

std::string ExtensionText(const v1::DeletionRule& rule, Language language) {
  const Facts period = {.texts = {{"extended", PeriodText(rule.extended_period(), language)}}};
  return FillSentence(Phrase(language, absl::StrCat("rule.", NameOf(rule.category()), ".extended")), period);
}

std::string NameOf(v1::DataCategory category) {
  return std::string(absl::StripPrefix(v1::DataCategory_Name(category), "DATA_CATEGORY_"));
}

std::string CategoryPhrase(const char* kind, v1::DataCategory category, Language language) {
  const std::string_view own = Phrase(language, absl::StrCat(kind, ".", NameOf(category)));
  return std::string(own.empty() ? Phrase(language, kind) : own);
}

std::string PhraseOf(const char* kind, const std::string& name, const char* prefix, Language language) {
  return std::string(Phrase(language, absl::StrCat(kind, ".", absl::StripPrefix(name, prefix))));
}

const std::string& In(Language language, const v1::LocalText& text) {
  const bool german = language == Language::kGerman;
  const std::string& wanted = german ? text.de() : text.en();
  return !wanted.empty() ? wanted : german ? text.en() : text.de();
}

std::string AddressText(const v1::Party& party) { return absl::StrJoin(party.address_lines(), ", "); }

Facts FactsOf(const NoticeSource& source, Language language) {
  Facts facts;
  AddRules(source.policy, language, facts);
  for (const v1::Controller& controller : source.controllers) {
    facts.lists["controllers"].push_back(FactsOfController(controller));
    for (const v1::LegalBasis& basis : controller.legal_bases()) {
      const bool is_consent = basis.provision() == v1::LEGAL_PROVISION_CONSENT;
      if (is_consent) facts.lists["has_consent"].resize(1);
      if (basis.has_interest()) facts.lists["has_interests"].resize(1);
    }
  }
  facts.lists["officers"] =
      FactsOfGroups(GroupBy(source, [](const auto& c) { return c.data_protection_officer().SerializeAsString(); }),
                    [](const auto& c) { return FactsOfParty(c.data_protection_officer()); });
  facts.lists["authorities"] =
      FactsOfGroups(GroupBy(source, [](const auto& c) { return c.supervisory_authority().SerializeAsString(); }),
                    [](const auto& c) { return FactsOfParty(c.supervisory_authority()); });
  facts.lists["grounds"] = FactsOfGroups(GroupBy(source, [](const auto& c) { return BytesOf(c.legal_bases()); }),
                                         [=](const auto& c) { return FactsOfGrounds(c, language); });
  const auto recipients_of = [](const v1::Controller& c) {
    return BytesOf(c.recipients()) + c.recipients_note().SerializeAsString();
  };
  facts.lists["recipient_groups"] =
      FactsOfGroups(GroupBy(source, recipients_of), [=](const auto& c) { return FactsOfRecipients(c, language); });
  const auto places_of = [](const v1::Controller& c) {
    return absl::StrCat(BytesOf(c.locations()), "|", BytesOf(c.transfers()), "|",
                        c.locations_note().SerializeAsString(), "|", IsWithinEea(c));
  };
  facts.lists["place_groups"] =
      FactsOfGroups(GroupBy(source, places_of), [=](const auto& c) { return FactsOfPlaces(c, language); });
  return facts;
}

Document WriteNotice(const NoticeSource& source, Language language) {
  return FillTemplate(NoticeText("notice", language, "md"), FactsOf(source, language));
}

Document WriteRecord(const NoticeSource& source, Language language) {
  return FillTemplate(NoticeText("record", language, "md"), FactsOf(source, language));
}

}  // namespace retention
