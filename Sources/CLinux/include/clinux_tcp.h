// TCP clients that never wait without a bound. Every function returns -errno on failure, where Swift could read errno
// only after someone else has set it.
#ifndef CLINUX_TCP_H
#define CLINUX_TCP_H

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// One address, IPv4 or IPv6, with its port.
struct clinux_tcp_address {
  uint32_t length;
  union {
    struct sockaddr general;
    struct sockaddr_in version4;
    struct sockaddr_in6 version6;
  } socket_address;
};

// Finds at most `capacity` addresses for a host; the count of them, or a negative EAI number (for gai_strerror).
// With `numeric` it only reads an address written in digits and returns at once; otherwise it may block for long.
static inline int clinux_tcp_resolve(
    const char *host, const char *port, int numeric, struct clinux_tcp_address *addresses, int capacity) {
  struct addrinfo hints;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (numeric ? AI_NUMERICHOST : AI_ADDRCONFIG);
  struct addrinfo *found = NULL;
  int error = getaddrinfo(host, port, &hints, &found);
  if (error != 0) return error < 0 ? error : -error;
  int count = 0;
  for (struct addrinfo *one = found; one != NULL && count < capacity; one = one->ai_next) {
    if (one->ai_addrlen > sizeof addresses[count].socket_address) continue;
    addresses[count].length = one->ai_addrlen;
    memcpy(&addresses[count].socket_address, one->ai_addr, one->ai_addrlen);
    count++;
  }
  freeaddrinfo(found);
  return count > 0 ? count : EAI_NONAME;
}

// Begins to connect; a non-blocking descriptor below `limit`, close-on-exec, without delay and with keepalive.
// It becomes writable when the connection stands or has failed; clinux_tcp_connected tells which.
static inline int clinux_tcp_connect(const struct clinux_tcp_address *address, int limit) {
  int descriptor = socket(
      address->socket_address.general.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return -errno;
  if (descriptor >= limit) {
    close(descriptor);
    return -EMFILE;
  }
  int on = 1;
  // A cable that is out shows within 10 s even where nothing is sent: 4 s idle, then 3 probes 2 s apart.
  int idle = 4, interval = 2, count = 3;
  if (setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0
      || setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0
      || setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) < 0
      || setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval) < 0
      || setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count) < 0
      || (connect(descriptor, &address->socket_address.general, address->length) < 0
          && errno != EINPROGRESS)) {
    int error = errno;
    close(descriptor);
    return -error;
  }
  return descriptor;
}

// How the connecting ended: 0 it stands, or the negative error of it.
static inline int clinux_tcp_connected(int descriptor) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -errno;
  return -error;
}

// Whether whoever is at the other end of a connection has this address, whatever its port: 1 yes, 0 no.
static inline int clinux_tcp_peer_is(int descriptor, const struct clinux_tcp_address *address) {
  struct clinux_tcp_address peer;
  socklen_t length = sizeof peer.socket_address;
  if (getpeername(descriptor, &peer.socket_address.general, &length) < 0) return -errno;
  if (peer.socket_address.general.sa_family != address->socket_address.general.sa_family) return 0;
  if (peer.socket_address.general.sa_family == AF_INET6)
    return memcmp(
               &peer.socket_address.version6.sin6_addr, &address->socket_address.version6.sin6_addr,
               sizeof peer.socket_address.version6.sin6_addr)
        == 0;
  return peer.socket_address.version4.sin_addr.s_addr == address->socket_address.version4.sin_addr.s_addr;
}

// Sends a few bytes at once or not at all: what finds no room is an error (-EAGAIN), and without a signal where nobody
// reads any more.
static inline int clinux_tcp_send(int descriptor, const void *bytes, size_t count) {
  ssize_t sent = send(descriptor, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent < 0 ? -errno : (size_t)sent == count ? 0 : -EAGAIN;
}

#endif
