#include "server/rpc/listening.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace retention {
namespace {

constexpr int kPortMax = 65535;

absl::Status NotAnAddress(const std::string& text, const char* what) {
  return absl::InvalidArgumentError(absl::StrCat(text, ": ", what));
}

absl::Status NotToBeHad(const std::string& flag, const std::string& address, int error, const char* remedy) {
  return absl::UnavailableError(
      absl::StrCat(flag, " ", address, ": ", std::strerror(error), " (errno ", error, "): ", remedy));
}

absl::Status ProbeUnix(const std::string& flag, const ListenAddress& address) {
  struct stat info {};
  if (::lstat(address.unix_path.c_str(), &info) != 0) {
    if (errno != ENOENT) return NotToBeHad(flag, address.text, errno, "choose a path that the server can reach");
    const size_t slash = address.unix_path.rfind('/');
    const std::string directory = slash == 0 ? "/" : address.unix_path.substr(0, slash);
    if (::access(directory.c_str(), W_OK | X_OK) == 0) return absl::OkStatus();
    return NotToBeHad(flag, address.text, errno, "make its directory, and let the server write in it");
  }
  if (!S_ISSOCK(info.st_mode))
    return NotToBeHad(flag, address.text, EEXIST, "something else lies there: choose another");
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return NotToBeHad(flag, address.text, errno, "raise the limit on descriptors");
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  address.unix_path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  const bool answers = ::connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0;
  ::close(fd);
  if (answers)
    return NotToBeHad(flag, address.text, EADDRINUSE, "another process has it: stop that, or choose another");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& text) {
  ListenAddress address{.text = text};
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "unix:")) {
    if (!absl::StartsWith(rest, "/") || rest.size() >= sizeof(sockaddr_un::sun_path) || rest.back() == '/') {
      return NotAnAddress(text, "a Unix socket is unix:/PATH, of 107 bytes at most");
    }
    address.unix_path = std::string(rest);
    return address;
  }
  const size_t colon = rest.rfind(':');
  if (colon == absl::string_view::npos || colon == 0) {
    return NotAnAddress(text, "an address is HOST:PORT or unix:/PATH");
  }
  absl::string_view host = rest.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[") != absl::ConsumeSuffix(&host, "]") || host.empty()) {
    return NotAnAddress(text, "an address of IPv6 is [ADDRESS]:PORT");
  }
  const absl::string_view port = rest.substr(colon + 1);
  const bool is_number = !port.empty() && port.find_first_not_of("0123456789") == absl::string_view::npos;
  if (!is_number || !absl::SimpleAtoi(port, &address.port) || address.port > kPortMax) {
    return NotAnAddress(text, "a port is 0 to 65535");
  }
  address.host = std::string(host);
  in_addr four{};
  const bool is_ipv4 = ::inet_pton(AF_INET, address.host.c_str(), &four) == 1;
  address.is_loopback =
      address.host == "localhost" || address.host == "::1" || (is_ipv4 && (ntohl(four.s_addr) >> 24) == 127);
  if (host.find(':') != absl::string_view::npos && rest.front() != '[') {
    return NotAnAddress(text, "an address of IPv6 is [ADDRESS]:PORT");
  }
  return address;
}

absl::Status ProbeAddress(const std::string& flag, const ListenAddress& address, Probed transport) {
  const int type = transport == Probed::kTcp ? SOCK_STREAM : SOCK_DGRAM;
  if (address.is_unix()) return ProbeUnix(flag, address);
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = type;
  wanted.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &wanted, &found);
      error != 0) {
    return absl::UnavailableError(
        absl::StrCat(flag, " ", address.text, ": ", ::gai_strerror(error), ": give an address of this machine"));
  }
  absl::Status status;
  for (const addrinfo* one = found; one != nullptr && status.ok(); one = one->ai_next) {
    const int fd = ::socket(one->ai_family, type | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;  // a family that this machine has not
    const int yes = 1;
    if (type == SOCK_STREAM) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    const bool is_bound = ::bind(fd, one->ai_addr, one->ai_addrlen) == 0;
    if (!is_bound || (type == SOCK_STREAM && ::listen(fd, 1) != 0)) {
      const int error = errno;
      const bool is_taken = error == EADDRINUSE;
      const bool is_forbidden = error == EACCES;
      // A name that has an address of IPv6 where the machine has none.
      if (!(error == EADDRNOTAVAIL && found->ai_next != nullptr)) {
        status = NotToBeHad(flag, address.text, error,
                            is_taken       ? "another process has the port: stop that, or choose another"
                            : is_forbidden ? "ports below 1024 need CAP_NET_BIND_SERVICE: choose another"
                                           : "give an address of this machine");
      }
    }
    ::close(fd);
  }
  ::freeaddrinfo(found);
  return status;
}

}  // namespace retention
