// Sends events for a command: over an EventStream, with progress, and with what became of them said at the end.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "client/commands/command_session.h"
#include "client/event_stream.h"
#include "retention/v1/event.pb.h"
#include "retention/v1/event_service.pb.h"

namespace retention {

// For one thread. Rejections are said on stderr, at most kRejectionsShown of them, and counted.
class EventUpload {
 public:
  static constexpr int kRejectionsShown = 20;

  // `place` says where the event with a number (counted from 0) came from, as "events.jsonl:12". It is called on
  // another thread, but never after Finish.
  EventUpload(CommandSession& session, std::function<std::string(uint64_t)> place);

  // After an error, nothing more is sent.
  absl::Status Add(v1::Event event);

  // Waits until everything so far is answered.
  absl::Status Drain();

  // Waits for all answers, prints the totals, and fails the session if there was an error or a rejection.
  // `malformed`: lines that were not sent at all.
  void Finish(uint64_t malformed = 0);

 private:
  void TakeAnswer(const BatchAnswer& answer);
  void PrintTotals(const EventStream::Totals& totals, uint64_t malformed);

  CommandSession& session_;
  const std::function<std::string(uint64_t)> place_;
  std::mutex mutex_;
  std::map<v1::RejectionReason, uint64_t> rejections_;
  std::deque<std::string> shown_;
  uint64_t sent_ = 0;
  absl::Status status_;
  EventStream stream_;  // Last: its thread uses the rest.
};

}  // namespace retention
