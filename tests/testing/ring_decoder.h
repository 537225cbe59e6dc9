// Reads a replica of a key ring as storage/FORMAT.md says, with nothing of the code that wrote it.
#ifndef RETENTION_TESTS_TESTING_RING_DECODER_H_
#define RETENTION_TESTS_TESTING_RING_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace retention {

struct DecodedRing {
  bool whole = false;  // it has a head
  uint64_t generation = 0;
  uint32_t destroyed_through = 0;
  uint32_t cohorts_destroyed_through = 0;
  std::string hash_key;
  std::string open_key;
  uint32_t epoch = 0;
  uint32_t entries_written = 0;
  size_t damaged = 0;  // entries and owners' slots of which something was once written, and whose checks fail
  // Keys by kind ('D' day, 'C' cohort, 'P' PBX, 'O' order key of one) and name.
  std::map<std::pair<char, uint64_t>, std::string> keys;
  // Secrets of owners whose page was opened; seeds of the other pages.
  std::map<uint64_t, std::string> owners;
  std::map<uint64_t, std::string> seeds;
  // Of destroyed days: what is left for a PBX, by day, PBX and which of its keys was used.
  std::map<std::tuple<uint32_t, uint64_t, uint8_t>, std::string> rescues;
  // By what rules days end where there is no store: the last day of holds by PBX.
  std::string zone;
  bool suspended = false;
  std::map<uint64_t, uint32_t> held;
  // The bytes that a secret lies as.
  std::map<std::string, std::string> sealed;

  // The secret of an owner, or nothing.
  std::string OwnerSecret(uint64_t number) const;
};
// What stands above a ring: 32 bytes, or nothing; roots by their epochs.
struct KeysAbove {
  std::string wrapping;
  std::map<uint32_t, std::string> roots;
  // Entries of another epoch are tried too, as somebody would who has keys of one day and a file of another.
  bool tries_all_entries = false;
};
// Whole only if its keys open with `above`. Where the later of its heads does not, the other is tried, as somebody
// would who holds an image of it.
DecodedRing DecodeRing(const std::string& replica_directory, const KeysAbove& above = {});
// What a file of roots holds.
std::map<uint32_t, std::string> DecodeRootFile(const std::string& path);

}  // namespace retention

#endif  // RETENTION_TESTS_TESTING_RING_DECODER_H_
