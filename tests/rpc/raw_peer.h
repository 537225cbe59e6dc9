// A peer that speaks what it likes: a socket of one's own, for what no gRPC library would send.
#ifndef RETENTION_TESTS_RPC_RAW_PEER_H_
#define RETENTION_TESTS_RPC_RAW_PEER_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace retention {

class RawPeer {
 public:
  // A socket that is not connected yet.
  RawPeer();
  // Connected to "127.0.0.1:PORT".
  explicit RawPeer(const std::string& address) : RawPeer() { Connect(address); }
  RawPeer(RawPeer&& other) noexcept;
  RawPeer& operator=(RawPeer&& other) noexcept;
  ~RawPeer();

  void Connect(const std::string& address);
  // False once the server has hung up.
  bool Send(std::string_view bytes);
  // Whether the server has hung up, as far as is known by now. Reads nothing.
  bool IsClosed() const;
  // Reads until the server has said `text`; fails the test if it hangs up before. `heard`: all that was read.
  void AwaitText(std::string_view text, std::string* heard = nullptr);
  // Reads until the server hangs up.
  void AwaitEnd();

 private:
  int fd_;
};

// Frames of HTTP/2 (RFC 9113).
std::string Preface();
std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload);
// The headers of a call, as frame of stream `stream`; HPACK without compression. `encoding`: of its messages, as
// "gzip".
std::string CallHeaders(uint32_t stream, const std::string& method, const std::string& encoding = "");
// A message of gRPC of `size` bytes, of which only `bytes` are sent.
std::string MessageBegin(uint32_t size, std::string_view bytes);
// A message of gRPC that is so many zeros once it is inflated.
std::string MessageOfZeros(size_t inflated);

// Resident memory of this process, in bytes.
size_t ResidentBytes();
// The most that were resident since ForgetPeak.
size_t PeakBytes();
void ForgetPeak();

}  // namespace retention

#endif  // RETENTION_TESTS_RPC_RAW_PEER_H_
