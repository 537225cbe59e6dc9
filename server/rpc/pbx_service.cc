#include <algorithm>
#include <string>

#include "retention/v1/pbx_service.grpc.pb.h"
#include "server/base/field_violations.h"
#include "server/recording/event_intake.h"
#include "server/rpc/pbx_calls.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"

namespace retention {
namespace {

constexpr size_t kMaxRemovedNumbers = 1000;    // in an answer: more than that is for a look at the whole list
constexpr int64_t kMaxSeconds = 253402300799;  // 9999-12-31T23:59:59Z, as Timestamp has it

using PbxServiceBase = v1::PbxService::WithRawCallbackMethod_SyncPbx<
    v1::PbxService::WithRawCallbackMethod_GetPbx<v1::PbxService::WithRawCallbackMethod_ListPbxs<
        v1::PbxService::WithRawCallbackMethod_RemoveExtension<v1::PbxService::WithRawCallbackMethod_DeregisterPbx<
            v1::PbxService::WithRawCallbackMethod_ReportLicence<v1::PbxService::Service>>>>>>;

class PbxService final : public PbxServiceBase {
 public:
  explicit PbxService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* SyncPbx(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override {
    return Answer<v1::SyncPbxRequest>(backend_, backend_.workers.commands, {context, request, response},
                                      [this](auto& message) { return Sync(message); });
  }

  grpc::ServerUnaryReactor* GetPbx(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override {
    return Answer<v1::GetPbxRequest>(
        backend_, backend_.workers.reads, {context, request, response},
        [this](const auto& message) { return backend_.pbxs.GetPbx(message, backend_.Latest()); });
  }

  grpc::ServerUnaryReactor* ListPbxs(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override {
    return Answer<v1::ListPbxsRequest>(
        backend_, backend_.workers.reads, {context, request, response},
        [this](const v1::ListPbxsRequest& message, const Admission& admission) { return List(message, admission); });
  }

  grpc::ServerUnaryReactor* RemoveExtension(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override {
    return Answer<v1::RemoveExtensionRequest>(backend_, backend_.workers.commands, {context, request, response},
                                              [this](const auto& message) { return Remove(message); });
  }

  grpc::ServerUnaryReactor* DeregisterPbx(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override {
    return Answer<v1::DeregisterPbxRequest>(backend_, backend_.workers.commands, {context, request, response},
                                            [this](const auto& message) { return Deregister(message); });
  }

  grpc::ServerUnaryReactor* ReportLicence(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override {
    return Answer<v1::ReportLicenceRequest>(backend_, backend_.workers.commands, {context, request, response},
                                            [this](const auto& message) { return TakeLicence(message); });
  }

 private:
  // Of a page those that the caller may reach.
  absl::StatusOr<v1::ListPbxsResponse> List(const v1::ListPbxsRequest& request, const Admission& admission) const {
    auto page = backend_.pbxs.ListPbxs(request, backend_.Latest());
    if (!page.ok() || admission.scope == nullptr) return page;
    v1::ListPbxsResponse within;
    within.set_next_page_token(page->next_page_token());
    for (v1::Pbx& pbx : *page->mutable_pbxs()) {
      const auto reaches = Reaches(backend_, admission, pbx.pbx_id());
      if (!reaches.ok()) return reaches.status();
      if (*reaches) *within.add_pbxs() = std::move(pbx);
    }
    return within;
  }

  absl::StatusOr<v1::SyncPbxResponse> Sync(v1::SyncPbxRequest& request) const {
    FieldViolations violations;
    violations.Add(CheckIdentifier("pbx_id", request.pbx_id()));
    v1::PbxSynced synced;
    synced.set_controller_id(request.controller_id());
    synced.mutable_profile()->Swap(request.mutable_profile());
    synced.mutable_extensions()->Swap(request.mutable_extensions());
    violations.Add(CheckPbxSynced(synced, ""));
    if (!violations.ok()) return violations.status();
    const SyncMode mode = request.confirm_removals() ? SyncMode::kConfirmed : SyncMode::kGuarded;
    const auto outcome = request.validate_only() ? backend_.engine.PreviewSync(request.pbx_id(), synced, backend_.Now())
                                                 : backend_.commands.Do([&](Change& change) {
                                                     return backend_.engine.domains().pbxs.Sync(
                                                         request.pbx_id(), synced, change.now(), mode, change);
                                                   });
    if (!outcome.ok()) return outcome.status();
    if (outcome->stale) {
      return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "PBX_SYNC_STALE",
                             "an event has synchronised the PBX at a later time than now; nothing was changed");
    }
    const bool refused = outcome->needs_confirmation && !request.confirm_removals() && !request.validate_only();
    if (refused) return RemovalsUnconfirmed(kMaxUnconfirmedPercent);
    v1::SyncPbxResponse response;
    response.set_created(outcome->created);
    response.set_extensions_removed(static_cast<uint32_t>(outcome->removed.size()));
    const size_t named = std::min(outcome->removed.size(), kMaxRemovedNumbers);
    response.mutable_removed_numbers()->Assign(outcome->removed.begin(), outcome->removed.begin() + named);
    response.set_polls_erased(outcome->polls);
    response.set_pdfs_erased(outcome->pdfs);
    response.set_removals_need_confirmation(outcome->needs_confirmation);
    return response;
  }

  absl::StatusOr<v1::RemoveExtensionResponse> Remove(const v1::RemoveExtensionRequest& request) const {
    if (absl::Status status = CheckIdentifier("pbx_id", request.pbx_id()); !status.ok()) return status;
    return RemoveExtensionFor<v1::RemoveExtensionResponse>(backend_, backend_.commands, request.pbx_id(),
                                                           request.number(), kReasonExtensionRemoved);
  }

  absl::StatusOr<v1::DeregisterPbxResponse> Deregister(const v1::DeregisterPbxRequest& request) const {
    if (absl::Status status = CheckIdentifier("pbx_id", request.pbx_id()); !status.ok()) return status;
    return EndPbxFor<v1::DeregisterPbxResponse>(backend_, backend_.commands, request.pbx_id(), kReasonPbxDeregistered);
  }

  absl::StatusOr<v1::ReportLicenceResponse> TakeLicence(const v1::ReportLicenceRequest& request) const {
    FieldViolations violations;
    if (request.licence_key().empty() || request.licence_key().size() > kMaxIdentifierBytes) {
      violations.Add("licence_key", "1 to 128 bytes");
    }
    if (!request.has_valid_until()) violations.Add("valid_until", "required");
    const google::protobuf::Timestamp& until = request.valid_until();
    if (until.seconds() < 0 || until.seconds() > kMaxSeconds || until.nanos() < 0 || until.nanos() > 999'999'999) {
      violations.Add("valid_until", "an instant of the years 1970 to 9999");
    }
    if (!request.has_registered()) violations.Add("registered", "required");
    if (!request.has_active()) violations.Add("active", "required");
    if (!violations.ok()) return violations.status();
    const auto done = backend_.commands.Do([&](Change& change) {
      return backend_.engine.domains().pbxs.ReportLicence(request.licence_key(), absl::FromUnixMicros(MicrosOf(until)),
                                                          request.registered(), request.active(), change);
    });
    if (!done.ok()) return done.status();
    v1::ReportLicenceResponse response;
    response.set_pbxs(done->living);
    response.set_pbxs_ended(done->ended);
    backend_.sweep_loop.Wake();  // deletes the rows of those that ended
    return response;
  }

  const Backend& backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewPbxService(const Backend& backend) { return std::make_unique<PbxService>(backend); }

}  // namespace retention
