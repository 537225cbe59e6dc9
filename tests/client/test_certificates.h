// Certificates of authorities, servers and clients for a test, made by the program openssl.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"

namespace retention {

class TestCertificates {
 public:
  TestCertificates() {
    directory_ = std::filesystem::path(::testing::TempDir()) / "certificates-XXXXXX";
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
    MakeAuthority("ca");
  }
  ~TestCertificates() { std::filesystem::remove_all(directory_); }

  // NAME.pem and NAME.key of an authority.
  void MakeAuthority(const std::string& name) {
    Run(absl::StrCat("req -x509 ", kNewKey, " -days 2 -subj /CN=", name, " -keyout ", File(name + ".key"), " -out ",
                     File(name + ".pem")));
  }

  // NAME.pem and NAME.key of who has the subject alternative names `names` ("IP:127.0.0.1,DNS:localhost").
  void Make(const std::string& name, const std::string& names, const std::string& authority = "ca") {
    std::ofstream(File(name + ".ext")) << "subjectAltName=" << names << "\n";
    Run(absl::StrCat("req ", kNewKey, " -subj /CN=", name, " -keyout ", File(name + ".key"), " -out ",
                     File(name + ".csr")));
    Run(absl::StrCat("x509 -req -days 2 -CAcreateserial -in ", File(name + ".csr"), " -CA ", File(authority + ".pem"),
                     " -CAkey ", File(authority + ".key"), " -extfile ", File(name + ".ext"), " -out ",
                     File(name + ".pem")));
  }

  std::string File(const std::string& name) const { return directory_ + "/" + name; }
  std::string Text(const std::string& name) const {
    std::ifstream file(File(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  static constexpr char kNewKey[] = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

  static void Run(const std::string& arguments) {
    EXPECT_EQ(std::system(absl::StrCat("openssl ", arguments, " 2>/dev/null").c_str()), 0) << arguments;
  }

  std::string directory_;
};

}  // namespace retention
