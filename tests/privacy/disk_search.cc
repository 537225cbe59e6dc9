#include "tests/privacy/disk_search.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

namespace retention::privacy {

std::vector<std::string> FindBytes(const std::filesystem::path& directory, const std::vector<Needle>& needles) {
  std::vector<std::string> sightings;
  size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    ++files;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    for (const Needle& needle : needles) {
      if (memmem(bytes.data(), bytes.size(), needle.bytes.data(), needle.bytes.size()) == nullptr) continue;
      sightings.push_back(entry.path().filename().string() + ": " + needle.name);
    }
  }
  EXPECT_GT(files, 0u) << "nothing to search in";
  return sightings;
}

std::vector<Needle> PlainAndHex(const std::vector<std::string>& texts) {
  std::vector<Needle> needles;
  for (const std::string& text : texts) {
    const std::string hex = absl::BytesToHexString(text);
    needles.push_back({text, text});
    needles.push_back({text + " in hex", hex});
    needles.push_back({text + " in upper-case hex", absl::AsciiStrToUpper(hex)});
  }
  return needles;
}

void CopyDirectory(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::create_directories(to);
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  // As cp -a does, and a key ring insists.
  const auto as_before = [](const std::filesystem::path& before, const std::filesystem::path& copy) {
    std::filesystem::permissions(copy, std::filesystem::status(before).permissions());
  };
  as_before(from, to);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(from)) {
    as_before(entry.path(), to / std::filesystem::relative(entry.path(), from));
  }
  std::filesystem::remove(to / "LOCK");
}

}  // namespace retention::privacy
