#include "storage/random_source.h"

#include <openssl/rand.h>

#include "absl/strings/escaping.h"

namespace retention {
namespace {

class SystemRandomSource : public RandomSource {
 public:
  absl::Status Fill(uint8_t* bytes, size_t size) override {
    if (RAND_bytes(bytes, static_cast<int>(size)) == 1) return absl::OkStatus();
    return absl::UnavailableError("no randomness");
  }
};

}  // namespace

absl::StatusOr<std::string> RandomHex(RandomSource& random, size_t bytes) {
  std::string raw(bytes, '\0');
  if (absl::Status s = random.Fill(reinterpret_cast<uint8_t*>(raw.data()), raw.size()); !s.ok()) return s;
  return absl::BytesToHexString(raw);
}

RandomSource& SystemRandom() {
  static SystemRandomSource source;
  return source;
}

}  // namespace retention
