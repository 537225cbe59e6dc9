#include <algorithm>

#include "retention/v1/ring_service.grpc.pb.h"
#include "server/base/errors.h"
#include "server/base/field_checks.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"

namespace retention {
namespace {

using RingServiceBase =
    v1::RingService::WithRawCallbackMethod_GetRingStatus<v1::RingService::WithRawCallbackMethod_RotateRingRoot<
        v1::RingService::WithRawCallbackMethod_VerifyRing<v1::RingService::Service>>>;

v1::RingRootKind KindOf(RootKind kind) {
  switch (kind) {
    case RootKind::kNone:
      return v1::RING_ROOT_KIND_NONE;
    case RootKind::kFile:
      return v1::RING_ROOT_KIND_FILE;
    case RootKind::kPkcs11:
      return v1::RING_ROOT_KIND_PKCS11;
    case RootKind::kTpm:
      return v1::RING_ROOT_KIND_TPM;
  }
  return v1::RING_ROOT_KIND_UNSPECIFIED;
}

v1::GetRingStatusResponse Describe(const RingStatus& status) {
  v1::GetRingStatusResponse response;
  response.set_generation(status.generation);
  response.set_replicas(static_cast<uint32_t>(status.replicas_stale.size()));
  response.set_stale_replicas(
      static_cast<uint32_t>(std::count(status.replicas_stale.begin(), status.replicas_stale.end(), true)));
  response.set_entries_lost(status.entries_lost);
  response.set_pages_untouched(status.pages_untouched);
  response.set_pages_opened(status.pages_opened);
  response.set_owners(status.owners);
  response.set_size_bytes(status.bytes);
  if (status.destroyed_through != DueDay::None()) {
    const absl::CivilDay day = status.destroyed_through.civil();
    response.mutable_destroyed_through()->set_year(static_cast<int32_t>(day.year()));
    response.mutable_destroyed_through()->set_month(day.month());
    response.mutable_destroyed_through()->set_day(day.day());
  }
  response.set_wrapped(status.is_wrapped);
  response.set_root(KindOf(status.root));
  if (status.root_changed != absl::UnixEpoch())
    SetTime(absl::ToUnixMicros(status.root_changed), *response.mutable_root_change_time());
  response.set_erased_since_root_change(status.erased_since_root);
  if (status.root_due_since.has_value())
    SetTime(absl::ToUnixMicros(*status.root_due_since), *response.mutable_root_overdue_since());
  return response;
}

v1::VerifyRingResponse Describe(const RingVerification& found) {
  v1::VerifyRingResponse response;
  response.set_sound(found.is_sound());
  response.set_units(found.units);
  response.set_entries(found.entries);
  response.set_owners_in_opened_pages(found.owners);
  response.set_differing(found.differing);
  response.set_lost(found.lost);
  for (const ReplicaVerification& replica : found.replicas) {
    v1::RingReplicaCheck& check = *response.add_replicas();
    check.set_stale(replica.is_stale);
    check.set_unreadable(!replica.is_stale && !replica.is_readable);
    check.set_damaged(replica.damaged);
  }
  return response;
}

// A full disk has its reason from its code.
absl::Status WithRootReason(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) return status;
  const bool is_unusable = absl::IsFailedPrecondition(status);
  return ErrorWithReason(is_unusable ? absl::StatusCode::kFailedPrecondition : absl::StatusCode::kUnavailable,
                         is_unusable ? "ROOT_UNUSABLE" : "ROOT_UNAVAILABLE", std::string(status.message()));
}

class RingService final : public RingServiceBase {
 public:
  explicit RingService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* GetRingStatus(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override {
    return Answer<v1::GetRingStatusRequest>(
        backend_, backend_.workers.reads, {context, request, response},
        [this](const auto&) -> absl::StatusOr<v1::GetRingStatusResponse> { return Describe(ring().status()); });
  }

  grpc::ServerUnaryReactor* RotateRingRoot(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override {
    return Answer<v1::RotateRingRootRequest>(backend_, backend_.workers.sweeps, {context, request, response},
                                             [this](const auto&) -> absl::StatusOr<v1::RotateRingRootResponse> {
                                               if (ring().status().root == RootKind::kNone) {
                                                 return ErrorWithReason(absl::StatusCode::kFailedPrecondition,
                                                                        "ROOT_MISSING",
                                                                        "the key ring has no root that can be changed");
                                               }
                                               const absl::Time now = backend_.Now();
                                               if (absl::Status s = ring().ChangeRoot(now); !s.ok())
                                                 return WithRootReason(s);
                                               v1::RotateRingRootResponse answer;
                                               SetTime(absl::ToUnixMicros(now), *answer.mutable_root_change_time());
                                               return answer;
                                             });
  }

  grpc::ServerUnaryReactor* VerifyRing(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return Answer<v1::VerifyRingRequest>(backend_, backend_.workers.sweeps, {context, request, response},
                                         [this](const auto&) -> absl::StatusOr<v1::VerifyRingResponse> {
                                           const auto found = ring().Verify();
                                           if (!found.ok()) return found.status();
                                           return Describe(*found);
                                         });
  }

 private:
  KeyRing& ring() const { return backend_.engine.holdings().ring; }

  const Backend& backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewRingService(const Backend& backend) { return std::make_unique<RingService>(backend); }

}  // namespace retention
