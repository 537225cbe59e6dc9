// A root whose calls fail where a test wants it.
#ifndef RETENTION_TESTS_STORAGE_FAILING_ROOT_H_
#define RETENTION_TESTS_STORAGE_FAILING_ROOT_H_

#include <functional>
#include <memory>
#include <random>
#include <utility>

#include "storage/random_source.h"
#include "storage/secrets/root_key.h"

namespace retention {

class SeededRandom : public RandomSource {
 public:
  explicit SeededRandom(uint32_t seed) : random_(seed) {}
  absl::Status Fill(uint8_t* bytes, size_t size) override {
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(random_());
    return absl::OkStatus();
  }

 private:
  std::mt19937 random_;
};

// Whose calls can fail before they do anything, or after.
class FailingRoot : public RootKey {
 public:
  FailingRoot(std::unique_ptr<RootKey> root, std::function<absl::Status()> on_io)
      : root_(std::move(root)), on_io_(std::move(on_io)) {}
  RootKind kind() const override { return root_->kind(); }
  absl::StatusOr<SecretKey> Make(const RootName& name) override {
    if (absl::Status s = on_io_(); !s.ok()) return s;
    auto made = root_->Make(name);
    if (absl::Status s = on_io_(); !s.ok()) return s;
    return made;
  }
  absl::StatusOr<SecretKey> Read(const RootName& name) override { return root_->Read(name); }
  absl::Status KeepOnly(const RootName& name) override {
    if (absl::Status s = on_io_(); !s.ok()) return s;
    absl::Status kept = root_->KeepOnly(name);
    if (absl::Status s = on_io_(); !s.ok()) return s;
    return kept;
  }

 private:
  const std::unique_ptr<RootKey> root_;
  const std::function<absl::Status()> on_io_;
};

}  // namespace retention

#endif  // RETENTION_TESTS_STORAGE_FAILING_ROOT_H_
