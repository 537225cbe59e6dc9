#include "client/target.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/un.h>

#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/input_stream.h"

namespace retention {
namespace {

constexpr char kUnixScheme[] = "unix:";
constexpr size_t kHostBytesMax = 253;  // RFC 1035
constexpr size_t kTlsFileBytesMax = 4 << 20;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Certificate = std::unique_ptr<X509, FreeCertificate>;
using PrivateKey = std::unique_ptr<EVP_PKEY, FreeKey>;

// The host of "host:port" without brackets, or nothing.
std::string HostOf(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return "";
  std::string host = address.substr(0, colon);
  const std::string port = address.substr(colon + 1);
  int number = 0;
  const bool has_port = !port.empty() && std::all_of(port.begin(), port.end(), absl::ascii_isdigit) &&
                        absl::SimpleAtoi(port, &number) && number >= 1 && number <= 65535;
  if (!has_port || host.empty() || host.size() > kHostBytesMax) return "";
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    in6_addr parsed;
    return ::inet_pton(AF_INET6, host.c_str(), &parsed) == 1 ? host : "";
  }
  const bool is_name = std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
  });
  return is_name ? host : "";
}

bool IsUnix(const std::string& address) { return absl::StartsWith(address, kUnixScheme); }

bool IsLoopback(const std::string& host) {
  in_addr v4;
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  if (::inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return absl::EqualsIgnoreCase(host, "localhost");
}

absl::Status BadFile(const std::string& file, const char* what) {
  ERR_clear_error();
  return absl::FailedPreconditionError(absl::StrCat(file, ": ", what));
}

absl::Status ReadPem(const std::string& file, std::string& text) {
  auto read = ReadFile(file, kTlsFileBytesMax);
  if (!read.ok()) return absl::FailedPreconditionError(read.status().message());
  text = *std::move(read);
  return absl::OkStatus();
}

std::unique_ptr<BIO, FreeBio> Bytes(const std::string& text) {
  return std::unique_ptr<BIO, FreeBio>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Certificate FirstCertificate(const std::string& text) {
  return Certificate(PEM_read_bio_X509(Bytes(text).get(), nullptr, nullptr, nullptr));
}

// Nobody is asked for the password of a key.
PrivateKey KeyIn(const std::string& text) {
  const auto no_password = [](char*, int, int, void*) { return -1; };
  return PrivateKey(PEM_read_bio_PrivateKey(Bytes(text).get(), nullptr, no_password, nullptr));
}

absl::Status CheckWays(const Target& target) {
  if (absl::Status status = CheckAddress(target.address); !status.ok()) return status;
  if (target.certificate_file.empty() != target.key_file.empty()) {
    return absl::InvalidArgumentError("a client's certificate and its key go together");
  }
  if (target.ca_file.empty() && !target.certificate_file.empty()) {
    return absl::InvalidArgumentError("a client's certificate goes with the authorities that vouch for the server");
  }
  if (IsUnix(target.address) && !target.ca_file.empty()) {
    return absl::InvalidArgumentError("a Unix socket is plaintext: its peers are known by their users");
  }
  if (target.ca_file.empty() && !target.insecure && !IsUnix(target.address) && !IsLoopback(HostOf(target.address))) {
    return absl::InvalidArgumentError("plaintext leaves the machine only if that is asked for");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckAddress(const std::string& address) {
  if (IsUnix(address)) {
    const std::string path = address.substr(sizeof(kUnixScheme) - 1);
    const bool fits = absl::StartsWith(path, "/") && path.size() < sizeof(sockaddr_un::sun_path);
    return fits ? absl::OkStatus() : absl::InvalidArgumentError("the path of a Unix socket begins with / and is short");
  }
  return HostOf(address).empty() ? absl::InvalidArgumentError("not host:port, [IPv6]:port or unix:/path")
                                 : absl::OkStatus();
}

absl::StatusOr<TlsTexts> CheckTarget(const Target& target) {
  if (absl::Status status = CheckWays(target); !status.ok()) return status;
  TlsTexts texts;
  if (target.ca_file.empty()) return texts;
  if (absl::Status status = ReadPem(target.ca_file, texts.authorities); !status.ok()) return status;
  if (FirstCertificate(texts.authorities) == nullptr) return BadFile(target.ca_file, "no certificate in PEM");
  if (target.certificate_file.empty()) return texts;
  if (absl::Status status = ReadPem(target.certificate_file, texts.certificate); !status.ok()) return status;
  const Certificate certificate = FirstCertificate(texts.certificate);
  if (certificate == nullptr) return BadFile(target.certificate_file, "no certificate in PEM");
  if (absl::Status status = ReadPem(target.key_file, texts.key); !status.ok()) return status;
  const PrivateKey key = KeyIn(texts.key);
  if (key == nullptr) return BadFile(target.key_file, "no private key in PEM, or an encrypted one");
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return BadFile(target.key_file, "not the key of the certificate");
  }
  return texts;
}

}  // namespace retention
