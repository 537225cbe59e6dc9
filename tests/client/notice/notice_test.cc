// What is written from the deployed policy and the sample of controllers says what the original notice says.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/notice/notice_check.h"
#include "client/notice/record.h"
#include "tests/client/notice/notice_files.h"

namespace retention {
namespace {

// The words of a text, without signs of Markdown.
std::string Words(const std::string& text) {
  std::vector<std::string> words;
  for (const std::vector<Sentence>& passage : PassagesOf(text)) {
    for (const Sentence& sentence : passage) {
      for (const absl::string_view word : absl::StrSplit(sentence.text, ' ', absl::SkipEmpty()))
        words.emplace_back(word);
    }
  }
  return absl::StrJoin(words, " ");
}

struct Item {
  std::string original;
  std::string written;
};

std::vector<Item> Items() {
  std::vector<Item> items;
  for (const absl::string_view line : absl::StrSplit(NoticeFixture("items.txt"), '\n')) {
    const auto behind = [&](const char* sign) { return std::string(line.substr(std::string_view(sign).size())); };
    if (absl::StartsWith(line, "original: ")) items.push_back({.original = behind("original: "), .written = {}});
    if (absl::StartsWith(line, "written: ")) items.back().written = behind("written: ");
  }
  return items;
}

std::string German() { return ToMarkdown(WriteNotice(DeployedSource(), Language::kGerman)); }

// Sections 9 and 10 of the original.
std::string OriginalSections() {
  const std::string original = NoticeFixture("original_notice.md");
  return original.substr(original.find("### 9. Dauer"));
}

TEST(Notice, SaysEveryItemOfSectionsNineAndTen) {
  const std::string original = Words(NoticeFixture("original_notice.md"));
  const std::string written = Words(German());
  const std::vector<Item> items = Items();
  EXPECT_GT(items.size(), 25u);
  for (const Item& item : items) {
    EXPECT_TRUE(absl::StrContains(original, item.original)) << "not in the original: " << item.original;
    EXPECT_TRUE(absl::StrContains(written, item.written)) << "not written: " << item.written;
  }
}

// The fixture leaves nothing of them out.
TEST(Notice, TheItemsAreAllOfSectionsNineAndTen) {
  std::string rest = Words(OriginalSections());
  for (const Item& item : Items()) rest = absl::StrReplaceAll(rest, {{item.original, ""}});
  for (const char* heading : {"9. Dauer der Speicherung und Kriterien für die Festlegung der Speicherdauer",
                              "10. Betroffenenrechte", "Information über Ihr Widerspruchsrecht nach Art. 21 DSGVO"}) {
    rest = absl::StrReplaceAll(rest, {{heading, ""}});
  }
  EXPECT_EQ(Words(rest), "");
}

std::vector<Promise> PromisesIn(const std::string& text) { return ReadPromises(text, Language::kGerman).made; }

// Whether what is written promises no more and no less than the original: it may say which starting point is meant, and
// a period where the original has "up to".
bool SameOrClearer(const Promise& original, const Promise& written) {
  const bool same_length = original.length.has_value() == written.length.has_value() &&
                           (!original.length.has_value() || (original.length->unit == written.length->unit &&
                                                             original.length->count == written.length->count &&
                                                             (original.length->is_most || !written.length->is_most)));
  return original.about == written.about && same_length && original.is_anonymised == written.is_anonymised &&
         original.is_extended == written.is_extended &&
         std::includes(original.starts.begin(), original.starts.end(), written.starts.begin(), written.starts.end());
}

TEST(Notice, PromisesTheSameItemByItem) {
  size_t promises = 0;
  for (const Item& item : Items()) {
    const auto original = PromisesIn(item.original);
    const auto written = PromisesIn(item.written);
    ASSERT_EQ(original.size(), written.size()) << item.original;
    for (size_t i = 0; i < original.size(); ++i) {
      EXPECT_TRUE(SameOrClearer(original[i], written[i])) << item.original << "\n" << item.written;
    }
    promises += original.size();
  }
  EXPECT_EQ(promises, 18u) << "of 14 categories, of history and logs one more, and of two ends of a PBX";
}

TEST(Notice, ChangesWithThePolicyAndTheControllers) {
  NoticeSource source = DeployedSource();
  RuleIn(source.policy, v1::DATA_CATEGORY_RECORDING).mutable_period()->set_days(1);
  RuleIn(source.policy, v1::DATA_CATEGORY_PARTICIPANT_NAME).set_starting_point(v1::STARTING_POINT_MEETING_END);
  RuleIn(source.policy, v1::DATA_CATEGORY_SERVER_LOG).clear_extended_period();
  source.policy.mutable_pbx_end()->mutable_no_contact()->set_months(2);
  source.controllers.resize(2);
  source.controllers[1].mutable_data_protection_officer()->set_name("Somebody else");
  const std::string text = ToMarkdown(WriteNotice(source, Language::kGerman));
  EXPECT_TRUE(absl::StrContains(text, "Aufzeichnungen: 1 Tag nach dem Erstellungsdatum")) << text;
  EXPECT_TRUE(absl::StrContains(text, "Namen der Meeting-Teilnehmer: 7 Tage nach Beendigung")) << text;
  EXPECT_TRUE(absl::StrContains(text, "den Dienst 2 Monate lang nicht kontaktiert")) << text;
  EXPECT_FALSE(absl::StrContains(text, "auf bis zu"));
  EXPECT_TRUE(absl::StrContains(text, "Für ITM design GmbH:\n\nSomebody else")) << "each has its own officer";
  EXPECT_FALSE(absl::StrContains(text, "ViSaaS"));
  EXPECT_TRUE(CheckNotice(text, source.policy, Language::kGerman).deviations.empty());
}

// No place of a template stays unfilled, and no phrase is missing, in either language.
TEST(Notice, IsWholeInBothLanguages) {
  const NoticeSource source = DeployedSource();
  for (const Language language : {Language::kGerman, Language::kEnglish}) {
    for (const Document& document : {WriteNotice(source, language), WriteRecord(source, language)}) {
      const std::string text = ToMarkdown(document);
      EXPECT_FALSE(absl::StrContains(text, "{{")) << text;
      EXPECT_TRUE(absl::StrContains(text, "ITM energy GmbH"));
    }
    for (const v1::DeletionRule& rule : source.policy.rules()) {
      EXPECT_NE(RuleText(rule, language), "") << NameOf(rule.category());
      for (const char* kind : {"label", "purpose", "subjects", "source"}) {
        EXPECT_NE(CategoryPhrase(kind, rule.category(), language), "") << kind << " " << NameOf(rule.category());
      }
    }
    const std::string text = ToMarkdown(WriteNotice(source, language));
    EXPECT_TRUE(CheckNotice(text, source.policy, language).deviations.empty());
    EXPECT_TRUE(CheckNotice(text, source.policy, language).silent.empty());
    for (const Sentence& sentence : CheckNotice(text, source.policy, language).unclear) {
      ADD_FAILURE() << "what is written is understood: " << sentence.text;
    }
  }
}

// Whether the texts say that nothing is processed outside of the EEA.
bool SaysWithinEea(const v1::Controller& controller) {
  const NoticeSource source = {.policy = DeployedSource().policy, .controllers = {controller}};
  const auto says = [&](const Document& document, const char* what) {
    return absl::StrContains(ToMarkdown(document), what);
  };
  const bool is_said = says(WriteNotice(source, Language::kGerman), "EWR findet nicht statt");
  EXPECT_EQ(says(WriteNotice(source, Language::kEnglish), "Nothing is processed outside"), is_said);
  EXPECT_EQ(says(WriteRecord(source, Language::kGerman), "\n- keine\n"), is_said);
  EXPECT_EQ(says(WriteRecord(source, Language::kEnglish), "\n- none\n"), is_said);
  return is_said;
}

TEST(Notice, DeniesProcessingOutsideOfTheEeaOnlyWhereAllPlacesAreSaidToLieInIt) {
  v1::Controller controller = DeployedSource().controllers.front();
  EXPECT_FALSE(SaysWithinEea(controller));
  controller.clear_transfers();
  EXPECT_FALSE(SaysWithinEea(controller)) << "some locations name no country";
  controller.clear_locations();
  EXPECT_FALSE(SaysWithinEea(controller)) << "nothing is said";
  controller.add_locations()->set_country("DE");
  EXPECT_TRUE(SaysWithinEea(controller));
  controller.add_locations()->set_country("NO");
  EXPECT_TRUE(SaysWithinEea(controller));
  controller.mutable_recipients(0)->mutable_party()->set_country("US");
  EXPECT_FALSE(SaysWithinEea(controller)) << "who receives them is elsewhere";
  controller.clear_recipients();
  controller.add_locations()->set_country("US");
  EXPECT_FALSE(SaysWithinEea(controller));
}

TEST(Notice, HtmlIsAPageThatLoadsNothingAndEscapesWhatControllersSay) {
  NoticeSource source = DeployedSource();
  source.controllers.resize(1);
  source.controllers[0].mutable_contact()->set_name("<script>alert(1)</script> & \"Söhne\"");
  source.controllers[0].add_representatives("**B** # <b>");
  const std::string html = ToHtml(WriteNotice(source, Language::kGerman), "de");
  EXPECT_FALSE(absl::StrContains(html, "<script"));
  EXPECT_TRUE(absl::StrContains(html, "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;Söhne&quot;")) << html;
  for (const char* loader : {"<img", "<link", "src=", "href=", "@import", "url("}) {
    EXPECT_FALSE(absl::StrContains(html, loader)) << loader;
  }
  EXPECT_TRUE(absl::StrContains(html, "@media print"));
  const std::string markdown = ToMarkdown(WriteNotice(source, Language::kGerman));
  EXPECT_TRUE(absl::StrContains(markdown, "\\*\\*B\\*\\* # \\<b>")) << markdown;
  EXPECT_TRUE(CheckNotice(html, source.policy, Language::kGerman).deviations.empty()) << "HTML is read as well";
}

TEST(Markdown, WhatControllersSayBeginsNoBlockAndIsNoMark) {
  const std::vector<std::pair<std::string, std::string>> lines = {
      {"=====", "\\====="},
      {"-----", "\\-----"},
      {" # Kopf", "\\# Kopf"},
      {"   - x", "\\- x"},
      {" + x", "\\+ x"},
      {" * x", "\\* x"},
      {" > x", "\\> x"},
      {" 1. x", "1\\. x"},
      {"\t12) x", "12\\) x"},
      {"    code", "code"},
      {"~~x~~", "\\~\\~x\\~\\~"},
      {"~~~", "\\~\\~\\~"},
      {"```", "\\`\\`\\`"},
      {"___", "\\_\\_\\_"},
      {"a | b", "a \\| b"},
      {"&lt;b>", "\\&lt;b>"},
      {"[a](b)", "\\[a\\](b)"},
      {"  ", ""},
      {"a\n# b\r- c", "a # b - c"},
  };
  for (const auto& [said, written] : lines) {
    const Line line = {{.text = said}};
    const Document document = {{.kind = Block::Kind::kParagraph, .lines = {{{.text = "A"}}, line}},
                               {.kind = Block::Kind::kItem, .lines = {line}}};
    EXPECT_EQ(ToMarkdown(document), "\nA  \n" + written + "\n\n- " + written + "\n") << said;
  }
}

TEST(Record, HasWhatArticleThirtyAsks) {
  const NoticeSource source = DeployedSource();
  const std::string text = ToMarkdown(WriteRecord(source, Language::kGerman));
  for (const char* part : {"datenschutz@itm-systems.com", "Aufzeichnung eines Online-Meetings", "Nebenstellennutzer",
                           "3CX GmbH", "Google LLC", "7 Tage nach dem Erstellungsdatum", "AES-256-GCM", "| ✓ |"}) {
    EXPECT_TRUE(absl::StrContains(text, part)) << part << "\n" << text;
  }
  const std::string json = WriteRecordJson(source, Language::kEnglish);
  EXPECT_TRUE(absl::StrContains(json, "\"category\": \"RECORDING\"")) << json;
  EXPECT_TRUE(absl::StrContains(json, "\"TRANSFER_SAFEGUARD_ADEQUACY_DECISION\""));
  for (const char* part : {"\"supervisory_authority\"", "poststelle@ldi.nrw.de", "\"locations\"", "\"Frankfurt\"",
                           "\"measures\"", "tamper-evident"}) {
    EXPECT_TRUE(absl::StrContains(json, part)) << part << "\n" << json;
  }
}

TEST(Record, PromisesNoMoreOfKeysAndOfTheLedgerThanThereIs) {
  const std::string text = ToMarkdown(WriteRecord(DeployedSource(), Language::kGerman));
  for (const char* part : {"Keinen Löschtag haben: PDF-Freigabe, Umfragen, PBX-Sync-Daten.", "Aussetzung endet",
                           "nachträgliche Änderung anzusehen"}) {
    EXPECT_TRUE(absl::StrContains(text, part)) << part << "\n" << text;
  }
  EXPECT_FALSE(absl::StrContains(text, "fälschungssicher"));
  EXPECT_FALSE(absl::StrContains(text, "Jeder Wert ist"));
}

// The values of an enum, but for the one that is rejected.
std::vector<std::string> NamesOf(const google::protobuf::EnumDescriptor* all) {
  std::vector<std::string> names;
  for (int i = 0; i < all->value_count(); ++i) {
    if (all->value(i)->number() != 0) names.push_back(all->value(i)->name());
  }
  return names;
}

TEST(Phrases, AreThereForEveryValueOfEveryEnum) {
  struct Kind {
    const char* kind;
    const char* prefix;
    const google::protobuf::EnumDescriptor* all;
  };
  for (const Language language : {Language::kGerman, Language::kEnglish}) {
    for (const Kind& kind : std::vector<Kind>{
             {"relation", "RELATION_", v1::Relation_descriptor()},
             {"basis", "RELATION_", v1::Relation_descriptor()},
             {"provision", "LEGAL_PROVISION_", v1::LegalProvision_descriptor()},
             {"role", "RECIPIENT_ROLE_", v1::RecipientRole_descriptor()},
             {"safeguard", "TRANSFER_SAFEGUARD_", v1::TransferSafeguard_descriptor()},
             {"label", "DATA_CATEGORY_", v1::DataCategory_descriptor()},
             {"purpose", "DATA_CATEGORY_", v1::DataCategory_descriptor()},
             {"rule", "STARTING_POINT_", v1::StartingPoint_descriptor()},
         }) {
      for (const std::string& name : NamesOf(kind.all)) {
        if (name == "STARTING_POINT_NONE") continue;  // The category says what ends it.
        EXPECT_NE(PhraseOf(kind.kind, name, kind.prefix, language), "") << CodeOf(language) << " " << name;
      }
    }
  }
}

}  // namespace
}  // namespace retention
