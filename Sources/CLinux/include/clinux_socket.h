// Unix sockets with what Swift cannot say: control messages are built by macros (CMSG_FIRSTHDR,
// CMSG_SPACE), and struct ucred and accept4 need _GNU_SOURCE, which is too late to define here once another
// header of this module has been read. Every function returns -errno on failure.
#ifndef CLINUX_SOCKET_H
#define CLINUX_SOCKET_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

// A new Unix stream socket, close-on-exec and non-blocking.
static inline int clinux_socket_unix(void) {
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return descriptor < 0 ? -errno : descriptor;
}

static inline int clinux_socket_address(const char *path, struct sockaddr_un *address) {
  size_t length = strlen(path);
  if (length == 0) return -ENOENT;
  if (length >= sizeof address->sun_path) return -ENAMETOOLONG;
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, path, length);
  return 0;
}

static inline int clinux_socket_bind(int descriptor, const char *path) {
  struct sockaddr_un address;
  int code = clinux_socket_address(path, &address);
  if (code < 0) return code;
  return bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
}

// Connects; a non-blocking socket whose listener has a full queue gives -EAGAIN.
static inline int clinux_socket_connect(int descriptor, const char *path) {
  struct sockaddr_un address;
  int code = clinux_socket_address(path, &address);
  if (code < 0) return code;
  return connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
}

// Connects and waits at most so long for room in the listener's queue (-EAGAIN after that).
static inline int clinux_socket_connect_within(int descriptor, const char *path, int milliseconds) {
  struct timeval limit = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
  if (setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0) return -errno;
  int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0 || fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) < 0) return -errno;
  int code = clinux_socket_connect(descriptor, path);
  if (fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0 && code == 0) code = -errno;
  return code;
}

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

static inline int clinux_socket_listen(int descriptor, int backlog) {
  return listen(descriptor, backlog) < 0 ? -errno : 0;
}

// The next connection, close-on-exec and non-blocking.
static inline int clinux_socket_accept(int descriptor) {
  int connection =
      (int)syscall(SYS_accept4, descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  return connection < 0 ? -errno : connection;
}

// The kernel's struct ucred (unix(7), SO_PEERCRED).
struct clinux_credentials {
  int32_t pid;
  uint32_t uid;
  uint32_t gid;
};
_Static_assert(sizeof(struct clinux_credentials) == 12, "three words, as the kernel has them");

// Who connected: as of the moment of connect, told by the kernel.
static inline int clinux_socket_peer(int descriptor, uint32_t *uid, uint32_t *gid, int32_t *pid) {
  struct clinux_credentials credentials;
  socklen_t length = sizeof credentials;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return -errno;
  *uid = credentials.uid;
  *gid = credentials.gid;
  *pid = credentials.pid;
  return 0;
}

// Sends without a signal; `passed` >= 0 travels beside the first byte.
static inline ssize_t clinux_socket_send(int descriptor, const void *bytes, size_t count, int passed) {
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  if (passed >= 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = &control;
    message.msg_controllen = sizeof control.space;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &passed, sizeof(int));
  }
  ssize_t sent = sendmsg(descriptor, &message, MSG_NOSIGNAL);
  return sent < 0 ? -errno : sent;
}

// Receives bytes, 0 at the end. The first passed descriptor goes to *passed, otherwise -1; *surplus says
// how many more came: those are closed here, or were by the kernel (then it counts one).
static inline ssize_t clinux_socket_receive(
    int descriptor, void *bytes, size_t count, int *passed, int *surplus) {
  struct iovec part = {.iov_base = bytes, .iov_len = count};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(4 * sizeof(int))];
  } control;
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof control.space};
  *passed = -1;
  *surplus = 0;
  ssize_t received = recvmsg(descriptor, &message, MSG_CMSG_CLOEXEC);
  if (received < 0) return -errno;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t descriptors = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t index = 0; index < descriptors; index++) {
      int one;
      memcpy(&one, CMSG_DATA(header) + index * sizeof(int), sizeof(int));
      if (*passed < 0) {
        *passed = one;
      } else {
        close(one);
        *surplus += 1;
      }
    }
  }
  if (message.msg_flags & MSG_CTRUNC) *surplus += 1;
  return received;
}

// Waits until one of two descriptors can be read (bit 0, bit 1) or the first be written (bit 2, only if
// asked); the second may be -1. 0 after the timeout in milliseconds; -1 waits for good. A closed peer counts as readable.
static inline int clinux_socket_wait(int first, int second, int writing, int milliseconds) {
  struct pollfd descriptors[2] = {{.fd = first, .events = (short)(POLLIN | (writing ? POLLOUT : 0))},
                                  {.fd = second, .events = POLLIN}};
  int ready = poll(descriptors, 2, milliseconds);
  if (ready < 0) return -errno;
  return (descriptors[0].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL) ? 1 : 0)
         | (descriptors[1].revents ? 2 : 0) | (descriptors[0].revents & POLLOUT ? 4 : 0);
}

// 1 when the peer has closed altogether, 0 when it has only ended its own sending or not even that.
static inline int clinux_socket_peer_gone(int descriptor) {
  struct pollfd one = {.fd = descriptor, .events = 0};
  int ready = poll(&one, 1, 0);
  if (ready < 0) return -errno;
  return one.revents & (POLLHUP | POLLERR | POLLNVAL) ? 1 : 0;
}

// Ends both directions at once, whoever else holds the descriptor.
static inline void clinux_socket_shut(int descriptor) { shutdown(descriptor, SHUT_RDWR); }

// A duplicate that is closed on exec.
static inline int clinux_duplicate(int descriptor) {
  int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
  return copy < 0 ? -errno : copy;
}

// Opens /dev/null as a descriptor to fall back on when all others are used up.
static inline int clinux_spare_descriptor(void) {
  int spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
  return spare < 0 ? -errno : spare;
}

// What stands at a path, without following a link: 0 nothing, 1 a socket, 2 something else.
static inline int clinux_path_kind(const char *path, uint64_t *device, uint64_t *inode) {
  struct stat status;
  if (lstat(path, &status) < 0) return errno == ENOENT ? 0 : -errno;
  *device = status.st_dev;
  *inode = status.st_ino;
  return S_ISSOCK(status.st_mode) ? 1 : 2;
}

// Whether a descriptor is a regular file: 1 yes, 0 no.
static inline int clinux_is_regular_file(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) < 0) return -errno;
  return S_ISREG(status.st_mode) ? 1 : 0;
}

// Whether a descriptor was opened for what it is to be used for: 1 yes, 0 no. One that only names a file (O_PATH) is for
// neither.
static inline int clinux_is_open_for(int descriptor, int writing) {
  int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0) return -errno;
  // O_PATH, whose public name needs _GNU_SOURCE.
  if (flags & __O_PATH) return 0;
  int mode = flags & O_ACCMODE;
  return mode == O_RDWR || mode == (writing ? O_WRONLY : O_RDONLY) ? 1 : 0;
}

// Opens a file for reading without waiting (a FIFO would) and without making it a controlling terminal.
static inline int clinux_open_for_reading(const char *path) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  return descriptor < 0 ? -errno : descriptor;
}

#endif
