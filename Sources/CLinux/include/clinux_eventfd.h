#ifndef CLINUX_EVENTFD_H
#define CLINUX_EVENTFD_H

#include <errno.h>
#include <sys/eventfd.h>

/// A non-blocking eventfd, closed on exec; -errno on failure. Glibc's module hides eventfd from Swift.
static inline int clinux_eventfd(void) {
  int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return descriptor < 0 ? -errno : descriptor;
}

#endif
