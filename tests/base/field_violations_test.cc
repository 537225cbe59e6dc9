#include "server/base/field_violations.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace retention {
namespace {

TEST(FieldViolations, AllAreSaidInTheirOrderAndOfAFieldTheFirst) {
  FieldViolations violations;
  violations.Add(absl::OkStatus());
  EXPECT_TRUE(violations.ok());
  EXPECT_TRUE(violations.status().ok());
  violations.Add("b", "required");
  violations.Add(InvalidField("a", "at most 1; or none"));
  violations.Add("b", "something else");
  EXPECT_FALSE(violations.ok());
  const absl::Status status = violations.status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.message(), "b: required; a: at most 1; or none");
  const ErrorDetails details = DetailsOf(status);
  EXPECT_EQ(details.reason, "INVALID_FIELD");
  ASSERT_EQ(details.violations.size(), 2U);
  EXPECT_EQ(details.violations[0].field, "b");
  EXPECT_EQ(details.violations[0].description, "required");
  EXPECT_EQ(details.violations[1].field, "a");
  EXPECT_EQ(details.violations[1].description, "at most 1; or none");
}

TEST(FieldViolations, WhatWasCollectedIsCollectedAgain) {
  FieldViolations inner;
  inner.Add("hold.end_date", "required");
  inner.Add("hold.owner", "required");
  FieldViolations outer;
  outer.Add("hold.hold_id", "1 to 64 characters");
  outer.Add(inner.status());
  EXPECT_EQ(DetailsOf(outer.status()).violations.size(), 3U);
}

TEST(FieldViolations, AnotherErrorComesFirst) {
  FieldViolations violations;
  violations.Add("a", "required");
  violations.Add(PbxUnknown());
  violations.Add(HoldUnknown());
  EXPECT_EQ(DetailsOf(violations.status()).reason, "PBX_UNKNOWN");
}

TEST(FieldViolations, HaveABound) {
  FieldViolations violations;
  for (size_t i = 0; i <= FieldViolations::kMax; ++i) violations.Add(absl::StrCat("lines[", i, "]"), "empty");
  EXPECT_EQ(DetailsOf(violations.status()).violations.size(), FieldViolations::kMax);
}

TEST(FieldViolations, ValuesAreTakenOrTheirErrors) {
  FieldViolations violations;
  absl::StatusOr<int> good = 7;
  absl::StatusOr<int> bad = InvalidField("page_size", "not negative");
  EXPECT_EQ(*violations.Take(good), 7);
  EXPECT_TRUE(violations.ok());
  EXPECT_EQ(violations.Take(bad), nullptr);
  EXPECT_EQ(DetailsOf(violations.status()).field(), "page_size");
}

}  // namespace
}  // namespace retention
