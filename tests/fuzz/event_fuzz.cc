// Whatever bytes a caller sends as an event: the check never crashes, is deterministic, and never repeats a value.
#include <google/protobuf/stubs/logging.h>

#include <cstdlib>

#include "server/recording/event_intake.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  // It says of each text that is not UTF-8 that it is none.
  [[maybe_unused]] static auto* const former = google::protobuf::SetLogHandler(nullptr);
  retention::v1::Event event;
  if (!event.ParseFromArray(bytes, static_cast<int>(size))) return 0;
  const absl::Time now = absl::FromUnixSeconds(1772445600);
  const auto first = retention::CheckEvent(event, now);
  const auto second = retention::CheckEvent(event, now);
  if (first.has_value() != second.has_value()) std::abort();
  if (!first.has_value()) return 0;
  if (first->SerializeAsString() != second->SerializeAsString()) std::abort();
  const std::string& email = event.participant_joined().email();
  if (email.size() >= 8 && first->description().find(email) != std::string::npos) std::abort();
  return 0;
}
