#include "server/pbxs/extension_matching.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_split.h"

namespace retention {
namespace {

// "number address name id", each "-" if it is empty.
std::vector<v1::Extension> Extensions(const std::vector<std::string>& texts) {
  std::vector<v1::Extension> extensions;
  for (const std::string& text : texts) {
    const std::vector<std::string> parts = absl::StrSplit(text, ' ');
    const auto part = [&](size_t i) { return i >= parts.size() || parts[i] == "-" ? std::string() : parts[i]; };
    v1::Extension& extension = extensions.emplace_back();
    extension.set_number(part(0));
    extension.set_email(part(1));
    extension.set_first_name(part(2));
    extension.set_extension_id(part(3));
  }
  return extensions;
}

// For each that is told of, the former number of who it is; "new" if it is somebody new.
std::vector<std::string> WhoAre(const std::vector<std::string>& held, const std::vector<std::string>& told) {
  const auto held_extensions = Extensions(held);
  const auto told_extensions = Extensions(told);
  std::vector<const v1::Extension*> as_held;
  std::vector<const v1::Extension*> as_told;
  for (const auto& extension : held_extensions) as_held.push_back(&extension);
  for (const auto& extension : told_extensions) as_told.push_back(&extension);
  std::vector<std::string> who;
  for (const auto& match : MatchExtensions(as_held, as_told)) {
    who.push_back(match.has_value() ? held_extensions[*match].number() : "new");
  }
  return who;
}

using Who = std::vector<std::string>;

TEST(ExtensionMatching, WhoStaysIsTheSame) {
  EXPECT_EQ(WhoAre({"101 a@x Anna", "102"}, {"101 a@x Anna", "102"}), (Who{"101", "102"}));
  EXPECT_EQ(WhoAre({"101 a@x Anna"}, {"101 a@x Alt"}), Who{"101"}) << "she married";
  EXPECT_EQ(WhoAre({"101 a@x Anna"}, {"101 b@x Anna"}), Who{"101"}) << "her address changed";
  EXPECT_EQ(WhoAre({"101 a@x Anna"}, {"101"}), Who{"101"}) << "a list that leaves it out";
  EXPECT_EQ(WhoAre({"101"}, {"101 a@x Anna"}), Who{"101"});
  EXPECT_EQ(WhoAre({"101 a@x Anna"}, {"101 - Zoe"}), Who{"101"});
}

TEST(ExtensionMatching, AnotherNameAndAnotherAddressAreSomebodyElse) {
  EXPECT_EQ(WhoAre({"101 a@x Anna"}, {"101 z@x Zoe"}), Who{"new"});
  EXPECT_EQ(WhoAre({"101 a@x Anna"}, {"101 A@X Zoe"}), Who{"101"}) << "capitals are no other address";
}

TEST(ExtensionMatching, AnAddressThatMovedIsThePersonWhoMoved) {
  EXPECT_EQ(WhoAre({"101 a@x Anna"}, {"201 a@x Anna"}), Who{"101"});
  EXPECT_EQ(WhoAre({"101 a@x Anna"}, {"201 A@X Zoe"}), Who{"101"});
  EXPECT_EQ(WhoAre({"101 - Anna"}, {"201 - Anna"}), Who{"new"}) << "a name is no address";
  EXPECT_EQ(WhoAre({"101 a@x Anna", "102 b@x Bert"}, {"101 b@x Bert", "102 a@x Anna"}), (Who{"102", "101"}));
  EXPECT_EQ(WhoAre({"101 a@x", "102 b@x"}, {"101 b@x", "102 a@x"}), (Who{"102", "101"})) << "without names";
  EXPECT_EQ(WhoAre({"101 a@x Anna", "102 b@x Bert", "103 c@x Cleo"}, {"102 a@x Anna", "103 b@x Bert", "101 c@x Cleo"}),
            (Who{"101", "102", "103"}));
  EXPECT_EQ(WhoAre({"101 a@x Anna", "102 b@x Bert"}, {"102 a@x Anna"}), Who{"101"}) << "and Bert has gone";
}

TEST(ExtensionMatching, AnAddressThatSeveralHaveTellsNobody) {
  EXPECT_EQ(WhoAre({"101 info@x Anna", "102 info@x Bert"}, {"101 info@x Anna", "102 info@x Bert"}),
            (Who{"101", "102"}));
  EXPECT_EQ(WhoAre({"101 info@x Anna", "102 info@x Bert"}, {"201 info@x Anna"}), Who{"new"});
  EXPECT_EQ(WhoAre({"101 info@x Anna"}, {"201 info@x Anna", "202 info@x Bert"}), (Who{"new", "new"}));
  EXPECT_EQ(WhoAre({"101 info@x Anna"}, {"101 info@x Anna", "201 info@x Bert"}), (Who{"101", "new"}))
      << "a second extension";
  EXPECT_EQ(WhoAre({"101 info@x Anna", "102 b@x Bert"}, {"101 y@x Anna", "102 info@x Bert"}), (Who{"101", "102"}))
      << "the mailbox went to Bert, the people stayed";
}

TEST(ExtensionMatching, AnIdGoesBeforeAll) {
  EXPECT_EQ(WhoAre({"101 a@x Anna 7"}, {"201 z@x Zoe 7"}), Who{"101"});
  EXPECT_EQ(WhoAre({"101 a@x Anna 7"}, {"101 a@x Anna 8"}), Who{"new"});
  EXPECT_EQ(WhoAre({"101 a@x Anna 7"}, {"201 a@x Anna 8"}), Who{"new"});
  EXPECT_EQ(WhoAre({"101 a@x Anna 7"}, {"201 b@x Anna 7", "202 a@x Anna 8"}), (Who{"101", "new"}));
  EXPECT_EQ(WhoAre({"101 a@x Anna 7", "102 b@x Bert 8"}, {"101 a@x Anna 8", "102 b@x Bert 7"}), (Who{"102", "101"}));
  EXPECT_EQ(WhoAre({"101 a@x Anna"}, {"101 a@x Anna 7"}), Who{"101"}) << "it is said for the first time";
  EXPECT_EQ(WhoAre({"101 a@x Anna 7"}, {"201 a@x Anna"}), Who{"101"}) << "it is left out";
}

}  // namespace
}  // namespace retention
