// A connection that answers as a test tells it to, without a network.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/connection.h"
#include "client/retry.h"
#include "client/status_details.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "retention/v1/erasure_order_service.pb.h"
#include "retention/v1/event.pb.h"
#include "retention/v1/event_service.pb.h"
#include "retention/v1/log_service.pb.h"
#include "retention/v1/meeting_service.pb.h"
#include "retention/v1/statistics_service.pb.h"

namespace retention {

// An error as a server sends it.
inline absl::Status RichError(absl::StatusCode code, const std::string& reason, absl::Duration retry_delay = {},
                              const std::string& field = "") {
  google::rpc::Status rich;
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  rich.add_details()->PackFrom(info);
  if (retry_delay != absl::ZeroDuration()) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(absl::ToInt64Seconds(retry_delay));
    rich.add_details()->PackFrom(retry);
  }
  if (!field.empty()) {
    google::rpc::BadRequest bad;
    auto* violation = bad.add_field_violations();
    violation->set_field(field);
    violation->set_description("is wrong");
    rich.add_details()->PackFrom(bad);
  }
  return StatusWithDetails(code, "it failed", rich.SerializeAsString());
}

// What one stream does with the batches it gets: called for each, it puts answers into `answers`; false breaks the
// stream with `end`.
struct FakeStreamScript {
  std::function<bool(const v1::RecordEventsRequest&, std::vector<v1::RecordEventsResponse>* answers)> on_batch;
  absl::Status end = absl::OkStatus();
};

class FakeRecordEventsCall final : public RecordEventsCall {
 public:
  explicit FakeRecordEventsCall(FakeStreamScript script) : script_(std::move(script)) {}

  bool Write(const v1::RecordEventsRequest& batch) override {
    std::lock_guard lock(mutex_);
    if (ended_) return false;
    std::vector<v1::RecordEventsResponse> answers;
    ended_ = !script_.on_batch(batch, &answers);
    answers_.insert(answers_.end(), answers.begin(), answers.end());
    changed_.notify_all();
    return !ended_;
  }
  bool Read(v1::RecordEventsResponse* answer) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_ || !answers_.empty(); });
    if (answers_.empty()) return false;
    *answer = answers_.front();
    answers_.pop_front();
    return true;
  }
  void WritesDone() override { End(absl::OkStatus()); }
  absl::Status Finish() override { return script_.end; }
  void Cancel() override { End(absl::CancelledError()); }

 private:
  void End(absl::Status status) {
    std::lock_guard lock(mutex_);
    if (!ended_) script_.end = std::move(status);
    ended_ = true;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  FakeStreamScript script_;
  std::deque<v1::RecordEventsResponse> answers_;
  bool ended_ = false;
};

inline v1::RecordEventsResponse AcceptAll(const v1::RecordEventsRequest& batch) {
  v1::RecordEventsResponse answer;
  answer.set_batch_id(batch.batch_id());
  answer.mutable_result()->set_accepted(batch.events_size());
  return answer;
}

// What one watch yields, and how it ends; without an end it is as one that the caller cancelled.
template <typename Message>
struct FakeWatchOf {
  std::deque<Message> messages;
  absl::Status end = absl::CancelledError();
};
using FakeWatchScript = FakeWatchOf<v1::WatchErasureOrdersResponse>;
using FakeReportWatchScript = FakeWatchOf<v1::WatchReportsResponse>;
using FakeExportScript = FakeWatchOf<v1::ExportStatisticsResponse>;

template <typename Message>
class FakeWatchCall final : public WatchCall<Message> {
 public:
  // Plays the next of `scripts`; after them, a watch yields nothing.
  explicit FakeWatchCall(std::deque<FakeWatchOf<Message>>& scripts) {
    if (scripts.empty()) return;
    script_ = scripts.front();
    scripts.pop_front();
  }

  bool Read(Message* message) override {
    if (script_.messages.empty()) return false;
    *message = script_.messages.front();
    script_.messages.pop_front();
    return true;
  }
  absl::Status Finish() override { return script_.end; }
  void Cancel() override { script_.messages.clear(); }

 private:
  FakeWatchOf<Message> script_;
};

// What one stream of log lines does: answers a batch, or ends with an error.
using FakeLogScript = std::function<absl::StatusOr<v1::AppendLogsResponse>(const v1::AppendLogsRequest&)>;

class FakeAppendLogsCall final : public AppendLogsCall {
 public:
  explicit FakeAppendLogsCall(FakeLogScript script) : script_(std::move(script)) {}
  bool Write(const v1::AppendLogsRequest& batch) override {
    answer_ = script_(batch);
    return answer_.ok();
  }
  bool Read(v1::AppendLogsResponse* answer) override {
    if (answer_.ok()) *answer = *answer_;
    return answer_.ok();
  }
  void WritesDone() override {}
  absl::Status Finish() override { return answer_.status(); }
  void Cancel() override {}

 private:
  FakeLogScript script_;
  absl::StatusOr<v1::AppendLogsResponse> answer_ = absl::CancelledError();
};

class FakeConnection final : public Connection {
 public:
  using Handler = std::function<absl::Status(const google::protobuf::Message&, google::protobuf::Message*)>;

  absl::Status Call(const std::string& method, const google::protobuf::Message& request,
                    google::protobuf::Message* response, absl::Duration timeout) override {
    calls.push_back(method);
    timeouts.push_back(timeout);
    if (!failures.empty()) {
      const absl::Status failure = failures.front();
      failures.pop_front();
      return failure;
    }
    const auto handler = handlers.find(method.substr(method.rfind('/') + 1));
    if (handler == handlers.end()) return absl::UnimplementedError("no handler");
    return handler->second(request, response);
  }

  std::unique_ptr<RecordEventsCall> RecordEvents() override {
    ++streams_opened;
    if (streams.empty()) {
      return std::make_unique<FakeRecordEventsCall>(FakeStreamScript{[this](const auto& batch, auto* answers) {
        for (const auto& event : batch.events()) events.push_back(event);
        answers->push_back(AcceptAll(batch));
        return true;
      }});
    }
    FakeStreamScript script = streams.front();
    streams.pop_front();
    return std::make_unique<FakeRecordEventsCall>(std::move(script));
  }

  std::unique_ptr<WatchErasureOrdersCall> WatchErasureOrders(const v1::WatchErasureOrdersRequest& request) override {
    watch_requests.push_back(request);
    return std::make_unique<FakeWatchCall<v1::WatchErasureOrdersResponse>>(watches);
  }
  std::unique_ptr<WatchReportsCall> WatchReports(const v1::WatchReportsRequest& request) override {
    report_watch_requests.push_back(request);
    return std::make_unique<FakeWatchCall<v1::WatchReportsResponse>>(report_watches);
  }

  std::unique_ptr<ExportStatisticsCall> ExportStatistics(const v1::ExportStatisticsRequest& request) override {
    export_requests.push_back(request);
    return std::make_unique<FakeWatchCall<v1::ExportStatisticsResponse>>(exports);
  }

  std::unique_ptr<AppendLogsCall> AppendLogs() override {
    ++streams_opened;
    return std::make_unique<FakeAppendLogsCall>(log_script);
  }

  // Answers `method` ("GetPbx") with `answer`.
  template <typename Response>
  void Answer(const std::string& method, const Response& answer) {
    handlers[method] = [answer](const google::protobuf::Message&, google::protobuf::Message* response) {
      response->CopyFrom(answer);
      return absl::OkStatus();
    };
  }

  std::map<std::string, Handler> handlers;
  std::deque<absl::Status> failures;     // Of the next calls.
  std::deque<FakeStreamScript> streams;  // The next streams; after them, streams accept everything.
  std::deque<FakeWatchScript> watches;   // The next watches.
  std::vector<v1::WatchErasureOrdersRequest> watch_requests;
  std::deque<FakeReportWatchScript> report_watches;
  std::vector<v1::WatchReportsRequest> report_watch_requests;
  std::deque<FakeExportScript> exports;  // The next exports.
  std::vector<v1::ExportStatisticsRequest> export_requests;
  FakeLogScript log_script;  // Of every stream of log lines.
  std::vector<std::string> calls;
  std::vector<absl::Duration> timeouts;
  std::vector<v1::Event> events;  // Taken in by streams without a script.
  int streams_opened = 0;
};

// A policy that notes its waits in `waits` instead of waiting, and always jitters the same way.
inline RetryPolicy NotedRetries(std::vector<absl::Duration>* waits, double jitter = 1.0) {
  RetryPolicy policy;
  policy.sleep = [waits](absl::Duration delay) { waits->push_back(delay); };
  policy.jitter = [jitter] { return jitter; };
  return policy;
}

}  // namespace retention
