// Whatever lies in a file of another platform: what is taken from it is taken alike each time, is accepted by the
// server, and what is left out has its line named. FUZZ_IMPORT_FORMAT: which of the formats.
#include <sstream>
#include <string>

#include "client/importers/meeting_import.h"
#include "server/recording/event_intake.h"
#include "tests/fuzz/fuzz_input.h"

namespace retention {
namespace {

std::string Import(std::string_view text, ImportedEvents& imported) {
  std::istringstream input{std::string(text)};
  for (const ImportFormat& format : ImportFormats()) {
    if (format.name != FUZZ_IMPORT_FORMAT) continue;
    ImportOptions options;
    options.owner_extension = "100";
    options.protocolled = true;
    auto events = format.import(input, options);
    if (!events.ok()) return std::string(events.status().message());
    imported = *std::move(events);
    return "";
  }
  MustHold(false, "there is such a format");
  return "";
}

}  // namespace
}  // namespace retention

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const retention::FuzzInput input(bytes, size);
  retention::ImportedEvents first;
  retention::ImportedEvents second;
  const std::string refused = retention::Import(input.rest(), first);
  retention::MustHold(retention::IsOneLine(refused), "a refusal is one line");
  retention::MustHold(retention::Import(input.rest(), second) == refused, "a file is refused alike each time");
  retention::MustHold(first.events.size() == second.events.size(), "as many events each time");
  // By the end of the times that an event can have: what is still to come is no fault of an importer.
  const absl::Time now = absl::FromUnixSeconds(253402300799);
  for (size_t i = 0; i < first.events.size(); ++i) {
    retention::MustHold(first.events[i].SerializeAsString() == second.events[i].SerializeAsString(),
                        "the same events each time");
    if (const auto rejection = retention::CheckEvent(first.events[i], now); rejection.has_value()) {
      std::fprintf(stderr, "%s: %s\n", rejection->field().c_str(), rejection->description().c_str());
      retention::MustHold(false, "what is imported is accepted");
    }
  }
  int line = 0;
  for (const retention::LeftOutLine& left_out : first.left_out) {
    retention::MustHold(left_out.line >= line && !left_out.reason.empty(), "what is left out has its line and reason");
    retention::MustHold(retention::IsOneLine(left_out.field) && retention::IsOneLine(left_out.reason),
                        "a reason is one line");
    line = left_out.line;
  }
  return 0;
}
