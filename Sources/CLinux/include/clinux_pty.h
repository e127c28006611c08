// Pseudo-terminals. Glibc's module hides posix_openpt, unlockpt and ptsname_r from Swift, and the macro that would
// show them (_XOPEN_SOURCE) comes too late once another header has been read; so this goes by the kernel's own
// interface (pty(7), ioctl_tty(2)), which is what those functions do. Every function returns -errno on failure.
#ifndef CLINUX_PTY_H
#define CLINUX_PTY_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

// A new pseudo-terminal: its master, non-blocking and close-on-exec, and the path of its other end, unlocked.
static inline int clinux_open_pty(int *master, char *path, size_t size) {
  int descriptor = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return -errno;
  int unlocked = 0;
  unsigned int number = 0;
  if (ioctl(descriptor, TIOCSPTLCK, &unlocked) < 0 || ioctl(descriptor, TIOCGPTN, &number) < 0) {
    int code = -errno;
    close(descriptor);
    return code;
  }
  int length = snprintf(path, size, "/dev/pts/%u", number);
  if (length < 0 || (size_t)length >= size) {
    close(descriptor);
    return -ENAMETOOLONG;
  }
  *master = descriptor;
  return 0;
}

// Reads what the other end wrote; -EIO when nobody has it open any more, -EAGAIN when there is nothing.
static inline ssize_t clinux_pty_read(int master, void *bytes, size_t count) {
  ssize_t got = read(master, bytes, count);
  return got < 0 ? -errno : got;
}

// Writes towards the other end.
static inline ssize_t clinux_pty_write(int master, const void *bytes, size_t count) {
  ssize_t written = write(master, bytes, count);
  return written < 0 ? -errno : written;
}

#endif
