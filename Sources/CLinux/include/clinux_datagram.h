// Unix datagram sockets, for journald's native protocol. Every function returns -errno on failure: errno read later
// from Swift may be another call's.
#ifndef CLINUX_DATAGRAM_H
#define CLINUX_DATAGRAM_H

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "clinux_socket.h"

// A new Unix datagram socket, close-on-exec, whose sends wait at most so long for room.
static inline int clinux_datagram_socket(int milliseconds) {
  int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -errno;
  struct timeval limit = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
  if (setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0) {
    int code = -errno;
    close(descriptor);
    return code;
  }
  return descriptor;
}

// Sends one datagram to the socket at a path, without a signal; without waiting at all if `waits` is 0.
static inline int clinux_datagram_send(
    int descriptor, const char *path, const void *bytes, size_t count, int waits) {
  struct sockaddr_un address;
  int code = clinux_socket_address(path, &address);
  if (code < 0) return code;
  int flags = MSG_NOSIGNAL | (waits ? 0 : MSG_DONTWAIT);
  ssize_t sent =
      sendto(descriptor, bytes, count, flags, (struct sockaddr *)&address, sizeof address);
  return sent < 0 ? -errno : 0;
}

#endif
