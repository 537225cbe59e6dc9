#include "tests/rpc/raw_peer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <fstream>
#include <utility>

namespace retention {

RawPeer::RawPeer() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) { EXPECT_GE(fd_, 0); }

RawPeer::RawPeer(RawPeer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

RawPeer& RawPeer::operator=(RawPeer&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

RawPeer::~RawPeer() {
  if (fd_ >= 0) ::close(fd_);
}

void RawPeer::Connect(const std::string& address) {
  const size_t colon = address.rfind(':');
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
  EXPECT_EQ(::inet_pton(AF_INET, address.substr(0, colon).c_str(), &name.sin_addr), 1);
  EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&name), sizeof(name)), 0);
}

bool RawPeer::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool RawPeer::IsClosed() const {
  char byte = 0;
  const ssize_t got = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN);
}

void RawPeer::AwaitText(std::string_view text, std::string* given) {
  std::string own;
  std::string& heard = given == nullptr ? own : *given;
  char bytes[4096];
  while (heard.find(text) == std::string::npos) {
    const ssize_t got = ::recv(fd_, bytes, sizeof(bytes), 0);
    ASSERT_GT(got, 0) << "it was never said";
    heard.append(bytes, static_cast<size_t>(got));
  }
}

void RawPeer::AwaitEnd() {
  char bytes[4096];
  while (::recv(fd_, bytes, sizeof(bytes), 0) > 0) {
  }
}

std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string frame;
  for (const int shift : {16, 8, 0}) frame += static_cast<char>(payload.size() >> shift);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) frame += static_cast<char>(stream >> shift);
  return frame.append(payload);
}

std::string Preface() { return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(4, 0, 0, ""); }

std::string CallHeaders(uint32_t stream, const std::string& method, const std::string& encoding) {
  std::string block;
  const auto add = [&block](std::string_view name, std::string_view value) {
    block += '\0';  // literal, not indexed, with a new name
    block += static_cast<char>(name.size());
    block += name;
    block += static_cast<char>(value.size());
    block += value;
  };
  add(":method", "POST");
  add(":scheme", "http");
  add(":path", method);
  add(":authority", "test");
  add("content-type", "application/grpc");
  add("te", "trailers");
  if (!encoding.empty()) add("grpc-encoding", encoding);
  constexpr uint8_t kEndHeaders = 4;
  return Frame(1, kEndHeaders, stream, block);
}

std::string MessageBegin(uint32_t size, std::string_view bytes) {
  std::string message(1, '\0');
  for (const int shift : {24, 16, 8, 0}) message += static_cast<char>(size >> shift);
  return message.append(bytes);
}

std::string MessageOfZeros(size_t inflated) {
  constexpr int kGzip = 15 + 16;  // the largest window, and a header of gzip
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY), Z_OK);
  const std::string zeros(inflated, '\0');
  std::string body(::deflateBound(&stream, inflated), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zeros.data()));
  stream.avail_in = static_cast<uInt>(inflated);
  stream.next_out = reinterpret_cast<Bytef*>(body.data());
  stream.avail_out = static_cast<uInt>(body.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  body.resize(stream.total_out);
  ::deflateEnd(&stream);
  std::string message = MessageBegin(static_cast<uint32_t>(body.size()), body);
  message[0] = 1;  // compressed
  return message;
}

size_t PeakBytes() {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;) {
    size_t kib = 0;
    if (word == "VmHWM:" && file >> kib) return kib << 10;
  }
  ADD_FAILURE() << "the kernel does not say";
  return 0;
}

void ForgetPeak() {
  std::ofstream file("/proc/self/clear_refs");
  file << '5' << std::flush;
  EXPECT_TRUE(file.good());
}

size_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  size_t total = 0;
  size_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace retention
