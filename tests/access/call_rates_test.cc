#include "server/access/call_rates.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"

namespace retention {
namespace {

using enum CallCost;

const CallRateLimits kRates{.ordinary = {.per_second = 10, .burst = 3}, .expensive = {.per_second = 0.5, .burst = 1}};

// A caller whom no test uses up by another name.
constexpr char kSomePortal[] = "certificate:1";

TEST(CallRates, ABurstAndThenWhatTheTimeAllows) {
  CallRates rates(kRates);
  absl::Duration now = absl::Hours(1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(rates.Count(kSomePortal, kOrdinary, now).ok()) << i;
  const absl::Status refused = rates.Count(kSomePortal, kOrdinary, now);
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_EQ(DetailsOf(refused).reason, "RATE_EXCEEDED");
  ASSERT_EQ(DetailsOf(refused).retry_delay, absl::Milliseconds(100));
  now += absl::Milliseconds(100);
  EXPECT_TRUE(rates.Count(kSomePortal, kOrdinary, now).ok());
  EXPECT_FALSE(rates.Count(kSomePortal, kOrdinary, now).ok());
  now += absl::Hours(1);  // fills it, and no more
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(rates.Count(kSomePortal, kOrdinary, now).ok()) << i;
  EXPECT_FALSE(rates.Count(kSomePortal, kOrdinary, now).ok());
}

TEST(CallRates, WhoWaitsAsLongAsTheyAreToldIsServed) {
  CallRates rates({.ordinary = {.per_second = 7, .burst = 1}, .expensive = {.per_second = 0.3, .burst = 1}});
  absl::Duration now = absl::Hours(1);
  for (const CallCost cost : {kOrdinary, kExpensive}) {
    ASSERT_TRUE(rates.Count(kSomePortal, cost, now).ok());
    for (int i = 0; i < 100; ++i) {
      const absl::Status refused = rates.Count(kSomePortal, cost, now);
      ASSERT_FALSE(refused.ok());
      now += DetailsOf(refused).retry_delay.value();
      ASSERT_TRUE(rates.Count(kSomePortal, cost, now).ok()) << i;
    }
  }
}

TEST(CallRates, OfEachKindAndOfEachCallerByThemselves) {
  CallRates rates(kRates);
  const absl::Duration now = absl::Hours(1);
  EXPECT_TRUE(rates.Count(kSomePortal, kExpensive, now).ok());
  EXPECT_FALSE(rates.Count(kSomePortal, kExpensive, now).ok());
  EXPECT_TRUE(rates.Count(kSomePortal, kOrdinary, now).ok());
  EXPECT_TRUE(rates.Count("certificate:2", kExpensive, now).ok());
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(rates.Count(kSomePortal, kUnlimited, now).ok());
}

TEST(CallRates, CallersBeyondTheBoundShareOneRateUntilOthersAreForgotten) {
  CallRates rates(kRates);
  absl::Duration now = absl::Hours(1);
  for (size_t i = 0; i < CallRates::kMaxCallers; ++i) {
    ASSERT_TRUE(rates.Count(absl::StrCat("ipv4:", i), kExpensive, now).ok());
  }
  EXPECT_TRUE(rates.Count("ipv4:new", kExpensive, now).ok());
  EXPECT_FALSE(rates.Count("ipv4:newer", kExpensive, now).ok());
  now += absl::Minutes(1);
  EXPECT_TRUE(rates.Count("ipv4:newest", kExpensive, now).ok());
  EXPECT_TRUE(rates.Count("ipv4:latest", kExpensive, now).ok());
}

TEST(CallRates, AClockThatGoesBackGivesNothing) {
  CallRates rates(kRates);
  EXPECT_TRUE(rates.Count(kSomePortal, kExpensive, absl::Hours(2)).ok());
  EXPECT_FALSE(rates.Count(kSomePortal, kExpensive, absl::Hours(1)).ok());
}

}  // namespace
}  // namespace retention
