#include "server/rpc/tls_identity.h"

#include <fcntl.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <sys/mman.h>
#include <unistd.h>

#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/access/gate.h"
#include "server/base/time_source.h"
#include "server/rpc/admission.h"

namespace retention {
namespace {

using grpc::experimental::TlsCustomVerificationCheckRequest;

// How often gRPC looks at what it is shown.
constexpr unsigned kLookSeconds = 1;

// -1 if there is no room.
int FileInMemory(const std::string& text) {
  const int fd = ::memfd_create("retention-tls", MFD_CLOEXEC);
  for (size_t written = 0; fd >= 0 && written < text.size();) {
    const ssize_t size = ::write(fd, text.data() + written, text.size() - written);
    if (size <= 0) {
      ::close(fd);
      return -1;
    }
    written += static_cast<size_t>(size);
  }
  return fd;
}

absl::Status NoRoom() { return absl::ResourceExhaustedError("no memory or descriptor for certificates"); }

std::string WayTo(int fd) { return absl::StrCat("/proc/self/fd/", fd); }

// What the handshake cannot know by itself: what is revoked.
class Verifier final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  explicit Verifier(const Gate& gate) : gate_(gate) {}

  bool Verify(TlsCustomVerificationCheckRequest* request, std::function<void(grpc::Status)> /*callback*/,
              grpc::Status* sync_status) override {
    const grpc::string_ref certificate = request->peer_cert();
    const grpc::string_ref chain = request->peer_cert_full_chain();
    const std::string all = ChainOf({certificate.data(), certificate.size()}, {chain.data(), chain.size()});
    const absl::Status status = gate_.CheckCertificate(all, MachineTime().Wall());
    if (!status.ok()) {
      *sync_status = grpc::Status(grpc::StatusCode::UNAUTHENTICATED, std::string(status.message()));
    }
    return true;
  }
  void Cancel(TlsCustomVerificationCheckRequest* /*request*/) override {}

 private:
  const Gate& gate_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TlsIdentity>> TlsIdentity::Create(const std::string& identity,
                                                                 const std::string& authorities) {
  const int first = FileInMemory(identity);
  const int second = FileInMemory(authorities);
  std::unique_ptr<TlsIdentity> created(new TlsIdentity(first, second));
  if (first < 0 || second < 0) return NoRoom();
  return created;
}

TlsIdentity::~TlsIdentity() {
  for (const int fd : {identity_, authorities_}) {
    if (fd >= 0) ::close(fd);
  }
}

absl::Status TlsIdentity::Replace(const std::string& identity, const std::string& authorities) {
  for (const auto& [text, place] : {std::pair(&identity, identity_), std::pair(&authorities, authorities_)}) {
    const int fresh = FileInMemory(*text);
    if (fresh < 0) return NoRoom();
    // The whole of it at once, under the same path.
    const bool is_done = ::dup3(fresh, place, O_CLOEXEC) >= 0;
    ::close(fresh);
    if (!is_done) return NoRoom();
  }
  return absl::OkStatus();
}

std::shared_ptr<grpc::ServerCredentials> TlsIdentity::Credentials(const Gate& gate) const {
  grpc::experimental::TlsServerCredentialsOptions options(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(WayTo(identity_), WayTo(identity_),
                                                                           WayTo(authorities_), kLookSeconds));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.set_check_call_host(false);
  options.set_certificate_verifier(grpc::experimental::ExternalCertificateVerifier::Create<Verifier>(gate));
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace retention
