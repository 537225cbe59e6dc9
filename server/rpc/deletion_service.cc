#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "retention/v1/deletion_service.grpc.pb.h"
#include "server/base/field_checks.h"
#include "server/base/field_violations.h"
#include "server/holds/hold_names.h"
#include "server/rows/object_rows.h"
#include "server/rpc/pbx_calls.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"

namespace retention {
namespace {

using DeletionServiceBase = v1::DeletionService::WithRawCallbackMethod_DeletePbx<
    v1::DeletionService::WithRawCallbackMethod_DeleteExtension<v1::DeletionService::WithRawCallbackMethod_DeleteMeeting<
        v1::DeletionService::WithRawCallbackMethod_DeleteObject<v1::DeletionService::WithRawCallbackMethod_DeletePoll<
            v1::DeletionService::WithRawCallbackMethod_PreviewErasure<v1::DeletionService::Service>>>>>>;

// The ledger's word: OPERATOR_ and the reason's name.
absl::StatusOr<std::string> WordOf(v1::DeletionReason reason) {
  if (reason == v1::DELETION_REASON_UNSPECIFIED || !v1::DeletionReason_IsValid(reason)) {
    return InvalidField("reason", "required: one of the DELETION_REASON_ values");
  }
  const std::string name = v1::DeletionReason_Name(reason);
  return absl::StrCat("OPERATOR_", absl::StripPrefix(name, "DELETION_REASON_"));
}

class DeletionService final : public DeletionServiceBase {
 public:
  explicit DeletionService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* DeletePbx(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override {
    return Delete<v1::DeletePbxRequest>({context, request, response});
  }
  grpc::ServerUnaryReactor* DeleteExtension(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override {
    return Delete<v1::DeleteExtensionRequest>({context, request, response});
  }
  grpc::ServerUnaryReactor* DeleteMeeting(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override {
    return Delete<v1::DeleteMeetingRequest>({context, request, response});
  }
  grpc::ServerUnaryReactor* DeleteObject(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return Delete<v1::DeleteObjectRequest>({context, request, response});
  }
  grpc::ServerUnaryReactor* DeletePoll(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return Delete<v1::DeletePollRequest>({context, request, response});
  }

  grpc::ServerUnaryReactor* PreviewErasure(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override {
    return Answer<v1::PreviewErasureRequest>(
        backend_, backend_.workers.commands, {context, request, response},
        [this](const auto& message) { return backend_.engine.PreviewErasure(message, backend_.Now()); });
  }

 private:
  // Every deletion names a PBX and a reason.
  template <typename Request>
  grpc::ServerUnaryReactor* Delete(const UnaryCall& call) {
    return Answer<Request>(backend_, backend_.workers.commands, call, [this](const Request& message) {
      using Response = decltype(Execute(message, std::string_view(), backend_.commands));
      FieldViolations violations;
      violations.Add(CheckIdentifier("pbx_id", message.pbx_id()));
      const auto reason = WordOf(message.reason());
      violations.Add(reason.status());
      CheckRest(message, violations);
      if (!violations.ok()) return Response(violations.status());
      // Who asked is told which holds keep some of it.
      KeptByChanges kept(*reason);
      const Commands commands = backend_.commands.Showing([&kept](const Change& change) { kept.Take(change); });
      auto response = Execute(message, *reason, commands);
      if (response.ok()) {
        *response->mutable_holds() = kept.Keepers(*backend_.engine.store().Snapshot(), backend_.engine.holdings(),
                                                  backend_.engine.holds(), backend_.Now());
      }
      return response;
    });
  }

  // What a request names beside these.
  static void CheckRest(const v1::DeletePbxRequest& /*request*/, FieldViolations& /*violations*/) {}
  static void CheckRest(const v1::DeleteExtensionRequest& request, FieldViolations& violations) {
    violations.Add(CheckExtensionNumber("number", request.number()));
  }
  static void CheckRest(const v1::DeleteMeetingRequest& request, FieldViolations& violations) {
    violations.Add(CheckIdentifier("meeting_id", request.meeting_id()));
  }
  static void CheckRest(const v1::DeleteObjectRequest& request, FieldViolations& violations) {
    violations.Add(CheckIdentifier("meeting_id", request.meeting_id()));
    violations.Add(CheckIdentifier("object_id", request.object_id()));
    const int category = request.category();
    if (category < 0 || category >= static_cast<int>(kCategories) || !IsObject(static_cast<CategoryNumber>(category))) {
      violations.Add("category", "RECORDING, PDF_SHARE or FILE_SHARE");
    }
  }
  static void CheckRest(const v1::DeletePollRequest& request, FieldViolations& violations) {
    violations.Add(CheckIdentifier("poll_id", request.poll_id()));
  }

  absl::StatusOr<v1::DeletePbxResponse> Execute(const v1::DeletePbxRequest& request, std::string_view reason,
                                                const Commands& commands) const {
    return EndPbxFor<v1::DeletePbxResponse>(backend_, commands, request.pbx_id(), reason);
  }

  absl::StatusOr<v1::DeleteExtensionResponse> Execute(const v1::DeleteExtensionRequest& request,
                                                      std::string_view reason, const Commands& commands) const {
    return RemoveExtensionFor<v1::DeleteExtensionResponse>(backend_, commands, request.pbx_id(), request.number(),
                                                           reason);
  }

  absl::StatusOr<v1::DeleteMeetingResponse> Execute(const v1::DeleteMeetingRequest& request, std::string_view reason,
                                                    const Commands& commands) const {
    const auto erased =
        EraseMeeting(backend_.engine.domains().recorder, commands, request.pbx_id(), request.meeting_id(), reason);
    if (!erased.ok()) return erased.status();
    v1::DeleteMeetingResponse response;
    ForEachCount(erased->values, [&](v1::DataCategory category, uint64_t values) {
      v1::ErasedCount& count = *response.add_erased();
      count.set_category(category);
      count.set_values(values);
    });
    response.set_unreadable_rows(erased->unread.rows);
    response.set_unreadable_objects(erased->unread.objects);
    return response;
  }

  absl::StatusOr<v1::DeleteObjectResponse> Execute(const v1::DeleteObjectRequest& request, std::string_view reason,
                                                   const Commands& commands) const {
    absl::Status status =
        EraseObject(backend_.engine.domains().recorder, commands, request.pbx_id(), request.meeting_id(),
                    static_cast<CategoryNumber>(request.category()), request.object_id(), reason);
    if (!status.ok()) return status;
    return v1::DeleteObjectResponse();
  }

  absl::StatusOr<v1::DeletePollResponse> Execute(const v1::DeletePollRequest& request, std::string_view reason,
                                                 const Commands& commands) const {
    absl::Status status = commands.Do([&](Change& change) {
      return backend_.engine.domains().recorder.DeletePoll(request.pbx_id(), request.poll_id(), reason, change);
    });
    if (!status.ok()) return status;
    return v1::DeletePollResponse();
  }

  const Backend& backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewDeletionService(const Backend& backend) {
  return std::make_unique<DeletionService>(backend);
}

}  // namespace retention
