#include "server/ledger/checkpoint.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage/ledger_chain.h"
#include "storage/secrets/hmac.h"

namespace retention {
namespace {

constexpr std::string_view kDash = "\xE2\x80\x94 ";  // an em dash and a space begin a line of a signature
constexpr size_t kKeyIdBytes = 4;
constexpr size_t kEd25519KeyBytes = 32;
constexpr size_t kEd25519SignatureBytes = 64;
constexpr size_t kTimestampBytes = 8;
// As long as a note can be.
constexpr size_t kNoteBytesMax = 65536;

using EvpKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using EvpDigest = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
std::string Base64(std::string_view bytes) { return absl::Base64Escape(ToAbsl(bytes)); }
// Strict: of one form alone.
std::optional<std::string> FromBase64(absl::string_view text) {
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes) || absl::Base64Escape(bytes) != text) return std::nullopt;
  return bytes;
}

std::string KeyId(std::string_view name, NoteAlgorithm algorithm, std::string_view public_key) {
  const std::string text =
      absl::StrCat(ToAbsl(name), "\n", std::string(1, static_cast<char>(algorithm)), ToAbsl(public_key));
  const auto digest = Sha256({std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size())});
  return {digest.begin(), digest.begin() + kKeyIdBytes};
}

bool VerifiesEd25519(std::string_view public_key, std::string_view text, std::string_view signature) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(public_key.data());
  const EvpKey key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes, public_key.size()), EVP_PKEY_free);
  const EvpDigest digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return key != nullptr && digest != nullptr &&
         EVP_DigestVerifyInit(digest.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(digest.get(), reinterpret_cast<const uint8_t*>(signature.data()), signature.size(),
                          reinterpret_cast<const uint8_t*>(text.data()), text.size()) == 1;
}

}  // namespace

bool IsNoteName(std::string_view name) {
  return !name.empty() && name.size() <= kNoteNameBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7F && c != '+'; });
}

NoteVerifier::NoteVerifier(std::string name, NoteAlgorithm algorithm, std::string public_key)
    : name_(std::move(name)),
      algorithm_(algorithm),
      public_key_(std::move(public_key)),
      id_(KeyId(name_, algorithm_, public_key_)) {}

std::optional<NoteVerifier> NoteVerifier::Parse(std::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(text), absl::MaxSplits('+', 2));
  if (parts.size() != 3 || !IsNoteName(parts[0])) return std::nullopt;
  const auto key = FromBase64(parts[2]);
  if (!key.has_value() || key->size() != 1 + kEd25519KeyBytes) return std::nullopt;
  const auto algorithm = static_cast<NoteAlgorithm>(key->front());
  if (algorithm != NoteAlgorithm::kEd25519 && algorithm != NoteAlgorithm::kEd25519Cosignature) return std::nullopt;
  NoteVerifier verifier(parts[0], algorithm, key->substr(1));
  if (absl::BytesToHexString(verifier.id()) != parts[1]) return std::nullopt;
  return verifier;
}

std::string NoteVerifier::Text() const {
  return absl::StrCat(name_, "+", absl::BytesToHexString(id_), "+",
                      Base64(std::string(1, static_cast<char>(algorithm_)) + public_key_));
}

bool NoteVerifier::Verifies(std::string_view text, std::string_view signature) const {
  if (algorithm_ == NoteAlgorithm::kEd25519) {
    return signature.size() == kEd25519SignatureBytes && VerifiesEd25519(public_key_, text, signature);
  }
  if (signature.size() != kTimestampBytes + kEd25519SignatureBytes) return false;
  uint64_t seconds = 0;
  for (size_t i = 0; i < kTimestampBytes; ++i) seconds = seconds << 8 | static_cast<uint8_t>(signature[i]);
  const std::string message = absl::StrCat("cosignature/v1\ntime ", seconds, "\n", ToAbsl(text));
  return VerifiesEd25519(public_key_, message, signature.substr(kTimestampBytes));
}

std::optional<SignedNote> SignedNote::Parse(std::string_view note) {
  const bool is_text =
      std::all_of(note.begin(), note.end(), [](char c) { return static_cast<unsigned char>(c) >= ' ' || c == '\n'; });
  // What is signed ends with the last empty line.
  const size_t end = note.rfind("\n\n");
  if (note.size() > kNoteBytesMax || !is_text || end == std::string_view::npos || note.back() != '\n')
    return std::nullopt;
  SignedNote parsed{.text = std::string(note.substr(0, end + 1)), .signatures = {}};
  const std::string_view lines = note.substr(end + 2);
  if (lines.empty()) return std::nullopt;
  for (const absl::string_view line : absl::StrSplit(ToAbsl(lines.substr(0, lines.size() - 1)), '\n')) {
    if (line.substr(0, kDash.size()) != ToAbsl(kDash)) return std::nullopt;
    const std::vector<std::string> parts = absl::StrSplit(line.substr(kDash.size()), ' ');
    if (parts.size() != 2 || !IsNoteName(parts[0])) return std::nullopt;
    const auto bytes = FromBase64(parts[1]);
    if (!bytes.has_value() || bytes->size() <= kKeyIdBytes) return std::nullopt;
    if (parsed.signatures.size() == kNoteSignaturesMax) return std::nullopt;
    parsed.signatures.push_back({parts[0], bytes->substr(0, kKeyIdBytes), bytes->substr(kKeyIdBytes)});
  }
  return parsed;
}

std::string SignedNote::Text() const {
  std::string note = absl::StrCat(text, "\n");
  for (const NoteSignature& signature : signatures) {
    absl::StrAppend(&note, ToAbsl(kDash), signature.name, " ", Base64(signature.id + signature.signature), "\n");
  }
  return note;
}

std::string TreeHead::NoteText(std::string_view origin) const {
  return absl::StrCat(ToAbsl(origin), "\n", size, "\n", Base64(root), "\n");
}

std::optional<TreeHead> TreeHead::Parse(std::string_view text, std::string_view origin) {
  const std::vector<std::string> lines = absl::StrSplit(ToAbsl(text), '\n');
  if (lines.size() < 4 || lines[0] != ToAbsl(origin)) return std::nullopt;
  TreeHead head;
  const auto root = FromBase64(lines[2]);
  if (!absl::SimpleAtoi(lines[1], &head.size) || absl::StrCat(head.size) != lines[1] || !root.has_value() ||
      root->size() != kLedgerHashBytes) {
    return std::nullopt;
  }
  head.root = *root;
  return head;
}

struct CheckpointSigner::Key {
  EvpKey key{nullptr, EVP_PKEY_free};
};

CheckpointSigner::CheckpointSigner(std::string origin, const SecretKey& seed) {
  EvpKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), SecretKey::kBytes), EVP_PKEY_free);
  std::string public_key(kEd25519KeyBytes, '\0');
  size_t size = public_key.size();
  // Only for want of memory, as in the digests of this process (hmac.h).
  if (key == nullptr ||
      EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<uint8_t*>(public_key.data()), &size) != 1) {
    std::abort();
  }
  key_ = std::make_unique<const Key>(Key{std::move(key)});
  verifier_.emplace(std::move(origin), NoteAlgorithm::kEd25519, std::move(public_key));
}

CheckpointSigner::~CheckpointSigner() = default;

SignedNote CheckpointSigner::Sign(const TreeHead& head) const {
  const std::string text = head.NoteText(origin());
  std::string signature(kEd25519SignatureBytes, '\0');
  size_t size = signature.size();
  const EvpDigest digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (digest == nullptr || EVP_DigestSignInit(digest.get(), nullptr, nullptr, nullptr, key_->key.get()) != 1 ||
      EVP_DigestSign(digest.get(), reinterpret_cast<uint8_t*>(signature.data()), &size,
                     reinterpret_cast<const uint8_t*>(text.data()), text.size()) != 1) {
    std::abort();
  }
  return {.text = text, .signatures = {{verifier_->name(), verifier_->id(), std::move(signature)}}};
}

std::string ProofText(uint64_t index, std::string_view leaf, const std::vector<std::string>& inclusion,
                      std::string_view checkpoint) {
  std::string text = absl::StrCat("c2sp.org/tlog-proof@v1\nextra ", Base64(leaf), "\nindex ", index, "\n");
  for (const std::string& hash : inclusion) absl::StrAppend(&text, Base64(hash), "\n");
  absl::StrAppend(&text, "\n", ToAbsl(checkpoint));
  return text;
}

}  // namespace retention
