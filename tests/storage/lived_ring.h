// A ring in which something lived and something went, for tests of what is left.
#ifndef RETENTION_TESTS_STORAGE_LIVED_RING_H_
#define RETENTION_TESTS_STORAGE_LIVED_RING_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage/secrets/key_ring.h"
#include "tests/storage/fixtures.h"

namespace retention {

inline const absl::Time kRingNow = absl::FromUnixSeconds(1'772'000'000);

inline void CopyRing(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

// A ring with a day that goes, one that stays, owners that go, and owners that stay.
struct Lived {
  explicit Lived(KeyRing& ring) {
    day = BytesOf(*ring.ForDay(kDay));
    later = BytesOf(*ring.ForDay(kDay.Next()));
    for (int i = 0; i < 600; ++i) owners.push_back(*ring.NewOwner(DueDay::Open()));
    for (const OwnerNumber owner : owners) secrets.push_back(BytesOf((*ring.FindOwner(owner))->secret));
    EXPECT_TRUE(ring.DestroyOwners({&owners[20], 1}).ok()) << "a page that was opened long ago";
  }
  static constexpr size_t kGone[] = {20, 7, 500};
  absl::Status Destroy(KeyRing& ring) const {
    const OwnerNumber gone[] = {owners[7], owners[500]};
    absl::Status status = ring.DestroyOwners(gone);
    status.Update(ring.DestroyDaysThrough(kDay));
    return status;
  }
  void ExpectLiving(const KeyRing& ring) const {
    EXPECT_FALSE(ring.FindDay(kDay).has_value());
    ASSERT_TRUE(ring.FindDay(kDay.Next()).has_value());
    EXPECT_EQ(BytesOf(*ring.FindDay(kDay.Next())), later);
    for (size_t i = 0; i < owners.size(); ++i) {
      const auto owner = ring.FindOwner(owners[i]);
      ASSERT_TRUE(owner.ok()) << owner.status();
      const bool is_gone = std::find(std::begin(kGone), std::end(kGone), i) != std::end(kGone);
      ASSERT_EQ(owner->has_value(), !is_gone) << i;
      if (!is_gone) {
        EXPECT_EQ(BytesOf((*owner)->secret), secrets[i]);
      }
    }
  }

  std::string day;
  std::string later;
  std::vector<OwnerNumber> owners;
  std::vector<std::string> secrets;
};

// One round of looks through an open ring: from the beginning to the end, and no further.
inline KeyRing::Inspection RoundOf(KeyRing& ring) {
  KeyRing::Inspection found;
  while (!found.ends_round) {
    const absl::Status status = ring.Inspect(found);
    EXPECT_TRUE(status.ok()) << status;
    if (!status.ok()) break;
  }
  return found;
}

}  // namespace retention

#endif  // RETENTION_TESTS_STORAGE_LIVED_RING_H_
