#include "storage/rocksdb/key_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace retention {
namespace {

std::string ValuesIn(const std::vector<const Batch::Change*>& changes) {
  std::string values;
  for (const Batch::Change* change : changes) values += change->value;
  return values;
}

TEST(KeyOrder, FamiliesThenBytesOfKeys) {
  Batch batch;
  batch.Put(Family::kState, "a", "6");
  batch.Put(Family::kFiled, "b", "4");
  batch.Put(Family::kFiled, "\xff", "5");
  batch.Put(Family::kFiled, "a", "1");
  batch.Put(Family::kFiled, std::string("a\0", 2), "2");
  batch.Put(Family::kFiled, "aa", "3");
  EXPECT_EQ(ValuesIn(InKeyOrder(batch)), "123456");
}

TEST(KeyOrder, WhatDiffersFarBehindIsInOrderToo) {
  const std::string head(40, 'x');
  Batch batch;
  batch.Put(Family::kFiled, head + "b", "3");
  batch.Put(Family::kFiled, head + "a", "2");
  batch.Put(Family::kFiled, head, "1");
  batch.Put(Family::kFiled, head + "c", "4");
  EXPECT_EQ(ValuesIn(InKeyOrder(batch)), "1234");
}

TEST(KeyOrder, ChangesOfOneKeyKeepTheirs) {
  Batch batch;
  batch.Put(Family::kState, "b", "3");
  batch.Put(Family::kState, "a", "1");
  batch.Delete(Family::kState, "b");
  batch.Put(Family::kState, "b", "4");
  batch.Put(Family::kState, "a", "2");
  const auto changes = InKeyOrder(batch);
  EXPECT_EQ(ValuesIn(changes), "1234");
  EXPECT_EQ(changes[3]->verb, Batch::Verb::kDelete);
}

TEST(KeyOrder, WithARangeAllKeepTheirs) {
  Batch batch;
  batch.Put(Family::kFiled, "b", "1");
  batch.DeleteRange(Family::kFiled, "a", "c");
  batch.Put(Family::kFiled, "a", "2");
  EXPECT_EQ(ValuesIn(InKeyOrder(batch)), "1c2");
}

TEST(KeyOrder, IsThatOfTheKeysThemselves) {
  std::mt19937 random(7);
  Batch batch;
  for (int i = 0; i < 5000; ++i) {
    std::string key(random() % 40, '\0');
    for (char& byte : key) byte = static_cast<char>(random() % 3 == 0 ? 255 : random() % 2);
    batch.Put(random() % 2 == 0 ? Family::kFiled : Family::kState, key, "");
  }
  const auto changes = InKeyOrder(batch);
  ASSERT_EQ(changes.size(), batch.changes().size());
  EXPECT_TRUE(std::is_sorted(changes.begin(), changes.end(), [](const auto* a, const auto* b) {
    return a->family != b->family ? a->family < b->family : a->key < b->key;
  }));
}

}  // namespace
}  // namespace retention
