#include "storage/random_source.h"

#include <openssl/rand.h>

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

RandomSource& SystemRandom() {
  static SystemRandomSource source;
  return source;
}

}  // namespace retention
