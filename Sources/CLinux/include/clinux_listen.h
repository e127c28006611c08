// A TCP listener for scanners and the print feed. Every function returns -errno on failure.
#ifndef CLINUX_LISTEN_H
#define CLINUX_LISTEN_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// Listens on an address in digits, IPv4 or IPv6; close-on-exec and non-blocking. -EINVAL for any other text.
static inline int clinux_listen_tcp(const char *address, uint16_t port) {
  struct sockaddr_in version4;
  struct sockaddr_in6 version6;
  memset(&version4, 0, sizeof version4);
  memset(&version6, 0, sizeof version6);
  version4.sin_family = AF_INET;
  version4.sin_port = htons(port);
  version6.sin6_family = AF_INET6;
  version6.sin6_port = htons(port);
  int is4 = inet_pton(AF_INET, address, &version4.sin_addr) == 1;
  if (!is4 && inet_pton(AF_INET6, address, &version6.sin6_addr) != 1) return -EINVAL;
  int descriptor = socket(is4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return -errno;
  int on = 1;
  const struct sockaddr *local = is4 ? (const struct sockaddr *)&version4 : (const struct sockaddr *)&version6;
  socklen_t length = is4 ? sizeof version4 : sizeof version6;
  if (setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0
      || bind(descriptor, local, length) < 0 || listen(descriptor, 8) < 0) {
    int code = -errno;
    close(descriptor);
    return code;
  }
  return descriptor;
}

// Finds a dead peer within 10 s though nothing is sent: 4 s idle, then 3 probes 2 s apart. Fails on a Unix socket, whose
// peer cannot die unseen.
static inline int clinux_listen_keep_alive(int descriptor) {
  int on = 1, idle = 4, interval = 2, count = 3;
  if (setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0
      || setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) < 0
      || setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval) < 0
      || setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count) < 0)
    return -errno;
  return 0;
}

#endif
