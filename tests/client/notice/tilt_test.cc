#include "client/notice/tilt.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "tests/client/notice/notice_files.h"

namespace retention {
namespace {

using google::protobuf::Value;

// "a[].b" of a value: all that it names. Fails where a name is missing.
std::vector<const Value*> Find(const Value& root, const std::string& path) {
  std::vector<const Value*> found = {&root};
  for (absl::string_view name : absl::StrSplit(path, '.')) {
    const bool each = absl::EndsWith(name, "[]");
    if (each) name.remove_suffix(2);
    std::vector<const Value*> next;
    for (const Value* value : found) {
      const auto& fields = value->struct_value().fields();
      const auto field = fields.find(std::string(name));
      if (field == fields.end()) {
        ADD_FAILURE() << path << ": no " << name;
        continue;
      }
      if (!each) next.push_back(&field->second);
      for (int i = 0; each && i < field->second.list_value().values_size(); ++i) {
        next.push_back(&field->second.list_value().values(i));
      }
    }
    found = std::move(next);
  }
  return found;
}

bool IsOfType(const Value& value, const std::string& type) {
  if (type == "object") return value.has_struct_value();
  if (type == "list") return value.has_list_value();
  if (type == "bool") return value.kind_case() == Value::kBoolValue;
  if (type == "number") return value.kind_case() == Value::kNumberValue;
  if (type == "country") return value.string_value().size() == 2;
  if (type == "time") return value.string_value().size() >= 20 && value.string_value()[10] == 'T';
  return value.kind_case() == Value::kStringValue;
}

Value Tilt(const v1::Controller& controller, Language language) {
  google::protobuf::Timestamp since;
  since.set_seconds(1767225600);
  v1::Controller described = controller;
  described.mutable_create_time()->set_seconds(1767225500);
  const auto text = WriteTilt(DeployedSource().policy, described, since, language);
  EXPECT_TRUE(text.ok()) << text.status();
  Value value;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(text.value_or(""), value.mutable_struct_value()).ok());
  return value;
}

std::string TextAt(const Value& root, const std::string& path) {
  const auto found = Find(root, path);
  return found.empty() ? "" : found.front()->string_value();
}

TEST(TiltDocument, HasEveryRequiredFieldOfTheSchema) {
  for (const Language language : {Language::kGerman, Language::kEnglish}) {
    for (const v1::Controller& controller : DeployedSource().controllers) {
      const Value document = Tilt(controller, language);
      for (const absl::string_view line : absl::StrSplit(NoticeFixture("tilt_fields.txt"), '\n', absl::SkipEmpty())) {
        if (line[0] == '#') continue;
        const std::pair<std::string, std::string> field = absl::StrSplit(line, ' ');
        for (const Value* value : Find(document, field.first)) {
          EXPECT_TRUE(IsOfType(*value, field.second)) << line << ": " << value->ShortDebugString();
        }
      }
    }
  }
}

TEST(TiltDocument, SaysWhatPolicyAndControllerSay) {
  const Value document = Tilt(DeployedSource().controllers.front(), Language::kGerman);
  EXPECT_EQ(TextAt(document, "meta.language"), "de");
  EXPECT_EQ(TextAt(document, "meta._hash").size(), 64u);
  EXPECT_EQ(TextAt(document, "meta.modified"), "2026-01-01T00:00:00Z");
  EXPECT_EQ(TextAt(document, "controller.name"), "ITM systems GmbH & Co. KG");
  EXPECT_EQ(TextAt(document, "dataDisclosed[]._id"), "RECORDING");
  EXPECT_EQ(TextAt(document, "dataDisclosed[].storage[].temporal[].ttl"), "P7D");
  EXPECT_EQ(TextAt(document, "dataDisclosed[].legalBases[].reference"), "BDSG-26");
  EXPECT_EQ(Find(document, "dataDisclosed[]._id").size(), 15u) << "what is anonymous is not disclosed";
  EXPECT_EQ(Find(document, "thirdCountryTransfers[].country").size(), 4u);
}

TEST(TiltDocument, SaysTheExtensionOfLogs) {
  std::vector<std::string> durations;
  const Value document = Tilt(DeployedSource().controllers.front(), Language::kGerman);
  for (const Value* one : Find(document, "dataDisclosed[]")) {
    if (TextAt(*one, "_id") != "SERVER_LOG") continue;
    for (const Value* ttl : Find(*one, "storage[].temporal[].ttl")) durations.push_back(ttl->string_value());
  }
  EXPECT_EQ(durations, (std::vector<std::string>{"P7D", "P1M"}));
}

TEST(TiltDocument, ADerogationIsNamedAndIsNoSafeguard) {
  v1::Controller controller = DeployedSource().controllers.front();
  controller.mutable_transfers()->DeleteSubrange(1, controller.transfers_size() - 1);
  controller.mutable_transfers(0)->clear_safeguards();
  controller.mutable_transfers(0)->add_safeguards(v1::TRANSFER_SAFEGUARD_DEROGATION);
  const Value document = Tilt(controller, Language::kGerman);
  const std::string text = TextAt(document, "thirdCountryTransfers[].appropriateGuarantees.description");
  EXPECT_TRUE(absl::StrContains(text, "Art. 49 DSGVO")) << text;
  const auto available = Find(document, "thirdCountryTransfers[].appropriateGuarantees.available");
  ASSERT_EQ(available.size(), 1u);
  EXPECT_FALSE(available[0]->bool_value());
}

TEST(TiltDocument, NamesWhatTheSchemaRequiresAndNobodySaid) {
  v1::Controller controller = DeployedSource().controllers.front();
  controller.mutable_contact()->clear_country();
  const auto text = WriteTilt(DeployedSource().policy, controller, {}, Language::kGerman);
  EXPECT_TRUE(absl::StrContains(std::string(text.status().message()), "contact.country")) << text.status();
}

}  // namespace
}  // namespace retention
