// Callers that send one event at a time.
#include <grpcpp/generic/generic_stub.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "retention/v1/event_service.pb.h"
#include "tests/bench/load_connection.h"
#include "tests/bench/load_feed.h"

namespace retention {
namespace {

// What is prepared per caller and second of the run.
constexpr int kCallsPerSecondMax = 1500;
constexpr double kWarmUpSeconds = 0.5;
// Callers share connections, as those of a portal's process do.
constexpr int kConnections = 4;

// One after the other, each with the events of its own meetings in their order.
class Caller {
 public:
  Caller(const LoadOptions& options, int number, std::shared_ptr<grpc::Channel> channel)
      : generic_(std::move(channel)) {
    MeetingFeed feed = LoadFeed(options, number);
    v1::BatchRecordEventsRequest request;
    const int count = static_cast<int>((options.seconds + 2) * kCallsPerSecondMax);
    for (int i = 0; i < count; ++i) {
      request.Clear();
      feed.Append(1, request.mutable_events());
      requests_.push_back(Serialized(request));
    }
  }

  void Call(grpc::CompletionQueue* queue) {
    if (next_ == requests_.size()) Fail("the load generator prepared too few calls");
    context_ = std::make_unique<grpc::ClientContext>();
    call_ = generic_.PrepareUnaryCall(context_.get(), "/retention.v1.EventService/BatchRecordEvents",
                                      requests_[next_++], queue);
    call_->StartCall();
    call_->Finish(&answer_, &status_, this);
  }

  // The events that the answer says were recorded.
  uint32_t Accepted() {
    if (!status_.ok()) Fail("BatchRecordEvents: " + status_.error_message());
    Parse(answer_, response_);
    if (response_.result().rejections_size() > 0) {
      Fail(absl::StrCat("an event was rejected: ", response_.ShortDebugString()));
    }
    return response_.result().accepted();
  }

 private:
  grpc::GenericStub generic_;
  std::vector<grpc::ByteBuffer> requests_;
  size_t next_ = 0;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> call_;
  grpc::ByteBuffer answer_;
  v1::BatchRecordEventsResponse response_;
  grpc::Status status_;
};

}  // namespace

double RunUnary(const LoadOptions& options) {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < kConnections; ++i) channels.push_back(Connect(options));
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < options.callers; ++i) {
    callers.push_back(std::make_unique<Caller>(options, i, channels[static_cast<size_t>(i) % channels.size()]));
  }
  grpc::CompletionQueue queue;
  for (auto& caller : callers) caller->Call(&queue);
  const Stopwatch running;
  uint64_t events = 0;
  uint64_t events_before = 0;
  double measured_from = 0;
  size_t in_flight = callers.size();
  double rate = 0;
  void* tag = nullptr;
  bool ok = false;
  while (in_flight > 0 && queue.Next(&tag, &ok)) {
    --in_flight;
    Caller& caller = *static_cast<Caller*>(tag);
    events += caller.Accepted();
    const double now = running.Seconds();
    if (measured_from == 0 && now >= kWarmUpSeconds) {
      measured_from = now;
      events_before = events;
    }
    if (now >= kWarmUpSeconds + options.seconds) {
      if (rate == 0) rate = static_cast<double>(events - events_before) / (now - measured_from);
      continue;
    }
    caller.Call(&queue);
    ++in_flight;
  }
  queue.Shutdown();
  return rate;
}

}  // namespace retention
