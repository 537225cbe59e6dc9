#include "server/rpc/byte_budget.h"

#include <gtest/gtest.h>

namespace retention {
namespace {

TEST(ByteBudget, OnePeerHasItsShareAndLeavesTheRest) {
  ByteBudget budget({.in_all = 100, .per_peer = 60});
  auto first = budget.Take("a", 40);
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(budget.Take("a", 21).has_value());
  auto second = budget.Take("b", 60);
  ASSERT_TRUE(second.has_value());
  EXPECT_FALSE(budget.Take("c", 1).has_value());
  EXPECT_EQ(budget.taken(), 100u);
}

TEST(ByteBudget, AShareIsGivenBackWhenItDiesOrShrinksAndNotRefusedWhenItGrows) {
  ByteBudget budget({.in_all = 100, .per_peer = 100});
  {
    auto share = budget.Take("a", 80);
    share->Set(10);
    EXPECT_EQ(budget.taken(), 10u);
    share->Set(150);  // it is held already
    EXPECT_FALSE(budget.Take("b", 1).has_value());
    ByteBudget::Share moved = *std::move(share);
    EXPECT_EQ(budget.taken(), 150u);
  }
  EXPECT_EQ(budget.taken(), 0u);
  EXPECT_TRUE(budget.Take("b", 100).has_value());
}

TEST(ByteBudget, AnotherShareIsOfTheSamePeerAndNotRefused) {
  ByteBudget budget({.in_all = 100, .per_peer = 50});
  auto share = budget.Take("a", 40);
  {
    const ByteBudget::Share other = share->Another(20);
    share->Set(0);
    EXPECT_FALSE(budget.Take("a", 31).has_value());
    EXPECT_TRUE(budget.Take("b", 31).has_value());
  }
  EXPECT_EQ(budget.taken(), 0u);
}

}  // namespace
}  // namespace retention
