#include "storage/secrets/envelope.h"

#include <array>
#include <cstring>
#include <utility>

namespace retention {
namespace {

// Do not change: see FORMAT.md.
constexpr uint8_t kEnvelopeVersion = 2;
constexpr size_t kTagBytes = 16;
constexpr size_t kVarintBytesMax = 10;
constexpr size_t kHeaderBytesMax = 2 + 2 * kVarintBytesMax;

size_t WriteVarint(uint64_t number, char* out) {
  size_t size = 0;
  for (; number >= 0x80; number >>= 7) out[size++] = static_cast<char>((number & 0x7F) | 0x80);
  out[size++] = static_cast<char>(number);
  return size;
}

// Takes one off the front; nullopt if there is none.
std::optional<uint64_t> TakeVarint(std::string_view& bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < kVarintBytesMax && i < bytes.size(); ++i) {
    const uint8_t byte = static_cast<uint8_t>(bytes[i]);
    number |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
    if ((byte & 0x80) != 0) continue;
    bytes.remove_prefix(i + 1);
    return number;
  }
  return std::nullopt;
}

size_t WriteHeader(const EnvelopeHeader& header, char* out) {
  out[0] = static_cast<char>(kEnvelopeVersion);
  out[1] = static_cast<char>(header.use);
  size_t size = 2;
  size += WriteVarint(header.values, out + size);
  size += WriteVarint(header.owner, out + size);
  return size;
}

const uint8_t* Bytes(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }

}  // namespace

absl::Status CryptoFailure() { return absl::InternalError("vault: OpenSSL failed"); }

std::optional<EnvelopeHeader> ReadEnvelopeHeader(std::string_view envelope) {
  if (envelope.size() < 2 || static_cast<uint8_t>(envelope[0]) != kEnvelopeVersion) return std::nullopt;
  EnvelopeHeader header{.use = static_cast<PbxKeyUse>(envelope[1])};
  if (header.use > PbxKeyUse::kForOrders) return std::nullopt;
  std::string_view rest = envelope.substr(2);
  const auto values = TakeVarint(rest);
  const auto owner = values.has_value() ? TakeVarint(rest) : std::nullopt;
  if (!owner.has_value() || *values > UINT32_MAX || rest.size() < kNonceBytes + kTagBytes) return std::nullopt;
  header.values = static_cast<uint32_t>(*values);
  header.owner = *owner;
  header.bytes = envelope.size() - rest.size();
  return header;
}

absl::StatusOr<std::string> SealUnder(EVP_CIPHER_CTX* context, const SecretKey& key, const uint8_t* nonce,
                                      const EnvelopeHeader& facts, std::string_view row_key,
                                      const std::string& plaintext) {
  if (context == nullptr) return CryptoFailure();
  char header[kHeaderBytesMax];
  const size_t header_bytes = WriteHeader(facts, header);
  std::string envelope;
  envelope.resize(header_bytes + kNonceBytes + plaintext.size() + kTagBytes);
  char* at = envelope.data();
  std::memcpy(at, header, header_bytes);
  std::memcpy(at + header_bytes, nonce, kNonceBytes);
  uint8_t* sealed = reinterpret_cast<uint8_t*>(at) + header_bytes + kNonceBytes;
  uint8_t* tag = sealed + plaintext.size();
  int size = 0;
  const bool ok = EVP_CipherInit_ex2(context, nullptr, key.data(), nonce, 1, nullptr) == 1 &&
                  EVP_CipherUpdate(context, nullptr, &size, reinterpret_cast<uint8_t*>(header),
                                   static_cast<int>(header_bytes)) == 1 &&
                  EVP_CipherUpdate(context, nullptr, &size, Bytes(row_key), static_cast<int>(row_key.size())) == 1 &&
                  EVP_CipherUpdate(context, sealed, &size, Bytes(plaintext), static_cast<int>(plaintext.size())) == 1 &&
                  EVP_CipherFinal_ex(context, tag, &size) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag) == 1;
  if (!ok) return CryptoFailure();
  return envelope;
}

absl::StatusOr<Personal> OpenUnder(EVP_CIPHER_CTX* context, const SecretKey& key, const EnvelopeHeader& header,
                                   std::string_view row_key, std::string_view envelope) {
  if (context == nullptr) return CryptoFailure();
  const uint8_t* nonce = Bytes(envelope) + header.bytes;
  const uint8_t* sealed = nonce + kNonceBytes;
  const size_t sealed_bytes = envelope.size() - header.bytes - kNonceBytes - kTagBytes;
  std::array<uint8_t, kTagBytes> tag{};
  std::memcpy(tag.data(), sealed + sealed_bytes, kTagBytes);
  std::string plaintext(sealed_bytes, '\0');
  int size = 0;
  const bool ok = EVP_CipherInit_ex2(context, nullptr, key.data(), nonce, 0, nullptr) == 1 &&
                  EVP_CipherUpdate(context, nullptr, &size, Bytes(envelope), static_cast<int>(header.bytes)) == 1 &&
                  EVP_CipherUpdate(context, nullptr, &size, Bytes(row_key), static_cast<int>(row_key.size())) == 1 &&
                  EVP_CipherUpdate(context, reinterpret_cast<uint8_t*>(plaintext.data()), &size, sealed,
                                   static_cast<int>(sealed_bytes)) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1;
  Personal opened(std::move(plaintext));  // wiped if it is not authentic
  uint8_t rest[kTagBytes];
  if (!ok) return CryptoFailure();
  if (EVP_CipherFinal_ex(context, rest, &size) != 1) {
    return absl::DataLossError("vault: an envelope is not authentic for its row");
  }
  return opened;
}

}  // namespace retention
