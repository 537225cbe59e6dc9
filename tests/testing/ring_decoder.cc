#include "tests/testing/ring_decoder.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <fstream>
#include <iterator>
#include <string_view>

namespace retention {
namespace {

std::string BytesIn(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string Sha256(std::string_view bytes) {
  uint8_t sum[32];
  EVP_Digest(bytes.data(), bytes.size(), sum, nullptr, EVP_sha256(), nullptr);
  return {reinterpret_cast<const char*>(sum), sizeof(sum)};
}

uint64_t BigEndian(std::string_view bytes) {
  uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

std::string BigEndian8(uint64_t number) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(number >> shift));
  return bytes;
}

std::string HmacOf(std::string_view key, std::string_view text) {
  uint8_t out[32];
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const uint8_t*>(text.data()),
       text.size(), out, nullptr);
  return {reinterpret_cast<const char*>(out), sizeof(out)};
}

std::string Decrypt(const EVP_CIPHER* cipher, const std::string& key, const std::string& iv, std::string_view bytes) {
  std::string out(bytes.size(), '\0');
  EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
  int size = 0;
  EVP_DecryptInit_ex(context, cipher, nullptr, reinterpret_cast<const uint8_t*>(key.data()),
                     reinterpret_cast<const uint8_t*>(iv.data()));
  EVP_CIPHER_CTX_set_padding(context, 0);
  EVP_DecryptUpdate(context, reinterpret_cast<uint8_t*>(out.data()), &size,
                    reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
  EVP_CIPHER_CTX_free(context);
  return out;
}

// RFC 3394, 2.2.2. Nothing if it was wrapped under another key.
std::string KeyUnwrap(const std::string& key, std::string_view wrapped) {
  const size_t n = wrapped.size() / 8 - 1;
  std::string a(wrapped.substr(0, 8));
  std::string r(wrapped.substr(8));
  for (size_t j = 6; j-- > 0;) {
    for (size_t i = n; i > 0; --i) {
      std::string mixed = BigEndian8(BigEndian(a) ^ (n * j + i));
      const std::string b = Decrypt(EVP_aes_256_ecb(), key, "", mixed + r.substr(8 * (i - 1), 8));
      a = b.substr(0, 8);
      r.replace(8 * (i - 1), 8, b.substr(8, 8));
    }
  }
  return a == std::string(8, '\xA6') ? r : "";
}

class SealOpener {
 public:
  explicit SealOpener(const std::string& key) {
    const std::string halves = HmacOf(key, "retention.v1 seal 1") + HmacOf(key, "retention.v1 seal 2");
    EVP_DecryptInit_ex(context_, EVP_aes_256_xts(), nullptr, reinterpret_cast<const uint8_t*>(halves.data()), nullptr);
  }
  ~SealOpener() { EVP_CIPHER_CTX_free(context_); }
  SealOpener(const SealOpener&) = delete;
  SealOpener& operator=(const SealOpener&) = delete;

  std::string Open(const std::string& name, std::string_view sealed) const {
    uint8_t out[32];
    int size = 0;
    EVP_DecryptInit_ex(context_, nullptr, nullptr, nullptr, reinterpret_cast<const uint8_t*>(name.data()));
    EVP_DecryptUpdate(context_, out, &size, reinterpret_cast<const uint8_t*>(sealed.data()), sizeof(out));
    return {reinterpret_cast<const char*>(out), sizeof(out)};
  }

 private:
  EVP_CIPHER_CTX* const context_ = EVP_CIPHER_CTX_new();
};

void DecodeHead(std::string_view head, const KeysAbove& above, std::string& entries_key, DecodedRing& ring) {
  if (head.size() != 4096 || head.substr(0, 8) != "RETNRING" || BigEndian(head.substr(8, 4)) != 5) return;
  if (Sha256(head.substr(0, 4064)) != head.substr(4064)) return;
  const uint64_t generation = BigEndian(head.substr(12, 8));
  if (ring.whole && generation < ring.generation) return;
  const auto epoch = static_cast<uint32_t>(BigEndian(head.substr(40, 4)));
  const auto root = above.roots.find(epoch);
  const bool rooted = head[37] != 0;
  if (rooted && root == above.roots.end()) return;
  const std::string wrapping = head[36] != 0 ? above.wrapping : std::string(32, '\0');
  const std::string top = HmacOf(wrapping, "retention.v1 ring" + (rooted ? root->second : ""));
  const std::string keys = KeyUnwrap(top, head.substr(72, 104));
  if (keys.empty()) return;
  ring.whole = true;
  ring.generation = generation;
  ring.epoch = epoch;
  ring.hash_key = keys.substr(0, 32);
  ring.open_key = keys.substr(32, 32);
  entries_key = keys.substr(64, 32);
  ring.destroyed_through = static_cast<uint32_t>(BigEndian(head.substr(184, 4)));
  ring.cohorts_destroyed_through = static_cast<uint32_t>(BigEndian(head.substr(188, 4)));
  ring.entries_written = static_cast<uint32_t>(BigEndian(head.substr(192, 4)));
}

using BlockKeys = std::map<uint64_t, std::pair<uint64_t, std::string>>;  // page and key, by block

void DecodeEntry(uint64_t place, std::string_view entry, const SealOpener& seal, bool of_any_epoch, BlockKeys& blocks,
                 DecodedRing& ring) {
  if (Sha256("keys" + BigEndian8(place) + std::string(entry.substr(0, 56))).substr(0, 8) != entry.substr(56, 8)) {
    if (place < ring.entries_written) ++ring.damaged;
    return;
  }
  if (entry[0] == 0 || entry[1] == 1) return;
  if (!of_any_epoch && BigEndian(entry.substr(48, 4)) != ring.epoch) return;
  const uint64_t name = BigEndian(entry.substr(8, 8));
  const uint64_t block = BigEndian(entry.substr(52, 4));
  std::string seal_name(entry.substr(0, 16));
  if (block > 0) seal_name[1] = 1;
  const std::string secret = seal.Open(seal_name, entry.substr(16, 32));
  const auto until = static_cast<uint32_t>(BigEndian(entry.substr(4, 4)));
  if (entry[0] == 9) {
    ring.zone = secret.substr(0, secret.find('\0'));
    ring.suspended = until == 0xFFFFFFFF;
    return;
  }
  if (entry[0] == 10) {
    ring.held[name] = until;
    return;
  }
  ring.sealed[secret] = std::string(entry.substr(16, 32));
  switch (entry[0]) {
    case 1:
      if (name > ring.destroyed_through) ring.keys[{'D', name}] = secret;
      break;
    case 2:
      if (name > ring.cohorts_destroyed_through) ring.keys[{'C', name}] = secret;
      break;
    case 3:
      ring.keys[{'P', name}] = secret;
      break;
    case 4:
      ring.keys[{'O', name}] = secret;
      break;
    case 5:
      if (block > 0) {
        blocks[block - 1] = {name, secret};
      } else {
        ring.seeds[name] = secret;
      }
      break;
    case 6:
    case 7:
    case 8:
      ring.rescues[{until, name, static_cast<uint8_t>(entry[0] - 6)}] = secret;
      break;
    case 11:
      ring.keys[{'N', name}] = secret;
      break;
    default:
      break;
  }
}

void DecodeBlock(uint64_t place, std::string_view block, uint64_t page, const std::string& key, DecodedRing& ring) {
  const SealOpener seal(key);
  for (uint64_t i = 0; i < 256; ++i) {
    const std::string_view slot = block.substr(64 + 40 * i, 40);
    const uint64_t number = page * 256 + i;
    const std::string named = "pages" + BigEndian8(place) + BigEndian8(number);
    if (slot[0] == 0 || Sha256(named + std::string(slot.substr(0, 33))).substr(0, 7) != slot.substr(33)) {
      ++ring.damaged;
      continue;
    }
    if (slot[0] != 1 && slot[0] != 2) continue;
    const std::string secret = seal.Open(std::string(8, '\0') + BigEndian8(number), slot.substr(1, 32));
    ring.owners[number] = secret;
    ring.sealed[secret] = std::string(slot.substr(1, 32));
  }
}

}  // namespace

std::string DecodedRing::OwnerSecret(uint64_t number) const {
  if (const auto owner = owners.find(number); owner != owners.end()) return owner->second;
  const auto seed = seeds.find(number / 256);
  if (seed == seeds.end()) return "";
  const std::string text = "retention.v1 owner" + BigEndian8(number);
  uint8_t secret[32];
  HMAC(EVP_sha256(), seed->second.data(), 32, reinterpret_cast<const uint8_t*>(text.data()), text.size(), secret,
       nullptr);
  return {reinterpret_cast<const char*>(secret), sizeof(secret)};
}

DecodedRing DecodeRing(const std::string& replica_directory, const KeysAbove& above) {
  DecodedRing ring;
  std::string entries_key;
  const std::string head = BytesIn(replica_directory + "/head");
  for (size_t at = 0; at + 4096 <= head.size(); at += 4096) {
    DecodeHead(std::string_view(head).substr(at, 4096), above, entries_key, ring);
  }
  if (!ring.whole) return ring;
  BlockKeys blocks;
  const SealOpener seal(entries_key);
  const std::string keys = BytesIn(replica_directory + "/keys");
  for (size_t at = 4096; at + 64 <= keys.size(); at += 64) {
    DecodeEntry((at - 4096) / 64, std::string_view(keys).substr(at, 64), seal, above.tries_all_entries, blocks, ring);
  }
  const std::string pages = BytesIn(replica_directory + "/pages");
  for (const auto& [block, key] : blocks) {
    if (4096 + (block + 1) * 10304 > pages.size()) continue;
    DecodeBlock(block, std::string_view(pages).substr(4096 + block * 10304, 10304), key.first, key.second, ring);
  }
  return ring;
}

std::map<uint32_t, std::string> DecodeRootFile(const std::string& path) {
  std::map<uint32_t, std::string> roots;
  const std::string bytes = BytesIn(path);
  if (bytes.substr(0, 8) != "RETNROOT") return roots;
  for (size_t at = 8; at + 64 <= bytes.size(); at += 64) {
    const std::string place = bytes.substr(at, 64);
    if (Sha256(place.substr(0, 52)).substr(0, 12) != place.substr(52)) continue;
    roots[static_cast<uint32_t>(BigEndian(place.substr(0, 4)))] = place.substr(20, 32);
  }
  return roots;
}

}  // namespace retention
