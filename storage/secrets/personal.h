// A plaintext that holds personal data.
#ifndef RETENTION_STORAGE_SECRETS_PERSONAL_H_
#define RETENTION_STORAGE_SECRETS_PERSONAL_H_

#include <openssl/crypto.h>

#include <ostream>
#include <string>
#include <utility>

namespace retention {

// Moves, does not copy, cannot be streamed or compared, and wipes its memory when it dies.
class Personal {
 public:
  Personal() = default;
  explicit Personal(std::string plaintext) : plaintext_(std::move(plaintext)) {}
  Personal(Personal&& other) noexcept : plaintext_(std::move(other.plaintext_)) { other.Wipe(); }
  Personal& operator=(Personal&& other) noexcept {
    if (this != &other) {
      Wipe();
      plaintext_ = std::move(other.plaintext_);
      other.Wipe();
    }
    return *this;
  }
  Personal(const Personal&) = delete;
  Personal& operator=(const Personal&) = delete;
  ~Personal() { Wipe(); }

  // The plaintext. Do not keep, log or compare it.
  const std::string& Reveal() const { return plaintext_; }

  bool operator==(const Personal&) const = delete;
  friend std::ostream& operator<<(std::ostream&, const Personal&) = delete;

 private:
  void Wipe() {
    plaintext_.resize(plaintext_.capacity());  // a short string that was moved from keeps its bytes beyond its size
    OPENSSL_cleanse(plaintext_.data(), plaintext_.size());
    plaintext_.clear();
  }
  std::string plaintext_;
};

}  // namespace retention

#endif  // RETENTION_STORAGE_SECRETS_PERSONAL_H_
