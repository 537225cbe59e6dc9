#include "retention/v1/clock_service.grpc.pb.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"
#include "server/rpc/watch_courier.h"

namespace retention {
namespace {

using ClockServiceBase =
    v1::ClockService::WithRawCallbackMethod_GetClock<v1::ClockService::WithRawCallbackMethod_AdvanceClock<
        v1::ClockService::WithRawCallbackMethod_ConfirmClock<v1::ClockService::Service>>>;

// google.protobuf.Timestamp and Duration: beyond these bounds a value is malformed.
constexpr int64_t kSecondsMax = 253402300799;  // 9999-12-31T23:59:59Z
constexpr int32_t kNanosMax = 999999999;

template <typename Point>
bool WellFormed(const Point& point) {
  return point.seconds() >= 0 && point.seconds() <= kSecondsMax && point.nanos() >= 0 && point.nanos() <= kNanosMax;
}

template <typename Point>
absl::Duration SinceZero(const Point& point) {
  return absl::Seconds(point.seconds()) + absl::Nanoseconds(point.nanos());
}

void TellTime(absl::Time time, google::protobuf::Timestamp& told) { SetTime(absl::ToUnixMicros(time), told); }

absl::Time InstantOf(const google::protobuf::Timestamp& time) { return absl::UnixEpoch() + SinceZero(time); }

class ClockService final : public ClockServiceBase {
 public:
  explicit ClockService(const Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* GetClock(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override {
    return Answer<v1::GetClockRequest>(
        backend_, backend_.workers.reads, {context, request, response},
        [this](const auto&) -> absl::StatusOr<v1::GetClockResponse> { return Describe(); });
  }

  grpc::ServerUnaryReactor* AdvanceClock(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return Answer<v1::AdvanceClockRequest>(backend_, backend_.workers.reads, {context, request, response},
                                           [this](const auto& message) { return Advance(message); });
  }

  grpc::ServerUnaryReactor* ConfirmClock(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return Answer<v1::ConfirmClockRequest>(backend_, backend_.workers.sweeps, {context, request, response},
                                           [this](const auto& message) { return Confirm(message); });
  }

 private:
  v1::GetClockResponse Describe() const {
    v1::GetClockResponse answer;
    if (backend_.guarded_clock == nullptr) {
      answer.set_kind(v1::CLOCK_KIND_SIMULATED);
      TellTime(backend_.clock.Now(), *answer.mutable_now());
      *answer.mutable_machine_time() = answer.now();
      return answer;
    }
    const GuardedClock::Reading reading = backend_.guarded_clock->Read();
    answer.set_kind(v1::CLOCK_KIND_MACHINE);
    TellTime(reading.now, *answer.mutable_now());
    TellTime(reading.machine, *answer.mutable_machine_time());
    answer.set_is_vouched_for(reading.is_vouched_for);
    answer.set_waits_for_confirmation(reading.waits_for_confirmation);
    return answer;
  }

  absl::StatusOr<v1::AdvanceClockResponse> Advance(const v1::AdvanceClockRequest& request) {
    if (backend_.simulated_clock == nullptr) {
      return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "CLOCK_NOT_SIMULATED",
                             "the server runs on the machine's clock, which nobody advances");
    }
    SimulatedClock& clock = *backend_.simulated_clock;
    absl::Time to;
    if (request.has_to()) {
      if (!WellFormed(request.to())) return InvalidField("to", "not a time since 1970");
      to = InstantOf(request.to());
    } else if (request.has_by()) {
      if (!WellFormed(request.by())) return InvalidField("by", "0 or more");
      to = clock.Now() + SinceZero(request.by());
    } else {
      return InvalidField("target", "required: `to` or `by`");
    }
    if (absl::Status status = clock.AdvanceTo(to); !status.ok()) return status;
    // What is done from now on is done by it: a start must not go back before that.
    const absl::Status kept = backend_.keep_clock();
    backend_.sweep_loop.Wake();
    backend_.order_courier.Wake();
    backend_.report_courier.Wake();
    if (backend_.dns_loop != nullptr) backend_.dns_loop->Wake();
    if (!kept.ok()) {
      return absl::UnavailableError(
          "the clock was moved, and a restart may not know that: the key ring's volume cannot remember it");
    }
    v1::AdvanceClockResponse response;
    TellTime(clock.Now(), *response.mutable_now());
    return response;
  }

  absl::StatusOr<v1::ConfirmClockResponse> Confirm(const v1::ConfirmClockRequest& request) {
    if (!request.has_instant()) return InvalidField("instant", "required");
    if (!WellFormed(request.instant())) return InvalidField("instant", "not a time since 1970");
    if (backend_.guarded_clock == nullptr) {
      return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "CLOCK_SIMULATED",
                             "the server runs on a simulated clock: advance it");
    }
    v1::ConfirmClockResponse response;
    TellTime(backend_.clock.Now(), *response.mutable_previous());
    if (absl::Status s = backend_.guarded_clock->Confirm(InstantOf(request.instant())); !s.ok()) return s;
    // Enters it, and does what is due. One that fails is reported, and tried again.
    backend_.sweep_loop.RunOnce(/*scrub_now=*/false).status().IgnoreError();
    TellTime(backend_.clock.Now(), *response.mutable_now());
    return response;
  }

  const Backend& backend_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewClockService(const Backend& backend) {
  return std::make_unique<ClockService>(backend);
}

}  // namespace retention
