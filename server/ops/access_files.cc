#include "server/ops/access_files.h"

#include <utility>

#include "server/ops/log.h"

namespace retention {

AccessFiles::AccessFiles(Paths paths, Gate& gate)
    : paths_(std::move(paths)), gate_(gate), repeater_(kInterval, [this] { Look(); }) {}

absl::StatusOr<std::unique_ptr<AccessFiles>> AccessFiles::Open(Paths paths, Gate& gate) {
  std::unique_ptr<AccessFiles> files(new AccessFiles(std::move(paths), gate));
  const MutexLock lock(files->mutex_);
  if (!files->paths_.roles.empty()) {
    auto roles = ReadRolesFile(files->paths_.roles, files->roles_text_);
    if (!roles.ok()) return roles.status();
    gate.SetRoles(*std::move(roles));
  }
  if (!files->paths_.tls.empty()) {
    auto tls = ReadTlsFiles(files->paths_.tls);
    if (!tls.ok()) return tls.status();
    files->tls_ = *std::move(tls);
    gate.SetTrust(files->tls_.trust);
  }
  return files;
}

TlsMaterial AccessFiles::tls() const {
  const MutexLock lock(mutex_);
  return tls_;
}

void AccessFiles::Start(Callbacks callbacks) {
  callbacks_ = std::move(callbacks);
  repeater_.Start();
}

void AccessFiles::Stop() { repeater_.Stop(); }

void AccessFiles::Look() {
  const MutexLock lock(mutex_);
  if (callbacks_.on_look) callbacks_.on_look();
  if (!paths_.roles.empty()) LookAtRoles();
  if (!paths_.tls.empty()) LookAtTls();
}

void AccessFiles::LookAtRoles() {
  std::string text;
  auto roles = ReadRolesFile(paths_.roles, text);
  roles_stale_.store(!roles.ok());
  if (!roles.ok()) {
    std::string failure = DescribeStatus(roles.status());
    if (failure != last_roles_failure_) {
      Log(Severity::kError, "the roles file is broken: the roles that it held before stay in force",
          {{"status", failure}});
    }
    last_roles_failure_ = std::move(failure);
    return;
  }
  last_roles_failure_.clear();
  if (text == roles_text_) return;
  roles_text_ = std::move(text);
  gate_.SetRoles(*std::move(roles));
  Log(Severity::kInfo, "other roles are in force");
  if (callbacks_.on_roles) callbacks_.on_roles();
}

void AccessFiles::LookAtTls() {
  auto tls = ReadTlsFiles(paths_.tls);
  absl::Status status = tls.status();
  if (status.ok() && tls->fingerprint != tls_.fingerprint) {
    if (callbacks_.on_tls) status = callbacks_.on_tls(*tls);
    if (status.ok()) {
      gate_.SetTrust(tls->trust);
      tls_ = *std::move(tls);
      Log(Severity::kInfo, "other certificates are in force");
    }
  }
  tls_stale_.store(!status.ok());
  std::string failure = status.ok() ? "" : DescribeStatus(status);
  if (!failure.empty() && failure != last_tls_failure_) {
    Log(Severity::kError, "files of certificates are broken: what they held before stays in force",
        {{"status", failure}});
  }
  last_tls_failure_ = std::move(failure);
}

}  // namespace retention
