// Messages in a stream of bytes: octet counting and lines, RFC 6587, section 3.4.
#ifndef RETENTION_SERVER_OPS_SYSLOG_FRAMER_H_
#define RETENTION_SERVER_OPS_SYSLOG_FRAMER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace retention {

// A frame that begins with a digit says its length; any other ends with a line feed. Holds one frame and what was read
// behind it; what was taken is wiped once there is no more to take. Not thread-safe.
class SyslogFramer {
 public:
  // Longer frames are cut: room for the longest text and the longest header (RFC 5424, section 6) before it.
  static constexpr size_t kMaxFrameBytes = 8192 + 1024;

  void Append(std::string_view bytes);
  // The next frame, if all of it is there.
  std::optional<std::string> Next();
  // At the end of the stream: a line without its line feed.
  std::optional<std::string> Finish();
  // A length that is none: nobody can tell where the next frame begins.
  bool broken() const { return broken_; }

 private:
  std::optional<std::string> TakeNext();
  std::optional<std::string> NextCounted();
  std::optional<std::string> NextLine();
  std::string_view rest() const { return std::string_view(buffer_).substr(taken_); }
  void Drop(size_t bytes) { taken_ += bytes; }
  // Of what was taken.
  void LetGo();

  std::string buffer_;
  size_t taken_ = 0;         // of the buffer
  uint64_t skip_bytes_ = 0;  // of a counted frame that was cut
  bool skip_line_ = false;   // the rest of a line that was cut
  bool broken_ = false;
};

}  // namespace retention

#endif  // RETENTION_SERVER_OPS_SYSLOG_FRAMER_H_
