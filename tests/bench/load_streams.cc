// Streams of batches, acknowledged after fsync, and reports read beside them.
#include <grpcpp/generic/generic_stub.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <random>
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

struct MeetingName {
  std::string pbx;
  std::string meeting;
};

// Meetings whose first batch has been acknowledged. Thread-safe.
class KnownMeetings {
 public:
  void Add(MeetingName name) {
    const std::lock_guard lock(mutex_);
    names_.push_back(std::move(name));
  }
  bool Pick(std::mt19937_64& random, MeetingName* name) const {
    const std::lock_guard lock(mutex_);
    if (names_.empty()) return false;
    *name = names_[random() % names_.size()];
    return true;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<MeetingName> names_;
};

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
      names_.push_back({request.events(0).pbx_id(), request.events(0).meeting_id()});
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

  void On(const Tag& tag, bool ok, KnownMeetings& known) {
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
        if (answered_ % 8 == 0) known.Add(std::move(names_[answered_]));
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
  std::vector<MeetingName> names_;  // a meeting of each batch
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

// Asks for reports at a steady pace, whether or not the last one was answered in time: a slow answer makes the next
// ones late too, and that counts.
void AskForReports(const LoadOptions& options, const KnownMeetings& known, const std::atomic<bool>& stop,
                   std::vector<double>* milliseconds) {
  const auto stub = v1::MeetingService::NewStub(Connect(options.target));
  std::mt19937_64 random(5);
  const auto pace =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1.0 / options.reports_per_second));
  Clock::time_point due = Clock::now();
  size_t not_found = 0;
  while (!stop) {
    due += pace;
    std::this_thread::sleep_until(due);
    MeetingName name;
    if (!known.Pick(random, &name)) {
      due = Clock::now();
      continue;
    }
    v1::GetMeetingReportRequest request;
    request.set_pbx_id(name.pbx);
    request.set_meeting_id(name.meeting);
    v1::GetMeetingReportResponse response;
    grpc::ClientContext context;
    const grpc::Status status = stub->GetMeetingReport(&context, request, &response);
    if (!status.ok()) Fail("GetMeetingReport: " + status.error_message());
    if (response.report().participants_size() == 0) ++not_found;
    milliseconds->push_back(std::chrono::duration<double, std::milli>(Clock::now() - due).count());
  }
  Remark(absl::StrCat("reports: ", milliseconds->size(), " asked for, ", not_found, " without participants yet"));
}

}  // namespace

double RunStreams(const LoadOptions& options, std::vector<double>* report_milliseconds) {
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < options.streams; ++i) streams.push_back(std::make_unique<Stream>(options, i));
  grpc::CompletionQueue queue;
  for (auto& stream : streams) stream->Start(&queue);
  KnownMeetings known;
  std::atomic<bool> stop_reports = false;
  std::thread reports;
  if (report_milliseconds != nullptr) {
    reports = std::thread([&] { AskForReports(options, known, stop_reports, report_milliseconds); });
  }
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
      event.stream->On(event, ok, known);
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
  stop_reports = true;
  if (reports.joinable()) reports.join();
  for (auto& stream : streams) stream->Cancel();
  queue.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
  }
  return rate;
}

std::vector<double> ReadReports(const LoadOptions& options, int count) {
  const auto stub = v1::MeetingService::NewStub(Connect(options.target));
  std::vector<MeetingName> names;
  for (const v1::SyncPbxRequest& pbx : LoadFeed(options, 0).Pbxs()) {
    v1::ListMeetingsRequest request;
    request.set_pbx_id(pbx.pbx_id());
    request.set_page_size(200);
    grpc::ClientContext context;
    v1::ListMeetingsResponse response;
    const grpc::Status status = stub->ListMeetings(&context, request, &response);
    if (!status.ok()) Fail("ListMeetings: " + status.error_message());
    for (const v1::Meeting& meeting : response.meetings()) names.push_back({pbx.pbx_id(), meeting.meeting_id()});
  }
  std::vector<double> milliseconds;
  for (int i = 0; i < count && !names.empty(); ++i) {
    const MeetingName& name = names[static_cast<size_t>(i) * 7919 % names.size()];
    v1::GetMeetingReportRequest request;
    request.set_pbx_id(name.pbx);
    request.set_meeting_id(name.meeting);
    grpc::ClientContext context;
    v1::GetMeetingReportResponse response;
    const Stopwatch asking;
    const grpc::Status status = stub->GetMeetingReport(&context, request, &response);
    if (!status.ok()) Fail("GetMeetingReport: " + status.error_message());
    milliseconds.push_back(asking.Seconds() * 1e3);
  }
  return milliseconds;
}

}  // namespace retention
