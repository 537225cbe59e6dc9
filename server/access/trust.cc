#include "server/access/trust.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <utility>
#include <vector>

#include "server/base/errors.h"

namespace retention {
namespace {

template <typename T, void (*kFree)(T*)>
struct Freer {
  void operator()(T* held) const { kFree(held); }
};
void FreeBio(BIO* bio) { BIO_free(bio); }
void FreeCertificates(STACK_OF(X509) * certificates) { sk_X509_pop_free(certificates, X509_free); }

using BioPtr = std::unique_ptr<BIO, Freer<BIO, FreeBio>>;
using X509Ptr = std::unique_ptr<X509, Freer<X509, X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, Freer<X509_CRL, X509_CRL_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY, EVP_PKEY_free>>;
using ContextPtr = std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX, X509_STORE_CTX_free>>;
using StackPtr = std::unique_ptr<STACK_OF(X509), Freer<STACK_OF(X509), FreeCertificates>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES, GENERAL_NAMES_free>>;

BioPtr Reading(std::string_view text) { return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

// Nobody is asked for a passphrase.
int NoPassphrase(char* /*buffer*/, int /*size*/, int /*is_writing*/, void* /*unused*/) { return 0; }

absl::Status Refused(const char* reason, const char* message) {
  return ErrorWithReason(absl::StatusCode::kUnauthenticated, reason, message);
}

absl::Time TimeOf(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfinitePast();
  return absl::FromUnixSeconds(timegm(&parts));
}

// Text that says what it seems to say.
void AddName(std::string text, std::vector<std::string>& names) {
  if (text.empty() || text.find('\0') != std::string::npos) return;
  if (names.size() < static_cast<size_t>(Trust::kMaxNames)) names.push_back(std::move(text));
}

std::string SubjectOf(const X509* certificate) {
  const BioPtr text(BIO_new(BIO_s_mem()));
  if (X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) < 0) return "";
  char* begin = nullptr;
  const long size = BIO_get_mem_data(text.get(), &begin);
  return size <= 0 ? "" : std::string(begin, static_cast<size_t>(size));
}

std::vector<std::string> NamesOf(const X509* certificate) {
  std::vector<std::string> names;
  const NamesPtr others(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (const int kind : {GEN_URI, GEN_DNS}) {
    for (int i = 0; others != nullptr && i < sk_GENERAL_NAME_num(others.get()); ++i) {
      const GENERAL_NAME* name = sk_GENERAL_NAME_value(others.get(), i);
      if (name->type != kind) continue;
      const ASN1_IA5STRING* text = kind == GEN_URI ? name->d.uniformResourceIdentifier : name->d.dNSName;
      AddName(std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                          static_cast<size_t>(ASN1_STRING_length(text))),
              names);
    }
  }
  AddName(SubjectOf(certificate), names);
  return names;
}

// A list that has lapsed is better than none; who lets it lapse is told by the age of the file.
int Overlook(int is_fine, X509_STORE_CTX* context) {
  return X509_STORE_CTX_get_error(context) == X509_V_ERR_CRL_HAS_EXPIRED ? 1 : is_fine;
}

}  // namespace

void FreeX509Store::operator()(X509_STORE* store) const { X509_STORE_free(store); }

absl::StatusOr<std::shared_ptr<const Trust>> Trust::FromPem(std::string_view authorities, std::string_view revoked) {
  std::unique_ptr<X509_STORE, FreeX509Store> store(X509_STORE_new());
  int known = 0;
  for (const BioPtr bio = Reading(authorities);;) {
    const X509Ptr authority(PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr));
    if (authority == nullptr) break;
    if (X509_STORE_add_cert(store.get(), authority.get()) == 1) ++known;
  }
  int lists = 0;
  for (const BioPtr bio = Reading(revoked);;) {
    const CrlPtr list(PEM_read_bio_X509_CRL(bio.get(), nullptr, NoPassphrase, nullptr));
    if (list == nullptr) break;
    if (X509_STORE_add_crl(store.get(), list.get()) == 1) ++lists;
  }
  ERR_clear_error();
  if (known == 0) return absl::InvalidArgumentError("no certificate in PEM");
  if (!revoked.empty() && lists == 0) return absl::DataLossError("no certificate revocation list in PEM");
  if (lists > 0) X509_STORE_set_flags(store.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  X509_STORE_set_verify_cb(store.get(), Overlook);
  return std::shared_ptr<const Trust>(new Trust(std::move(store)));
}

absl::StatusOr<ClientCertificate> Trust::Verify(std::string_view chain, absl::Time now) const {
  const BioPtr bio = Reading(chain);
  const X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr));
  const StackPtr others(sk_X509_new_null());
  for (int i = 0; certificate != nullptr && i < kMaxChain; ++i) {
    X509* const other = PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr);
    if (other == nullptr) break;
    sk_X509_push(others.get(), other);
  }
  ERR_clear_error();
  if (certificate == nullptr) return Refused("CERTIFICATE_UNTRUSTED", "the client certificate cannot be read");
  const ContextPtr context(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(context.get(), store_.get(), certificate.get(), others.get()) != 1) {
    return absl::InternalError("a client certificate could not be looked at");
  }
  X509_VERIFY_PARAM* const terms = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(terms, absl::ToTimeT(now));
  X509_VERIFY_PARAM_set_depth(terms, kMaxChain);
  X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_CLIENT);
  const int is_fine = X509_verify_cert(context.get());
  const int error = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (is_fine != 1 && error == X509_V_ERR_CERT_REVOKED) {
    return Refused("CERTIFICATE_REVOKED", "the client certificate, or one above it, is revoked");
  }
  if (is_fine != 1 && (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID)) {
    return Refused("CERTIFICATE_EXPIRED", "the client certificate, or one above it, is not valid at this time");
  }
  if (is_fine != 1) return Refused("CERTIFICATE_UNTRUSTED", "no authority of this server vouches for the certificate");
  ClientCertificate client{.principal = {.kind = Principal::Kind::kCertificate, .names = NamesOf(certificate.get())},
                           .expires = absl::InfiniteFuture()};
  const STACK_OF(X509)* const verified = X509_STORE_CTX_get0_chain(context.get());
  for (int i = 0; i < sk_X509_num(verified); ++i) {
    client.expires = std::min(client.expires, TimeOf(X509_get0_notAfter(sk_X509_value(verified, i))));
  }
  return client;
}

absl::Status CheckKeyPair(std::string_view chain, std::string_view key) {
  const BioPtr chain_bio = Reading(chain);
  const X509Ptr certificate(PEM_read_bio_X509(chain_bio.get(), nullptr, NoPassphrase, nullptr));
  const BioPtr key_bio = Reading(key);
  const KeyPtr private_key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, NoPassphrase, nullptr));
  const bool is_pair = certificate != nullptr && private_key != nullptr &&
                       X509_check_private_key(certificate.get(), private_key.get()) == 1;
  ERR_clear_error();
  if (certificate == nullptr) return absl::InvalidArgumentError("certificate: none in PEM");
  if (private_key == nullptr) return absl::InvalidArgumentError("key: no private key in PEM without passphrase");
  if (!is_pair) return absl::InvalidArgumentError("key: not of the certificate");
  return absl::OkStatus();
}

}  // namespace retention
