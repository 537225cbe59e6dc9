// Streams of batches, acknowledged after fsync, and reports.
#include <grpcpp/generic/generic_stub.h>

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "retention/v1/event_service.pb.h"
#include "retention/v1/meeting_service.grpc.pb.h"
#include "tests/bench/load_connection.h"
#include "tests/bench/load_feed.h"

namespace retention {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBatchEvents = 100;
constexpr int kUnansweredMax = 16;  // as the service allows
// What is prepared per stream and second of the run: more than any stream can take.
constexpr int kBatchesPerSecondMax = 700;
constexpr auto kWarmUp = std::chrono::milliseconds(500);

// One stream: writes while fewer than 16 batches are unanswered, and reads all the time. Lives on one completion queue.
class Stream {
 public:
  struct Tag {
    Stream* stream;
    enum { kStart, kWrite, kRead, kFinish } what;
  };

  Stream(const LoadOptions& options, int number) : generic_(Connect(options.target)) {
    MeetingFeed feed = LoadFeed(options, number);
    v1::RecordEventsRequest request;
    const double per_stream = options.batches_per_second / options.streams;
    const double rate = options.batches_per_second > 0 ? per_stream : kBatchesPerSecondMax;
    const int count = static_cast<int>((options.seconds + 2) * rate) + kUnansweredMax;
    for (int i = 0; i < count; ++i) {
      request.Clear();
      request.set_batch_id(static_cast<uint64_t>(i));
      feed.Append(kBatchEvents, request.mutable_events());
      batches_.push_back(Serialized(request));
    }
  }

  void Start(grpc::CompletionQueue* queue) {
    call_ = generic_.PrepareCall(&context_, "/retention.v1.EventService/RecordEvents", queue);
    call_->StartCall(&start_);
  }

  // Writes if it may. `allowed`: batches that may have been sent by now.
  void Pump(int allowed) {
    if (!started_ || writing_ || done_) return;
    if (next_ - answered_ >= kUnansweredMax || next_ >= allowed) return;
    if (next_ == static_cast<int>(batches_.size())) Fail("the load generator prepared too few batches");
    writing_ = true;
    call_->Write(batches_[next_++], &write_);
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
      case Tag::kRead: {
        response_.Clear();
        Parse(answer_, response_);
        if (!response_.has_result() || response_.result().rejections_size() > 0) {
          Fail(absl::StrCat("a batch was not recorded: ", response_.ShortDebugString()));
        }
        events_ += response_.result().accepted();
        ++answered_;
        call_->Read(&answer_, &read_);
        break;
      }
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
  std::vector<grpc::ByteBuffer> batches_;
  Tag start_{this, Tag::kStart};
  Tag write_{this, Tag::kWrite};
  Tag read_{this, Tag::kRead};
  Tag finish_{this, Tag::kFinish};
  grpc::ByteBuffer answer_;
  v1::RecordEventsResponse response_;
  grpc::Status status_;
  bool started_ = false;
  bool writing_ = false;
  bool done_ = false;
  int next_ = 0;
  int answered_ = 0;
  uint64_t events_ = 0;
};

}  // namespace

double RunStreams(const LoadOptions& options) {
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < options.streams; ++i) streams.push_back(std::make_unique<Stream>(options, i));
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

std::vector<double> ReadReports(const LoadOptions& options) {
  const auto stub = v1::MeetingService::NewStub(Connect(options.target));
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
