#include "tests/testing/copy_decoder.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdint>
#include <optional>
#include <set>

#include "retention/stored/v1/course.pb.h"
#include "retention/stored/v1/stored.pb.h"

namespace retention {
namespace {

std::string Hmac(std::string_view key, std::string_view text) {
  uint8_t out[32];
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const uint8_t*>(text.data()),
       text.size(), out, nullptr);
  return {reinterpret_cast<const char*>(out), sizeof(out)};
}

// RFC 5869 without salt, one block.
std::string Hkdf(std::string_view input, const std::string& info) {
  return Hmac(Hmac(std::string(32, '\0'), input), info + '\1');
}

uint64_t BigEndianOf(std::string_view bytes) {
  uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

struct Envelope {
  uint8_t use = 0;
  uint64_t owner = 0;
  size_t header = 0;
};

std::optional<Envelope> Parse(std::string_view bytes) {
  if (bytes.size() < 2 || bytes[0] != 2 || static_cast<uint8_t>(bytes[1]) > 2) return std::nullopt;
  Envelope envelope{.use = static_cast<uint8_t>(bytes[1])};
  size_t at = 2;
  for (int field = 0; field < 2; ++field) {
    uint64_t number = 0;
    for (int shift = 0;; shift += 7) {
      if (at == bytes.size() || shift > 63) return std::nullopt;
      const uint8_t byte = static_cast<uint8_t>(bytes[at++]);
      number |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) break;
    }
    envelope.owner = number;
  }
  envelope.header = at;
  if (bytes.size() < at + 12 + 16) return std::nullopt;
  return envelope;
}

std::optional<std::string> Decrypt(std::string key, const DecodedRing& ring, const Envelope& envelope,
                                   std::string_view row_key, std::string_view bytes) {
  if (envelope.owner != 0) {
    const std::string secret = ring.OwnerSecret(envelope.owner);
    if (secret.empty()) return std::nullopt;
    key = Hmac(key, secret);
  }
  const auto* in = reinterpret_cast<const uint8_t*>(bytes.data());
  const size_t sealed = bytes.size() - envelope.header - 12 - 16;
  std::string plaintext(sealed, '\0');
  std::string tag(bytes.substr(bytes.size() - 16));
  int size = 0;
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nullptr, reinterpret_cast<const uint8_t*>(key.data()),
                     in + envelope.header);
  EVP_DecryptUpdate(context, nullptr, &size, in, static_cast<int>(envelope.header));
  EVP_DecryptUpdate(context, nullptr, &size, reinterpret_cast<const uint8_t*>(row_key.data()),
                    static_cast<int>(row_key.size()));
  EVP_DecryptUpdate(context, reinterpret_cast<uint8_t*>(plaintext.data()), &size, in + envelope.header + 12,
                    static_cast<int>(sealed));
  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, 16, tag.data());
  uint8_t rest[16];
  const bool authentic = EVP_DecryptFinal_ex(context, rest, &size) == 1;
  EVP_CIPHER_CTX_free(context);
  return authentic ? std::optional(plaintext) : std::nullopt;
}

std::optional<std::string> OpenFiled(std::string_view row_key, std::string_view bytes, const DecodedRing& ring) {
  const auto envelope = Parse(bytes);
  if (!envelope.has_value() || row_key.size() != 45) return std::nullopt;
  const uint64_t day = BigEndianOf(row_key.substr(0, 4));
  const uint64_t pbx = BigEndianOf(row_key.substr(5, 8));
  std::string input = ring.open_key;
  if (day < 0xFFFFFFFE) {
    const auto key = ring.keys.find({'D', day});
    if (key == ring.keys.end()) {
      const auto rescued = ring.rescues.find({static_cast<uint32_t>(day), pbx, envelope->use});
      if (rescued == ring.rescues.end()) return std::nullopt;
      return Decrypt(rescued->second, ring, *envelope, row_key, bytes);
    }
    input = key->second;
  }
  if (envelope->use != 0) {
    const auto own = ring.keys.find({'P', pbx});
    const auto orders = ring.keys.find({'O', pbx});
    if (own != ring.keys.end()) {
      input += envelope->use == 1 ? own->second : Hmac(own->second, "retention.v1 orders");
    } else if (envelope->use == 2 && orders != ring.keys.end()) {
      input += orders->second;
    } else {
      return std::nullopt;
    }
  }
  std::string info = "retention.v1 filed";
  info.push_back(static_cast<char>(envelope->use));
  info.append(row_key.substr(0, 4)).append(row_key.substr(5, 8));
  return Decrypt(Hkdf(input, info), ring, *envelope, row_key, bytes);
}

std::optional<std::string> OpenState(std::string_view row_key, std::string_view bytes, const DecodedRing& ring) {
  const auto envelope = Parse(bytes);
  if (!envelope.has_value()) return std::nullopt;
  return Decrypt(Hkdf(ring.open_key, "retention.v1 state"), ring, *envelope, row_key, bytes);
}

}  // namespace

std::string OpenCopy(const MapStore::Rows& rows, const DecodedRing& ring) {
  std::string all;
  for (const auto& [key, value] : rows[static_cast<size_t>(Family::kFiled)]) {
    all += OpenFiled(key, value, ring).value_or("");
  }
  for (const auto& [key, value] : rows[static_cast<size_t>(Family::kState)]) {
    all += OpenState(key, value, ring).value_or("");
    stored::v1::Locator locator;
    if (key[0] != 'M' || !locator.ParseFromString(value)) continue;
    // A meeting id is sealed as a row of the history (category 14) would be whose item is zero, on the day of that; who
    // was there when a sitting began, as one whose item is 1.
    for (const auto& [named, secret] : ring.keys) {
      if (named.first != 'D') continue;
      std::string row_key;
      for (int shift = 24; shift >= 0; shift -= 8) row_key.push_back(static_cast<char>(named.second >> shift));
      row_key.append(1, 14).append(key.substr(1)).append(16, '\0');
      all += OpenFiled(row_key, locator.meeting_id(), ring).value_or("");
      row_key.back() = 1;
      all += OpenFiled(row_key, locator.carried(), ring).value_or("");
    }
  }
  return all;
}

bool TellsOfMeeting(const MapStore::Rows& rows, const DecodedRing& ring, const std::string& meeting_id) {
  const auto big_endian = [](uint64_t number, int bytes) {
    std::string text;
    for (int shift = 8 * bytes - 8; shift >= 0; shift -= 8) text.push_back(static_cast<char>(number >> shift));
    return text;
  };
  std::set<std::string> pbxs;
  std::string keys;
  for (const MapDisk::Map& family : rows) {
    for (const auto& [key, value] : family) {
      if (&family == &rows[static_cast<size_t>(Family::kState)] && key[0] == 'J') pbxs.insert(key.substr(5, 8));
      keys.append(key).append("\n");
    }
  }
  for (const std::string& pbx : pbxs) {
    const std::string hashed =
        Hmac(ring.hash_key, big_endian(7, 4) + big_endian(8, 4) + "meeting" + pbx + meeting_id).substr(0, 16);
    if (keys.find(hashed.substr(0, 8)) != std::string::npos) return true;
    for (const auto& [name, secret] : ring.keys) {
      if (name.first != 'N') continue;
      if (keys.find(Hmac(secret, "retention.v1 name" + hashed).substr(0, 16)) != std::string::npos) return true;
      if (keys.find(Hmac(secret, "retention.v1 room" + hashed).substr(0, 8)) != std::string::npos) return true;
    }
  }
  return false;
}

}  // namespace retention
