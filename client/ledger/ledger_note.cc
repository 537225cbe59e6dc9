#include "client/ledger/ledger_note.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <memory>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace retention {
namespace {

constexpr char kEd25519 = 0x01;
constexpr size_t kIdBytes = 4;
constexpr size_t kPublicKeyBytes = 32;
constexpr size_t kSignatureBytes = 64;
constexpr char kSignatureLine[] = "\xE2\x80\x94 ";  // an em dash and a space

const uint8_t* Bytes(const std::string& text) { return reinterpret_cast<const uint8_t*>(text.data()); }

bool Verifies(const std::string& public_key, const std::string& text, const std::string& signature) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(public_key), public_key.size()), EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return key != nullptr && digest != nullptr &&
         EVP_DigestVerifyInit(digest.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(digest.get(), Bytes(signature), signature.size(), Bytes(text), text.size()) == 1;
}

absl::Status Wrong(const char* what) { return absl::DataLossError(absl::StrCat("the checkpoint ", what)); }

}  // namespace

std::string Sha256Of(const std::string& text) {
  std::string hash(kHashBytes, '\0');
  SHA256(Bytes(text), text.size(), reinterpret_cast<uint8_t*>(hash.data()));
  return hash;
}

absl::StatusOr<std::string> DecodeBase64(const std::string& text) {
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes) || absl::Base64Escape(bytes) != text) {
    return absl::DataLossError("what should be base64 is not");
  }
  return bytes;
}

absl::StatusOr<LedgerKey> ParseLedgerKey(const std::string& text) {
  const absl::Status wrong = absl::InvalidArgumentError("a ledger's key is NAME+ID+KEY, as `ledger key` shows it");
  const std::vector<std::string> parts = absl::StrSplit(text, absl::MaxSplits('+', 2));
  if (parts.size() != 3 || parts[0].empty()) return wrong;
  const auto key = DecodeBase64(parts[2]);
  if (!key.ok() || key->size() != 1 + kPublicKeyBytes || key->front() != kEd25519) return wrong;
  LedgerKey parsed{.origin = parts[0],
                   .id = Sha256Of(absl::StrCat(parts[0], "\n", *key)).substr(0, kIdBytes),
                   .public_key = key->substr(1)};
  if (absl::BytesToHexString(parsed.id) != parts[1]) return wrong;
  return parsed;
}

absl::StatusOr<LedgerHead> VerifyCheckpoint(const std::string& checkpoint, const LedgerKey& key) {
  const size_t end = checkpoint.rfind("\n\n");
  if (end == std::string::npos || checkpoint.back() != '\n') return Wrong("is no signed note");
  const std::string text = checkpoint.substr(0, end + 1);
  bool is_signed = false;
  const std::string lines = checkpoint.substr(end + 2, checkpoint.size() - end - 3);
  const std::vector<std::string> signatures = absl::StrSplit(lines, '\n');
  for (const std::string& line : signatures) {
    if (!absl::StartsWith(line, kSignatureLine)) return Wrong("is no signed note");
    const std::vector<std::string> parts = absl::StrSplit(line.substr(sizeof(kSignatureLine) - 1), ' ');
    if (parts.size() != 2) return Wrong("is no signed note");
    const auto signature = DecodeBase64(parts[1]);
    if (!signature.ok() || signature->size() <= kIdBytes) return Wrong("is no signed note");
    // Others may have signed it too.
    if (parts[0] != key.origin || signature->substr(0, kIdBytes) != key.id) continue;
    if (signature->size() != kIdBytes + kSignatureBytes ||
        !Verifies(key.public_key, text, signature->substr(kIdBytes))) {
      return Wrong("has a forged signature");
    }
    is_signed = true;
  }
  if (!is_signed) return Wrong("is not signed by the key");
  const std::vector<std::string> said = absl::StrSplit(text, '\n');
  LedgerHead head;
  if (said.size() < 4 || said[0] != key.origin) return Wrong("is of another ledger");
  const auto root = DecodeBase64(said[2]);
  if (!absl::SimpleAtoi(said[1], &head.size) || absl::StrCat(head.size) != said[1] || !root.ok() ||
      root->size() != kHashBytes) {
    return Wrong("is malformed");
  }
  head.root = *root;
  return head;
}

}  // namespace retention
