// A ledger made by hand, as a server would serve it: hashed and signed here, from the standards.
#pragma once

#include <openssl/evp.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/ledger/ledger_archive.h"
#include "client/ledger/ledger_note.h"
#include "client/ledger/ledger_proofs.h"

namespace retention {

class TestLedger {
 public:
  explicit TestLedger(uint64_t size) {
    for (uint64_t i = 0; i < size; ++i) leaves_.push_back(absl::StrCat("entry ", i + 1));
  }

  static std::string KeyText() {
    const std::string key = "\x01" + PublicKey();
    return absl::StrCat("example.com/ledger+", absl::BytesToHexString(KeyId()), "+", absl::Base64Escape(key));
  }
  static LedgerKey Key() { return *ParseLedgerKey(KeyText()); }

  std::vector<std::string>& leaves() { return leaves_; }
  LedgerHead Head(uint64_t size) const { return {.size = size, .root = Root(0, size)}; }
  std::string Checkpoint(uint64_t size) const {
    const std::string text = absl::StrCat("example.com/ledger\n", size, "\n", absl::Base64Escape(Root(0, size)), "\n");
    return absl::StrCat(text, "\n\xE2\x80\x94 example.com/ledger ", absl::Base64Escape(KeyId() + Sign(text)), "\n");
  }
  // PATH and SUBPROOF of RFC 6962.
  std::vector<std::string> Inclusion(uint64_t index, uint64_t size) const { return Path(index, 0, size); }
  std::vector<std::string> Consistency(uint64_t first, uint64_t size) const {
    return first == size ? std::vector<std::string>() : Subproof(first, 0, size, true);
  }
  std::string Tile(const TilePart& part) const {
    std::string bytes;
    uint64_t leaves = 1;
    for (unsigned level = 0; level < part.level; ++level) leaves *= kTileHashes;
    for (uint64_t i = part.index * kTileHashes; i < part.index * kTileHashes + part.width; ++i) {
      if (part.entries) {
        bytes += static_cast<char>(leaves_[i].size() >> 8);
        bytes += static_cast<char>(leaves_[i].size() & 0xFF);
        bytes += leaves_[i];
      } else {
        bytes += Root(i * leaves, (i + 1) * leaves);
      }
    }
    return bytes;
  }
  void Archive(const std::filesystem::path& directory) const {
    (void)ForEachPart(leaves_.size(),
                      [&](const TilePart& part) { return WriteArchived(directory, part.Path(), Tile(part)); });
    (void)WriteArchived(directory, "checkpoint", Checkpoint(leaves_.size()));
  }

 private:
  using EvpKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
  static EvpKey SigningKey() {
    const std::string seed(32, 's');
    return {EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, reinterpret_cast<const uint8_t*>(seed.data()),
                                         seed.size()),
            EVP_PKEY_free};
  }
  static std::string PublicKey() {
    std::string key(32, '\0');
    size_t size = key.size();
    EVP_PKEY_get_raw_public_key(SigningKey().get(), reinterpret_cast<uint8_t*>(key.data()), &size);
    return key;
  }
  static std::string KeyId() { return Sha256Of("example.com/ledger\n\x01" + PublicKey()).substr(0, 4); }
  static std::string Sign(const std::string& text) {
    const auto key = SigningKey();
    std::string signature(64, '\0');
    size_t size = signature.size();
    EVP_MD_CTX* digest = EVP_MD_CTX_new();
    EVP_DigestSignInit(digest, nullptr, nullptr, nullptr, key.get());
    EVP_DigestSign(digest, reinterpret_cast<uint8_t*>(signature.data()), &size,
                   reinterpret_cast<const uint8_t*>(text.data()), text.size());
    EVP_MD_CTX_free(digest);
    return signature;
  }
  static uint64_t Left(uint64_t leaves) {
    uint64_t left = 1;
    while (left * 2 < leaves) left *= 2;
    return left;
  }
  std::string Root(uint64_t begin, uint64_t end) const {
    if (begin == end) return Sha256Of("");
    if (end - begin == 1) return Sha256Of(std::string(1, '\0') + leaves_[begin]);
    const uint64_t middle = begin + Left(end - begin);
    return Sha256Of("\x01" + Root(begin, middle) + Root(middle, end));
  }
  std::vector<std::string> Path(uint64_t index, uint64_t begin, uint64_t end) const {
    if (end - begin == 1) return {};
    const uint64_t middle = begin + Left(end - begin);
    auto path = index < middle ? Path(index, begin, middle) : Path(index, middle, end);
    path.push_back(index < middle ? Root(middle, end) : Root(begin, middle));
    return path;
  }
  std::vector<std::string> Subproof(uint64_t first, uint64_t begin, uint64_t end, bool whole) const {
    if (first == end) return whole ? std::vector<std::string>() : std::vector<std::string>{Root(begin, end)};
    const uint64_t middle = begin + Left(end - begin);
    auto proof = first <= middle ? Subproof(first, begin, middle, whole) : Subproof(first, middle, end, false);
    proof.push_back(first <= middle ? Root(middle, end) : Root(begin, middle));
    return proof;
  }

  std::vector<std::string> leaves_;
};

}  // namespace retention
