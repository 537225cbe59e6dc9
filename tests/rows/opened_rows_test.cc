// What a row is, and what becomes of its visitor, are two things.
#include "server/rows/opened_rows.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/engine/harness.h"

namespace retention {
namespace {

class OpenedRows : public ::testing::Test {
 protected:
  OpenedRows() : harness_(kMonday) {
    harness_.SyncPbx();
    harness_.Record({Joined("m", "a", kMonday, "anna", "Anna"), Joined("n", "b", kMonday, "bob", "Bob")});
  }
  // Every row answers with `outcome`. How many were said to be unreadable is counted.
  absl::Status Visit(const RowOutcome& outcome) {
    const Holdings& holdings = harness_.engine().holdings();
    const auto visit = [&](const FiledKey&, std::string_view, const std::string&) -> RowOutcome {
      ++shown_;
      return outcome;
    };
    const auto unreadable = [&](const FiledKey&, std::string_view, const absl::Status& why) {
      EXPECT_TRUE(absl::IsDataLoss(why)) << why;
      ++unreadable_;
      return absl::OkStatus();
    };
    return VisitOpenedRows(holdings.store, holdings.vault, FiledPrefix(kNextMonday, kParticipantName), Opener::kEngine,
                           visit, unreadable);
  }

  Harness harness_;
  int shown_ = 0;
  int unreadable_ = 0;
};

TEST_F(OpenedRows, AVisitorsOwnErrorEndsTheWalk_WhateverItIs) {
  for (const absl::Status& own :
       {absl::DataLossError("of another row"), absl::NotFoundError("another"), absl::UnavailableError("disk")}) {
    shown_ = 0;
    EXPECT_EQ(Visit(own), own);
    EXPECT_EQ(shown_, 1);
    EXPECT_EQ(unreadable_, 0) << "the row can be read";
  }
}

TEST_F(OpenedRows, OneThatDoesNotParseIsUnreadable_AndTheOthersAreShown) {
  EXPECT_TRUE(Visit(RowOutcome::Malformed()).ok());
  EXPECT_GE(shown_, 2);
  EXPECT_EQ(unreadable_, shown_);
}

}  // namespace
}  // namespace retention
