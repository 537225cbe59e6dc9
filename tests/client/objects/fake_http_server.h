// An HTTP server on loopback that answers as a test tells it to.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace retention {

class FakeHttpServer {
 public:
  // The status line and headers for a request's head ("GET /path HTTP/1.1\r\n..."), each line with "\r\n"; empty for
  // silence until the client gives up. Called on the server's thread, one at a time.
  using Script = std::function<std::string(const std::string& head)>;

  explicit FakeHttpServer(Script script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), length);
    ::listen(listener_, SOMAXCONN);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    stop_ = ::eventfd(0, EFD_CLOEXEC);
    thread_ = std::thread([this] { Serve(); });
  }
  ~FakeHttpServer() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(stop_, &one, sizeof(one));
    thread_.join();
    ::close(listener_);
    ::close(stop_);
  }

  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // First lines of what was asked, without the protocol: "HEAD /bucket".
  std::vector<std::string> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void Serve() {
    for (;;) {
      pollfd polled[] = {{listener_, POLLIN, 0}, {stop_, POLLIN, 0}};
      ::poll(polled, 2, -1);
      if (polled[1].revents != 0) return;
      const int connection = ::accept(listener_, nullptr, nullptr);
      Answer(connection);
      ::close(connection);
    }
  }

  void Answer(int connection) {
    std::string head;
    char bytes[4096];
    while (head.find("\r\n\r\n") == std::string::npos) {
      const ssize_t size = ::read(connection, bytes, sizeof(bytes));
      if (size <= 0) return;
      head.append(bytes, static_cast<size_t>(size));
    }
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(head.substr(0, head.find(" HTTP/")));
    }
    const std::string lines = script_(head);
    if (lines.empty()) {
      [[maybe_unused]] const ssize_t size = ::read(connection, bytes, sizeof(bytes));
      return;
    }
    const std::string answer = "HTTP/1.1 " + lines + "Content-Length: 0\r\nConnection: close\r\n\r\n";
    [[maybe_unused]] const ssize_t size = ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
  }

  const Script script_;
  int listener_ = -1;
  int stop_ = -1;
  int port_ = 0;
  std::mutex mutex_;
  std::vector<std::string> requests_;  // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace retention
