#include <algorithm>

#include "retention/v1/backup_service.grpc.pb.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"

namespace retention {
namespace {

using BackupServiceBase = v1::BackupService::WithRawCallbackMethod_CreateBackup<
    v1::BackupService::WithRawCallbackMethod_ListBackups<v1::BackupService::WithRawCallbackMethod_VerifyBackup<
        v1::BackupService::WithRawCallbackMethod_PruneBackup<v1::BackupService::Service>>>>;

class BackupService final : public BackupServiceBase {
 public:
  explicit BackupService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* CreateBackup(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return Reply<v1::CreateBackupRequest>({context, request, response},
                                          [this](const auto&) -> absl::StatusOr<v1::CreateBackupResponse> {
                                            const auto made = loop().Create();
                                            if (!made.ok()) return made.status();
                                            v1::CreateBackupResponse answer;
                                            Describe(*made, *answer.mutable_backup());
                                            return answer;
                                          });
  }

  grpc::ServerUnaryReactor* ListBackups(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    return Reply<v1::ListBackupsRequest>(
        {context, request, response}, [this](const auto&) -> absl::StatusOr<v1::ListBackupsResponse> {
          const auto listing = loop().List();
          if (!listing.ok()) return listing.status();
          v1::ListBackupsResponse answer;
          for (const Backup& backup : listing->backups) Describe(backup, *answer.add_backups());
          answer.mutable_damaged()->Add(listing->damaged.begin(), listing->damaged.end());
          if (const absl::Duration interval = loop().interval(); interval > absl::ZeroDuration()) {
            answer.mutable_interval()->set_seconds(absl::ToInt64Seconds(interval));
          }
          answer.mutable_longest_age()->set_seconds(absl::ToInt64Seconds(policy().backups_kept()));
          return answer;
        });
  }

  grpc::ServerUnaryReactor* VerifyBackup(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return Reply<v1::VerifyBackupRequest>(
        {context, request, response},
        [this](const v1::VerifyBackupRequest& asked) -> absl::StatusOr<v1::VerifyBackupResponse> {
          const auto verified = loop().Verify(asked.number());
          if (!verified.ok()) return verified.status();
          v1::VerifyBackupResponse answer;
          Describe(*verified, *answer.mutable_backup());
          return answer;
        });
  }

  grpc::ServerUnaryReactor* PruneBackup(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    return Reply<v1::PruneBackupRequest>(
        {context, request, response},
        [this](const v1::PruneBackupRequest& asked) -> absl::StatusOr<v1::PruneBackupResponse> {
          if (asked.number() == 0) return InvalidField("number", "required");
          if (absl::Status pruned = loop().Prune(asked.number()); !pruned.ok()) return pruned;
          return v1::PruneBackupResponse();
        });
  }

 private:
  template <typename Request, typename Handler>
  grpc::ServerUnaryReactor* Reply(const UnaryCall& call, Handler handler) {
    return Answer<Request>(backend_, backend_.workers.backups, call,
                           [this, handler = std::move(handler)](const Request& asked) -> decltype(handler(asked)) {
                             if (backend_.backup_loop == nullptr) {
                               return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "BACKUPS_OFF",
                                                      "the server was given no directory for backups");
                             }
                             return handler(asked);
                           });
  }
  BackupLoop& loop() const { return *backend_.backup_loop; }
  const Policy& policy() const { return backend_.engine.holdings().policy(); }
  void Describe(const Backup& backup, v1::Backup& answer) const {
    answer.set_number(backup.number);
    SetTime(backup.note.made_us(), *answer.mutable_create_time());
    SetTime(absl::ToUnixMicros(ExpiryOf(backup.note, policy())), *answer.mutable_expire_time());
    answer.set_size_bytes(backup.bytes);
    answer.set_files(backup.files);
    answer.set_ledger_size(backup.note.ledger_size());
    answer.set_policy_version(backup.note.policy_version());
  }

  const Backend& backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewBackupService(const Backend& backend) {
  return std::make_unique<BackupService>(backend);
}

}  // namespace retention
