#include "tests/access/certificates.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace retention {
namespace {

void Run(const std::filesystem::path& directory, const std::string& arguments) {
  const std::string command = std::string(RETENTION_CERTIFICATES_SCRIPT) + " '" + directory.string() + "' " + arguments;
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

}  // namespace

void MakeCertificates(const std::filesystem::path& directory, const std::string& clients) { Run(directory, clients); }

void RevokeCertificate(const std::filesystem::path& directory, const std::string& client) {
  Run(directory, "--revoke " + client);
}

std::string TextOf(const std::filesystem::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace retention
