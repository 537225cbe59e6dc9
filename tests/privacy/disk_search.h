// What the bytes on a disk give away.
#ifndef RETENTION_TESTS_PRIVACY_DISK_SEARCH_H_
#define RETENTION_TESTS_PRIVACY_DISK_SEARCH_H_

#include <filesystem>
#include <string>
#include <vector>

namespace retention::privacy {

// One sighting for each pair of a file under `directory` and a needle that its bytes hold, as "path: name of needle".
struct Needle {
  std::string name;
  std::string bytes;
};
std::vector<std::string> FindBytes(const std::filesystem::path& directory, const std::vector<Needle>& needles);

// Needles for a text: as it is, and as a log would print it in hexadecimal.
std::vector<Needle> PlainAndHex(const std::vector<std::string>& texts);

// Copies a directory with all that is in it.
void CopyDirectory(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace retention::privacy

#endif  // RETENTION_TESTS_PRIVACY_DISK_SEARCH_H_
