#include "client/objects/aws_signature.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace retention {
namespace {

constexpr char kAlgorithm[] = "AWS4-HMAC-SHA256";

std::string Sha256Hex(const std::string& text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest), size});
}

std::string HmacSha256(const std::string& key, const std::string& text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), digest, &size);
  return {reinterpret_cast<const char*>(digest), size};
}

}  // namespace

std::string AwsEncoded(const std::string& text, bool keep_slashes) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = absl::ascii_isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain || (keep_slashes && c == '/')) {
      encoded += c;
    } else {
      absl::StrAppendFormat(&encoded, "%%%02X", byte);
    }
  }
  return encoded;
}

std::string AwsQuery(const std::map<std::string, std::string>& query) {
  // Signed in the order of what is encoded, which is that of what is meant only within plain characters.
  std::map<std::string, std::string> encoded;
  for (const auto& [name, value] : query) encoded[AwsEncoded(name, false)] = AwsEncoded(value, false);
  std::string text;
  for (const auto& [name, value] : encoded) absl::StrAppend(&text, text.empty() ? "" : "&", name, "=", value);
  return text;
}

std::string AwsTime(absl::Time time) { return absl::FormatTime("%Y%m%dT%H%M%SZ", time, absl::UTCTimeZone()); }

std::string AwsAuthorization(const AwsRequest& request, const AwsCredentials& credentials, const std::string& region,
                             const std::string& service, absl::Time time) {
  std::string headers;
  std::string names;
  for (const auto& [name, value] : request.headers) {
    absl::StrAppend(&headers, name, ":", value, "\n");
    absl::StrAppend(&names, names.empty() ? "" : ";", name);
  }
  const std::string canonical = absl::StrCat(request.method, "\n", request.path, "\n", AwsQuery(request.query), "\n",
                                             headers, "\n", names, "\n", request.payload_sha256);
  const std::string day = AwsTime(time).substr(0, 8);
  const std::string scope = absl::StrCat(day, "/", region, "/", service, "/aws4_request");
  const std::string to_sign = absl::StrCat(kAlgorithm, "\n", AwsTime(time), "\n", scope, "\n", Sha256Hex(canonical));
  std::string key = absl::StrCat("AWS4", credentials.secret_access_key);
  for (const std::string& part : {day, region, service, std::string("aws4_request")}) {
    std::string next = HmacSha256(key, part);
    OPENSSL_cleanse(key.data(), key.size());
    key = std::move(next);
  }
  const std::string signature = absl::BytesToHexString(HmacSha256(key, to_sign));
  OPENSSL_cleanse(key.data(), key.size());
  return absl::StrCat(kAlgorithm, " Credential=", credentials.access_key_id, "/", scope, ",SignedHeaders=", names,
                      ",Signature=", signature);
}

}  // namespace retention
