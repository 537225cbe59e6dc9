#include "storage/secrets/derived_keys.h"

#include <gtest/gtest.h>

#include "tests/storage/fixtures.h"

namespace retention {
namespace {

const DerivedKeys::Name kDerived{
    .day = DueDay(absl::CivilDay(2026, 3, 8)), .pbx = IdOf<PbxId>(0x10), .use = PbxKeyUse::kNeeded};

TEST(DerivedKeys, KeepsUntilItForgets) {
  DerivedKeys keys;
  EXPECT_FALSE(keys.Find(kDerived).has_value());
  keys.Keep(kDerived, DerivedKey(SecretKey()), keys.generation());
  EXPECT_TRUE(keys.Find(kDerived).has_value());
  keys.Forget([](const DerivedKeys::Name& name) { return name.day > kDerived.day; });
  EXPECT_TRUE(keys.Find(kDerived).has_value());
  keys.Forget([](const DerivedKeys::Name& name) { return name.pbx == kDerived.pbx; });
  EXPECT_FALSE(keys.Find(kDerived).has_value());
}

// Else a key that was read from the ring just before its destruction would come back just after.
TEST(DerivedKeys, AKeyThatWasLookedUpBeforeAForget_IsNotKept) {
  DerivedKeys keys;
  const uint64_t before = keys.generation();
  keys.Forget([](const DerivedKeys::Name&) { return false; });
  keys.Keep(kDerived, DerivedKey(SecretKey()), before);
  EXPECT_FALSE(keys.Find(kDerived).has_value());
}

}  // namespace
}  // namespace retention
