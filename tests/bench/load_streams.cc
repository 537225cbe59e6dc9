// Streams of batches of events and of log lines, acknowledged after fsync, and reports.
#include <grpcpp/generic/generic_stub.h>

#include <functional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "retention/v1/event_service.pb.h"
#include "retention/v1/log_service.pb.h"
#include "retention/v1/meeting_service.grpc.pb.h"
#include "tests/bench/load_connection.h"
#include "tests/bench/load_feed.h"

namespace retention {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBatchEvents = 100;
constexpr int kUnansweredMax = 32;  // as the service allows
// What is prepared per stream and second of the run: more than any stream can take.
constexpr int kBatchesPerSecondMax = 700;
constexpr int kBatchLines = 1000;
// Lines have no identity, so that a few batches can be sent again and again.
constexpr int kLogBatches = 20;
constexpr auto kWarmUp = std::chrono::milliseconds(500);

// What a stream sends, and what it makes of the answers.
struct Traffic {
  std::string method;
  std::vector<grpc::ByteBuffer> batches;
  bool again = false;  // from the first batch on after the last
  // How many events or lines an answer acknowledges.
  std::function<uint64_t(const grpc::ByteBuffer& answer)> acknowledged;
};

Traffic EventTraffic(const LoadOptions& options, int number) {
  Traffic traffic{.method = "/retention.v1.EventService/RecordEvents"};
  MeetingFeed feed = LoadFeed(options, number);
  v1::RecordEventsRequest request;
  const double per_stream = options.batches_per_second / options.streams;
  const double rate = options.batches_per_second > 0 ? per_stream : kBatchesPerSecondMax;
  const int count = static_cast<int>((options.seconds + 2) * rate) + kUnansweredMax;
  for (int i = 0; i < count; ++i) {
    request.Clear();
    request.set_batch_id(static_cast<uint64_t>(i));
    feed.Append(kBatchEvents, request.mutable_events());
    traffic.batches.push_back(Serialized(request));
  }
  traffic.acknowledged = [response = v1::RecordEventsResponse()](const grpc::ByteBuffer& answer) mutable {
    response.Clear();
    Parse(answer, response);
    if (!response.has_result() || response.result().rejections_size() > 0) {
      Fail(absl::StrCat("a batch was not recorded: ", response.ShortDebugString()));
    }
    return response.result().accepted();
  };
  return traffic;
}

// Lines of about 130 bytes, as a portal writes them, of all four servers.
Traffic LogTraffic(int number) {
  Traffic traffic{.method = "/retention.v1.LogService/AppendLogs", .again = true};
  v1::AppendLogsRequest request;
  const int64_t first = absl::ToUnixSeconds(absl::Now()) - 3600;
  for (int i = 0; i < kLogBatches; ++i) {
    request.Clear();
    request.set_batch_id(static_cast<uint64_t>(i));
    for (int j = 0; j < kBatchLines; ++j) {
      v1::LogLine& line = *request.add_lines();
      line.set_server(static_cast<v1::LogServer>(1 + number % 4));
      line.set_severity(v1::LOG_SEVERITY_INFORMATIONAL);
      line.mutable_time()->set_seconds(first + i);
      line.mutable_time()->set_nanos(j * 1000000);
      line.set_text(absl::StrCat("GET /webmeeting/api/v1/rooms/room-", i * kBatchLines + j, "/participants 200 ",
                                 j % 97, " ms from 192.0.2.", j % 256, " agent Mozilla/5.0 (X11; Linux x86_64)"));
    }
    traffic.batches.push_back(Serialized(request));
  }
  traffic.acknowledged = [response = v1::AppendLogsResponse()](const grpc::ByteBuffer& answer) mutable {
    response.Clear();
    Parse(answer, response);
    if (response.accepted() != kBatchLines) Fail(absl::StrCat("lines were not held: ", response.ShortDebugString()));
    return response.accepted();
  };
  return traffic;
}

// One stream: writes while fewer than kUnansweredMax batches are unanswered, and reads all the time. Lives on one
// completion queue.
class Stream {
 public:
  struct Tag {
    Stream* stream;
    enum { kStart, kWrite, kRead, kFinish } what;
  };

  Stream(const LoadOptions& options, Traffic traffic) : generic_(Connect(options)), traffic_(std::move(traffic)) {}

  void Start(grpc::CompletionQueue* queue) {
    call_ = generic_.PrepareCall(&context_, traffic_.method, queue);
    call_->StartCall(&start_);
  }

  // Writes if it may. `allowed`: batches that may have been sent by now.
  void Pump(int allowed) {
    if (!started_ || writing_ || done_) return;
    if (next_ - answered_ >= kUnansweredMax || next_ >= allowed) return;
    const size_t prepared = traffic_.batches.size();
    if (!traffic_.again && next_ == static_cast<int>(prepared)) Fail("the load generator prepared too few batches");
    writing_ = true;
    call_->Write(traffic_.batches[static_cast<size_t>(next_++) % prepared], &write_);
  }

  void On(const Tag& tag, bool ok) {
    if (tag.what == Tag::kFinish) return;
    if (!ok) {
      if (!done_) {
        done_ = true;
        call_->Finish(&status_, &finish_);
      }
      return;
    }
    switch (tag.what) {
      case Tag::kStart:
        started_ = true;
        call_->Read(&answer_, &read_);
        break;
      case Tag::kWrite:
        writing_ = false;
        break;
      case Tag::kRead:
        events_ += traffic_.acknowledged(answer_);
        ++answered_;
        call_->Read(&answer_, &read_);
        break;
      default:
        break;
    }
  }

  void Cancel() { context_.TryCancel(); }
  bool done() const { return done_; }
  uint64_t events() const { return events_; }
  const grpc::Status& status() const { return status_; }

 private:
  grpc::GenericStub generic_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  Traffic traffic_;
  Tag start_{this, Tag::kStart};
  Tag write_{this, Tag::kWrite};
  Tag read_{this, Tag::kRead};
  Tag finish_{this, Tag::kFinish};
  grpc::ByteBuffer answer_;
  grpc::Status status_;
  bool started_ = false;
  bool writing_ = false;
  bool done_ = false;
  int next_ = 0;
  int answered_ = 0;
  uint64_t events_ = 0;
};

// Acknowledged per second by all streams together.
double MeasureStreams(const LoadOptions& options, std::vector<std::unique_ptr<Stream>> streams) {
  grpc::CompletionQueue queue;
  for (auto& stream : streams) stream->Start(&queue);
  const auto total = [&] {
    uint64_t events = 0;
    for (const auto& stream : streams) events += stream->events();
    return events;
  };
  const Clock::time_point begin = Clock::now();
  const Clock::time_point measured_from = begin + kWarmUp;
  const Clock::time_point end =
      measured_from + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds));
  uint64_t events_before = 0;
  Clock::time_point measuring = end;
  Clock::time_point now = begin;
  while (now < end) {
    void* tag = nullptr;
    bool ok = false;
    const auto wake = std::chrono::system_clock::now() + std::chrono::milliseconds(2);
    const grpc::CompletionQueue::NextStatus next = queue.AsyncNext(&tag, &ok, wake);
    if (next == grpc::CompletionQueue::GOT_EVENT) {
      const auto& event = *static_cast<Stream::Tag*>(tag);
      event.stream->On(event, ok);
    }
    now = Clock::now();
    const double share = options.batches_per_second / options.streams;
    const int allowed = options.batches_per_second > 0
                            ? static_cast<int>(std::chrono::duration<double>(now - begin).count() * share)
                            : INT32_MAX;
    for (auto& stream : streams) {
      stream->Pump(allowed);
      if (stream->done()) Fail("a stream ended");
    }
    if (measuring == end && now >= measured_from) {
      measuring = now;
      events_before = total();
    }
  }
  const double rate =
      static_cast<double>(total() - events_before) / std::chrono::duration<double>(now - measuring).count();
  for (auto& stream : streams) stream->Cancel();
  queue.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
  }
  return rate;
}

}  // namespace

double RunStreams(const LoadOptions& options) {
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < options.streams; ++i) {
    streams.push_back(std::make_unique<Stream>(options, EventTraffic(options, i)));
  }
  return MeasureStreams(options, std::move(streams));
}

double RunLogStreams(const LoadOptions& options) {
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < options.streams; ++i) streams.push_back(std::make_unique<Stream>(options, LogTraffic(i)));
  return MeasureStreams(options, std::move(streams));
}

std::vector<double> ReadReports(const LoadOptions& options) {
  const auto stub = v1::MeetingService::NewStub(Connect(options));
  std::vector<v1::GetMeetingReportRequest> requests;
  for (const v1::SyncPbxRequest& pbx : LoadFeed(options, 0).Pbxs()) {
    v1::ListMeetingsRequest request;
    request.set_pbx_id(pbx.pbx_id());
    request.set_page_size(200);
    grpc::ClientContext context;
    v1::ListMeetingsResponse response;
    const grpc::Status status = stub->ListMeetings(&context, request, &response);
    if (!status.ok()) Fail("ListMeetings: " + status.error_message());
    for (const v1::Meeting& meeting : response.meetings()) {
      requests.emplace_back().set_pbx_id(pbx.pbx_id());
      requests.back().set_meeting_id(meeting.meeting_id());
    }
  }
  if (requests.empty()) Fail("the server lists no meetings");
  std::vector<double> milliseconds;
  const auto pace =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1.0 / options.reports_per_second));
  Clock::time_point due = Clock::now();
  const Clock::time_point end =
      due + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds));
  for (size_t i = 0; due < end; ++i) {
    due += pace;
    // Late because of the last answer: that counts. Late because this process had no processor: that does not.
    const bool in_time = Clock::now() <= due;
    std::this_thread::sleep_until(due);
    const Clock::time_point asked = in_time ? Clock::now() : due;
    grpc::ClientContext context;
    v1::GetMeetingReportResponse response;
    const grpc::Status status = stub->GetMeetingReport(&context, requests[i * 7919 % requests.size()], &response);
    if (!status.ok()) Fail("GetMeetingReport: " + status.error_message());
    milliseconds.push_back(std::chrono::duration<double, std::milli>(Clock::now() - asked).count());
  }
  return milliseconds;
}

}  // namespace retention
