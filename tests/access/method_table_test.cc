#include "server/access/method_table.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/access/certificates.h"

namespace retention {
namespace {

// "PbxService/GetPbx" of every method that the protos declare.
std::set<std::string> DeclaredMethods() {
  std::set<std::string> methods;
  const std::regex line(R"((?:^|\n)service (\w+)|\n  rpc (\w+))");
  for (const auto& file : std::filesystem::directory_iterator(RETENTION_PROTOS)) {
    const std::string text = TextOf(file.path());
    std::string service;
    for (auto it = std::sregex_iterator(text.begin(), text.end(), line); it != std::sregex_iterator(); ++it) {
      if ((*it)[1].matched) {
        service = (*it)[1];
      } else {
        methods.insert(service + "/" + std::string((*it)[2]));
      }
    }
  }
  return methods;
}

std::string RolesOfRow(const MethodRow& row) {
  std::string roles;
  for (size_t i = 0; i < kRoleNames.size(); ++i) {
    if (!row.roles.Has(static_cast<Role>(i))) continue;
    absl::StrAppend(&roles, roles.empty() ? "" : ", ", std::string(kRoleNames[i]));
  }
  return roles;
}

TEST(MethodTable, HasARowForEveryMethodAndNoOther) {
  std::set<std::string> rows;
  for (const MethodRow& row : MethodTable()) {
    EXPECT_TRUE(rows.insert(absl::StrCat(std::string(row.service), "/", std::string(row.method))).second) << row.method;
  }
  EXPECT_EQ(rows, DeclaredMethods());
  EXPECT_GT(rows.size(), 40u);
}

TEST(MethodTable, IsThePageOfAccess) {
  const std::string page = TextOf(RETENTION_ACCESS_PAGE);
  for (const MethodRow& row : MethodTable()) {
    const std::string line =
        absl::StrCat("| `", std::string(row.service), "/", std::string(row.method), "` | ", RolesOfRow(row), " |");
    EXPECT_NE(page.find(line), std::string::npos) << line;
  }
}

TEST(MethodTable, OnlyBatchesPbxsAndPoliciesMayBeLong) {
  const std::set<std::string_view> longer = {"RecordEvents", "BatchRecordEvents", "AppendLogs",
                                             "SyncPbx",      "PlanPolicy",        "ApplyPolicy"};
  for (const MethodRow& row : MethodTable()) {
    EXPECT_EQ(row.request_bytes_max > (64u << 10), longer.contains(row.method)) << row.method;
  }
}

TEST(MethodTable, StatisticsReachStatisticsAlone_AndMonitoringNothingOfPeople) {
  const std::set<std::string_view> counts = {"ListBackups", "GetRingStatus"};
  for (const MethodRow& row : MethodTable()) {
    EXPECT_EQ(row.roles.Has(Role::kStatistics), row.service == "StatisticsService") << row.method;
    if (row.roles.Has(Role::kMonitoring)) {
      EXPECT_TRUE(counts.contains(row.method)) << row.method;
      EXPECT_TRUE(row.reads.empty()) << row.method;
    }
  }
}

}  // namespace
}  // namespace retention
