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

void DecodeHead(std::string_view head, DecodedRing& ring) {
  if (head.size() != 4096 || head.substr(0, 8) != "RETNRING" || BigEndian(head.substr(8, 4)) != 3) return;
  if (Sha256(head.substr(0, 4064)) != head.substr(4064)) return;
  const uint64_t generation = BigEndian(head.substr(12, 8));
  if (ring.whole && generation < ring.generation) return;
  ring.whole = true;
  ring.generation = generation;
  ring.open_key = std::string(head.substr(68, 32));
  ring.destroyed_through = static_cast<uint32_t>(BigEndian(head.substr(108, 4)));
  ring.cohorts_destroyed_through = static_cast<uint32_t>(BigEndian(head.substr(112, 4)));
}

void DecodeEntry(std::string_view entry, DecodedRing& ring) {
  if (Sha256(entry.substr(0, 48)).substr(0, 16) != entry.substr(48, 16)) return;
  const uint64_t name = BigEndian(entry.substr(8, 8));
  const std::string secret(entry.substr(16, 32));
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
      ring.seeds[name] = secret;
      break;
    default:
      break;
  }
}

void DecodeBlock(std::string_view block, DecodedRing& ring) {
  const std::string_view header = block.substr(0, 64);
  if (header.substr(0, 4) != "PAGE" || Sha256(header.substr(0, 48)).substr(0, 16) != header.substr(48, 16)) return;
  const uint64_t page = BigEndian(header.substr(4, 8));
  for (uint64_t i = 0; i < 256; ++i) {
    const std::string_view slot = block.substr(64 + 40 * i, 40);
    const uint64_t number = page * 256 + i;
    if (slot[0] != 1 && slot[0] != 2) continue;
    if (Sha256(BigEndian8(number) + std::string(slot.substr(0, 37))).substr(0, 3) != slot.substr(37)) continue;
    ring.owners[number] = std::string(slot.substr(5, 32));
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

DecodedRing DecodeRing(const std::string& replica_directory) {
  DecodedRing ring;
  const std::string head = BytesIn(replica_directory + "/head");
  for (size_t at = 0; at + 4096 <= head.size(); at += 4096) DecodeHead(std::string_view(head).substr(at, 4096), ring);
  const std::string keys = BytesIn(replica_directory + "/keys");
  for (size_t at = 4096; at + 64 <= keys.size(); at += 64) DecodeEntry(std::string_view(keys).substr(at, 64), ring);
  const std::string pages = BytesIn(replica_directory + "/pages");
  for (size_t at = 4096; at + 10304 <= pages.size(); at += 10304) {
    DecodeBlock(std::string_view(pages).substr(at, 10304), ring);
  }
  return ring;
}

}  // namespace retention
