#include "server/rows/extension_cache.h"

#include <gtest/gtest.h>

#include "tests/engine/harness.h"

namespace retention {
namespace {

// Whoever joins from an extension has its address looked up.
v1::Event JoinedFrom(absl::string_view id, absl::string_view extension) {
  v1::Event event = Joined("m", id, kMonday, id);
  event.mutable_participant_joined()->set_extension(std::string(extension));
  return event;
}

class ExtensionCacheTest : public ::testing::Test {
 protected:
  ExtensionCacheTest() {
    harness_.SyncPbx();
    EXPECT_EQ(harness_.Record(JoinedFrom("j", "100")).accepted(), 1u);
  }
  size_t Addresses() { return harness_.engine().AddressesRemembered(); }

  Harness harness_{kMonday};
};

TEST_F(ExtensionCacheTest, HoldsNoAddressOnceItsPbxHasEnded) {
  ASSERT_EQ(Addresses(), 1u);
  ASSERT_TRUE(harness_.EndPbx("pbx").ok());
  EXPECT_EQ(Addresses(), 0u);
}

TEST_F(ExtensionCacheTest, HoldsNoAddressOnceItsExtensionIsRemoved) {
  ASSERT_EQ(Addresses(), 1u);
  harness_.SyncPbx("pbx", {"101"});
  EXPECT_EQ(Addresses(), 0u);
}

}  // namespace
}  // namespace retention
