#include "server/access/read_audit.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"

namespace retention {
namespace {

using stored::v1::LedgerEntry;

class ReadAuditTest : public ::testing::Test {
 protected:
  absl::Status Note(const char* role, const char* what, absl::Duration since = absl::ZeroDuration()) {
    return audit_.Note({.role = role, .principal = "id"}, what, begin_ + since);
  }

  const absl::Time begin_ = absl::FromUnixSeconds(1'780'000'000 / 3600 * 3600);
  absl::Status outcome_;
  std::vector<std::string> entered_;
  ReadAudit audit_{[this](const std::vector<LedgerEntry>& entries) {
    if (!outcome_.ok()) return outcome_;
    for (const LedgerEntry& entry : entries) {
      EXPECT_EQ(entry.principal(), "id");
      entered_.push_back(absl::StrCat(
          entry.kind() == LedgerEntry::KIND_READ ? "first" : "count", " ", entry.role(), " ", entry.reason(), " ",
          entry.reads(), " ", entry.due_us() == 0 ? 0 : (entry.due_us() - absl::ToUnixMicros(begin_)) / 3'600'000'000));
    }
    return absl::OkStatus();
  }};
};

TEST_F(ReadAuditTest, TheFirstOfAnHourIsEnteredAndTheOthersAreCounted) {
  for (int minute : {0, 1, 59}) EXPECT_TRUE(Note("operator", "LOGS", absl::Minutes(minute)).ok());
  EXPECT_EQ(entered_, std::vector<std::string>{"first operator LOGS 0 0"});
  EXPECT_TRUE(Note("operator", "HOLDS", absl::Minutes(59)).ok());
  EXPECT_TRUE(Note("auditor", "HOLDS", absl::Minutes(59)).ok());
  EXPECT_EQ(entered_, (std::vector<std::string>{"first operator LOGS 0 0", "first operator HOLDS 0 0",
                                                "first auditor HOLDS 0 0"}));
}

TEST_F(ReadAuditTest, AtTheHoursEndTheCountIsEnteredOnce) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Note("operator", "LOGS").ok());
  entered_.clear();
  EXPECT_TRUE(audit_.Close(begin_ + absl::Minutes(59)).ok());
  EXPECT_TRUE(entered_.empty());
  EXPECT_TRUE(audit_.Close(begin_ + absl::Hours(1)).ok());
  EXPECT_TRUE(audit_.Close(begin_ + absl::Hours(1)).ok());
  EXPECT_EQ(entered_, std::vector<std::string>{"count operator LOGS 5 0"});
}

TEST_F(ReadAuditTest, WhoReadsInTheNextHourHasTheLastOneCounted) {
  EXPECT_TRUE(Note("operator", "LOGS").ok());
  EXPECT_TRUE(Note("operator", "LOGS").ok());
  entered_.clear();
  EXPECT_TRUE(Note("operator", "LOGS", absl::Minutes(61)).ok());
  EXPECT_EQ(entered_, (std::vector<std::string>{"count operator LOGS 2 0", "first operator LOGS 0 0"}));
}

TEST_F(ReadAuditTest, WhatCannotBeEnteredIsNotAnswered) {
  outcome_ = absl::UnavailableError("the disk is gone");
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = Note("operator", "LOGS");
    EXPECT_TRUE(absl::IsUnavailable(status));
    EXPECT_EQ(DetailsOf(status).reason, "AUDIT_UNAVAILABLE");
  }
  outcome_ = absl::OkStatus();
  EXPECT_TRUE(Note("operator", "LOGS").ok());
  EXPECT_EQ(entered_, std::vector<std::string>{"first operator LOGS 0 0"});
  // A count that cannot be entered waits.
  outcome_ = absl::UnavailableError("the disk is gone");
  EXPECT_FALSE(audit_.Close(begin_ + absl::Hours(2)).ok());
  outcome_ = absl::OkStatus();
  entered_.clear();
  EXPECT_TRUE(audit_.Close(begin_ + absl::Hours(2)).ok());
  EXPECT_EQ(entered_, std::vector<std::string>{"count operator LOGS 1 0"});
}

TEST(IsAudited, ThePortalIsNot) {
  EXPECT_TRUE(IsAudited(Role::kOperator) && IsAudited(Role::kAuditor) && IsAudited(Role::kRightsDesk));
  EXPECT_FALSE(IsAudited(Role::kPortal) || IsAudited(Role::kStatistics) || IsAudited(Role::kMonitoring));
}

}  // namespace
}  // namespace retention
