// Signed checkpoints of a ledger, read and verified: c2sp.org/signed-note, c2sp.org/tlog-checkpoint. Says no more than
// who signed; whether two fit each other is shown by proofs (ledger_proofs.h).
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace retention {

inline constexpr size_t kHashBytes = 32;

// The key that a ledger's checkpoints are verified with.
struct LedgerKey {
  std::string origin;      // which ledger; its name too
  std::string id;          // four bytes
  std::string public_key;  // of Ed25519
};

// From its text, "name+id+key", as `retentionctl ledger key` shows it. INVALID_ARGUMENT if it is none.
absl::StatusOr<LedgerKey> ParseLedgerKey(const std::string& text);

struct LedgerHead {
  uint64_t size = 0;
  std::string root;

  friend bool operator==(const LedgerHead&, const LedgerHead&) = default;
};

// What a checkpoint says. DATA_LOSS if it is malformed, of another ledger, or not signed by the key.
absl::StatusOr<LedgerHead> VerifyCheckpoint(const std::string& checkpoint, const LedgerKey& key);

// Standard base64 with padding, of one form alone; DATA_LOSS otherwise.
absl::StatusOr<std::string> DecodeBase64(const std::string& text);
std::string Sha256Of(const std::string& text);

}  // namespace retention
