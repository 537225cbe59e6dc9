#include "server/rpc/tcp_received.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

namespace retention {

uint64_t BytesReceived(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  // Kernels before 4.1 do not count them.
  return size < offsetof(tcp_info, tcpi_bytes_received) + sizeof(info.tcpi_bytes_received) ? 0
                                                                                           : info.tcpi_bytes_received;
}

}  // namespace retention
