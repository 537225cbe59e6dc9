#include "server/ops/syslog_sink.h"

#include <utility>

#include "server/ops/syslog_message.h"

namespace retention {
namespace {

using Steady = std::chrono::steady_clock;

constexpr int64_t kMicrosPerSecond = 1000000;

void SetTime(absl::Time time, google::protobuf::Timestamp& timestamp) {
  const int64_t us = absl::ToUnixMicros(time);
  const int64_t seconds = us / kMicrosPerSecond - (us % kMicrosPerSecond < 0 ? 1 : 0);
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(static_cast<int32_t>(us - seconds * kMicrosPerSecond) * 1000);
}

// To clear them would keep the lines, and what they said, to be used again.
using Lines = google::protobuf::RepeatedPtrField<v1::LogLine>;

}  // namespace

SyslogSink::SyslogSink(Committer& committer, Metrics& metrics, std::function<void()> wake)
    : committer_(committer), metrics_(metrics), wake_(std::move(wake)) {}

SyslogSink::~SyslogSink() {
  if (!flying_) return;
  const MutexLock lock(mutex_);
  AwaitOutcome();
}

void SyslogSink::Take(std::string_view raw) {
  auto message = ParseSyslog(raw);
  if (!message.has_value()) return metrics_.CountLogLines(0, IsRfc3164(raw) ? "rfc3164" : "malformed", 1);
  const int server = static_cast<int>(message->server);
  if (server == 0) return metrics_.CountLogLines(0, "unknown_server", 1);
  if (!HasRoom()) return metrics_.CountLogLines(server, "dropped", 1);
  if (message->cut) metrics_.CountLogLines(server, "cut", 1);
  v1::LogLine& line = *lines_.Add();
  line.set_server(message->server);
  line.set_severity(message->severity);
  SetTime(message->time.value_or(committer_.Now()), *line.mutable_time());
  line.set_text(std::move(message->text));
  bytes_ += line.text().size();
}

void SyslogSink::AwaitOutcome() {
  landed_.Await(mutex_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return outcome_.has_value(); });
}

bool SyslogSink::Land() {
  const MutexLock lock(mutex_);
  if (!flying_ || !outcome_.has_value()) return flying_;
  flying_ = false;
  if (outcome_->ok()) {
    metrics_.CountLogBatch(batch_);
    Lines().Swap(&sent_);
  } else {
    try_again_ = Steady::now() + absl::ToChronoMicroseconds(Committer::kRetryDelay);
  }
  return false;
}

void SyslogSink::Send() {
  if (sent_.empty()) {
    sent_.Swap(&lines_);
    bytes_ = 0;
  }
  batch_ = LineBatch{};
  batch_.lines = &sent_;
  {
    const MutexLock lock(mutex_);
    outcome_.reset();
  }
  batch_.done = [this](const absl::Status& status) {
    const MutexLock lock(mutex_);
    outcome_ = status;
    landed_.NotifyOne();
    wake_();  // under the mutex: this may end once the outcome is known
  };
  absl::Status status = batch_.Prepare(committer_.Now());
  if (status.ok()) status = committer_.Submit(&batch_, sent_.SpaceUsedExcludingSelfLong());
  flying_ = status.ok();
  if (!flying_) try_again_ = Steady::now() + absl::ToChronoMicroseconds(Committer::kRetryDelay);
}

std::optional<Steady::time_point> SyslogSink::Proceed() {
  if (Land()) return std::nullopt;
  if (sent_.empty() && lines_.empty()) return std::nullopt;
  if (!sent_.empty() && Steady::now() < try_again_) return try_again_;
  Send();
  if (flying_) return std::nullopt;
  return try_again_;
}

void SyslogSink::Finish() {
  // What is on its way, and what waits behind it.
  for (int batches = 0; batches < 3 && (flying_ || !sent_.empty() || !lines_.empty()); ++batches) {
    if (!flying_) Send();
    if (!flying_) break;
    {
      const MutexLock lock(mutex_);
      AwaitOutcome();
    }
    Land();
  }
  Drop(sent_);
  Drop(lines_);
  sent_.Clear();
  lines_.Clear();
}

void SyslogSink::Drop(const google::protobuf::RepeatedPtrField<v1::LogLine>& lines) {
  for (const v1::LogLine& line : lines) metrics_.CountLogLines(line.server(), "dropped", 1);
}

}  // namespace retention
