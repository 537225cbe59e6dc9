// Checkpoints: what the ledger is at a size, signed. The formats are C2SP's, so that tools of others can check them:
// c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature, c2sp.org/tlog-proof.
#ifndef RETENTION_SERVER_LEDGER_CHECKPOINT_H_
#define RETENTION_SERVER_LEDGER_CHECKPOINT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/secrets/secret_key.h"

namespace retention {

// Longest name of a log or a witness, in bytes.
inline constexpr size_t kNoteNameBytesMax = 255;
// Whether it can be the name of a key: not empty, no space, no control, no plus sign.
bool IsNoteName(std::string_view name);

// How a key signs: the byte that its id is made with. Others may follow; a note can carry signatures of several.
enum class NoteAlgorithm : uint8_t {
  kEd25519 = 0x01,             // RFC 8032, over the note's text
  kEd25519Cosignature = 0x04,  // over a header with an instant, and the text
};

// A key that signatures are checked with; as text: name+id+base64(algorithm | key).
class NoteVerifier {
 public:
  // nullopt if it is no such text, of no known algorithm, or its id is not that of its key.
  static std::optional<NoteVerifier> Parse(std::string_view text);
  NoteVerifier(std::string name, NoteAlgorithm algorithm, std::string public_key);

  const std::string& name() const { return name_; }
  NoteAlgorithm algorithm() const { return algorithm_; }
  // Four bytes.
  const std::string& id() const { return id_; }
  std::string Text() const;
  // Whether `signature` is one of `text` by its key. A cosignature has its instant first, in seconds, eight bytes.
  bool Verifies(std::string_view text, std::string_view signature) const;

 private:
  std::string name_;
  NoteAlgorithm algorithm_;
  std::string public_key_;
  std::string id_;
};

struct NoteSignature {
  std::string name;
  std::string id;         // four bytes
  std::string signature;  // what follows it
};
// A text and who signed it.
struct SignedNote {
  std::string text;
  std::vector<NoteSignature> signatures;

  // nullopt if it is malformed, or has more than kNoteSignaturesMax signatures.
  static std::optional<SignedNote> Parse(std::string_view note);
  std::string Text() const;
};
inline constexpr size_t kNoteSignaturesMax = 32;

// What a checkpoint says.
struct TreeHead {
  uint64_t size = 0;
  std::string root;

  std::string NoteText(std::string_view origin) const;
  // nullopt if it is malformed or of another origin.
  static std::optional<TreeHead> Parse(std::string_view text, std::string_view origin);
};

// Signs heads of one ledger. Thread-safe.
class CheckpointSigner {
 public:
  // `seed`: of the Ed25519 key. The origin is the key's name too. REQUIRES: IsNoteName(origin).
  CheckpointSigner(std::string origin, const SecretKey& seed);
  ~CheckpointSigner();

  const std::string& origin() const { return verifier_->name(); }
  const NoteVerifier& verifier() const { return *verifier_; }
  // Says the same of the same head always.
  SignedNote Sign(const TreeHead& head) const;

 private:
  struct Key;
  std::unique_ptr<const Key> key_;
  std::optional<NoteVerifier> verifier_;
};

// That leaf `index` is in the tree of a checkpoint, in one text, with the leaf itself as its extra data.
std::string ProofText(uint64_t index, std::string_view leaf, const std::vector<std::string>& inclusion,
                      std::string_view checkpoint);

}  // namespace retention

#endif  // RETENTION_SERVER_LEDGER_CHECKPOINT_H_
