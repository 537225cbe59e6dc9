// However a stream of syslog is cut into reads: the same frames, none too long. The first byte says how it is cut.
#include <string>
#include <vector>

#include "server/ops/syslog_framer.h"
#include "tests/fuzz/fuzz_input.h"

namespace retention {
namespace {

struct Framed {
  std::vector<std::string> frames;
  bool broken = false;

  bool operator==(const Framed&) const = default;
};

Framed FramesOf(std::string_view stream, size_t read_bytes) {
  SyslogFramer framer;
  Framed framed;
  const auto take = [&](std::optional<std::string> frame) {
    if (!frame.has_value()) return false;
    MustHold(frame->size() <= SyslogFramer::kMaxFrameBytes, "a frame is no longer than the longest");
    framed.frames.push_back(*std::move(frame));
    return true;
  };
  while (!stream.empty()) {
    framer.Append(stream.substr(0, read_bytes));
    stream.remove_prefix(std::min(read_bytes, stream.size()));
    while (take(framer.Next())) {
    }
  }
  take(framer.Finish());
  framed.broken = framer.broken();
  return framed;
}

}  // namespace
}  // namespace retention

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  retention::FuzzInput input(bytes, size);
  const size_t read_bytes = size_t{input.TakeByte()} + 1;
  retention::MustHold(retention::FramesOf(input.rest(), read_bytes) == retention::FramesOf(input.rest(), size + 1),
                      "frames do not depend on reads");
  return 0;
}
