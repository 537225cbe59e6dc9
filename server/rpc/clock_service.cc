#include "retention/v1/clock_service.grpc.pb.h"
#include "server/rpc/services.h"
#include "server/rpc/unary.h"
#include "server/rpc/watch_courier.h"

namespace retention {
namespace {

using ClockServiceBase = v1::ClockService::WithRawCallbackMethod_GetClock<
    v1::ClockService::WithRawCallbackMethod_AdvanceClock<v1::ClockService::Service>>;

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

void SetNow(const Clock& clock, google::protobuf::Timestamp& time) {
  const int64_t now_us = absl::ToUnixMicros(clock.Now());
  time.set_seconds(now_us / 1000000);
  time.set_nanos(static_cast<int32_t>(now_us % 1000000) * 1000);
}

class ClockService final : public ClockServiceBase {
 public:
  explicit ClockService(const Backend& backend) : backend_(backend), clock_(*backend.simulated_clock) {}

  grpc::ServerUnaryReactor* GetClock(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override {
    return Answer<v1::GetClockRequest>(backend_.workers.reads, {context, request, response},
                                       [this](const auto&) -> absl::StatusOr<v1::GetClockResponse> {
                                         v1::GetClockResponse answer;
                                         SetNow(clock_, *answer.mutable_now());
                                         return answer;
                                       });
  }

  grpc::ServerUnaryReactor* AdvanceClock(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return Answer<v1::AdvanceClockRequest>(backend_.workers.reads, {context, request, response},
                                           [this](const auto& message) { return Advance(message); });
  }

 private:
  absl::StatusOr<v1::AdvanceClockResponse> Advance(const v1::AdvanceClockRequest& request) {
    absl::Time to;
    if (request.has_to()) {
      if (!WellFormed(request.to())) return InvalidField("to", "not a time since 1970");
      to = absl::UnixEpoch() + SinceZero(request.to());
    } else if (request.has_by()) {
      if (!WellFormed(request.by())) return InvalidField("by", "0 or more");
      to = clock_.Now() + SinceZero(request.by());
    } else {
      return InvalidField("target", "required: `to` or `by`");
    }
    if (absl::Status status = clock_.AdvanceTo(to); !status.ok()) return status;
    backend_.sweep_loop.Wake();
    backend_.order_courier.Wake();
    backend_.report_courier.Wake();
    if (backend_.dns_loop != nullptr) backend_.dns_loop->Wake();
    v1::AdvanceClockResponse response;
    SetNow(clock_, *response.mutable_now());
    return response;
  }

  const Backend& backend_;
  SimulatedClock& clock_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewClockService(const Backend& backend) {
  return std::make_unique<ClockService>(backend);
}

}  // namespace retention
