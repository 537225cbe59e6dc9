#include "tests/storage/root_places.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "storage/random_source.h"
#include "storage/secrets/root_file.h"
#include "storage/secrets/root_pkcs11.h"
#include "storage/secrets/root_tpm.h"
#include "tests/testing/fresh_directory.h"

namespace retention {
namespace {

constexpr char kSoftHsm[] = "/usr/lib/softhsm/libsofthsm2.so";

bool IsInstalled(const char* program) {
  return std::system(absl::StrCat("command -v ", program, " >/dev/null").c_str()) == 0;  // NOLINT(cert-env33-c)
}

bool Run(const std::string& command) {
  return std::system(absl::StrCat(command, " >/dev/null 2>&1").c_str()) == 0;  // NOLINT(cert-env33-c)
}

std::shared_ptr<RootKey> MustHave(absl::StatusOr<std::unique_ptr<RootKey>> root) {
  EXPECT_TRUE(root.ok()) << root.status();
  return root.ok() ? *std::move(root) : nullptr;
}

class InFile final : public RootPlace {
 public:
  bool is_there() const override { return true; }
  std::shared_ptr<RootKey> Open() override { return OpenRootFile(directory_ / "root", SystemRandom()); }

 private:
  FreshDirectory directory_;
};

class InToken final : public RootPlace {
 public:
  InToken() {
    std::filesystem::create_directory(directory_ / "tokens");
    std::ofstream(directory_ / "conf") << "directories.tokendir = " << (directory_ / "tokens").string() << "\n";
    std::ofstream(directory_ / "pin") << "1234\n";
    ::chmod((directory_ / "pin").c_str(), 0600);
    ::setenv("SOFTHSM2_CONF", (directory_ / "conf").c_str(), 1);
    is_there_ =
        IsInstalled("softhsm2-util") && Run("softhsm2-util --init-token --free --label ring --pin 1234 --so-pin 5678");
  }
  bool is_there() const override { return is_there_; }
  std::shared_ptr<RootKey> Open() override {
    return MustHave(OpenRootPkcs11({.module = kSoftHsm, .token = "ring", .pin_file = directory_ / "pin"}));
  }

 private:
  FreshDirectory directory_;
  bool is_there_ = false;
};

class InTpm final : public RootPlace {
 public:
  InTpm() {
    is_there_ =
        IsInstalled("swtpm") &&
        Run(absl::StrCat("swtpm socket --tpm2 --daemon --flags not-need-init,startup-clear --tpmstate dir=", at(),
                         " --server type=unixio,path=", at(), "/tpm --ctrl type=unixio,path=", at(),
                         "/tpm.ctrl --pid file=", at(), "/pid"));
  }
  ~InTpm() override {
    pid_t process = 0;
    if (std::ifstream(directory_ / "pid") >> process) ::kill(process, SIGTERM);
  }
  bool is_there() const override { return is_there_; }
  std::shared_ptr<RootKey> Open() override {
    return MustHave(OpenRootTpm({.tcti = absl::StrCat("swtpm:path=", at(), "/tpm")}, SystemRandom()));
  }

 private:
  std::string at() const { return directory_.path().string(); }

  FreshDirectory directory_;
  bool is_there_ = false;
};

}  // namespace

std::unique_ptr<RootPlace> MakeRootPlace(RootKind kind) {
  switch (kind) {
    case RootKind::kNone:
      return nullptr;
    case RootKind::kFile:
      return std::make_unique<InFile>();
    case RootKind::kPkcs11:
      return std::make_unique<InToken>();
    case RootKind::kTpm:
      return std::make_unique<InTpm>();
  }
  return nullptr;
}

}  // namespace retention
