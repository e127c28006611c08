#ifndef CLINUX_CLOCK_H
#define CLINUX_CLOCK_H

#include <errno.h>
#include <stdint.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <unistd.h>

/// Arms a timer that does nothing but notice that the wall clock was set (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET);
/// 0, or -errno. Glibc's module hides timerfd from Swift.
static inline int clinux_arm_clock_timer(int descriptor) {
  struct itimerspec never = {.it_value = {.tv_sec = INT64_MAX / 1000000000}};
  int code =
      timerfd_settime(descriptor, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
  return code < 0 ? -errno : 0;
}

/// A descriptor that becomes readable when the wall clock is set; -errno on failure.
static inline int clinux_clock_timer(void) {
  int descriptor = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (descriptor < 0) return -errno;
  int code = clinux_arm_clock_timer(descriptor);
  if (code < 0) {
    close(descriptor);
    return code;
  }
  return descriptor;
}

/// Whether the clock was set since the last call: 1 or 0, or -errno. Arms the timer again.
static inline int clinux_clock_was_set(int descriptor) {
  uint64_t count;
  if (read(descriptor, &count, sizeof count) >= 0) return 0;
  if (errno == EAGAIN) return 0;
  if (errno != ECANCELED) return -errno;
  int code = clinux_arm_clock_timer(descriptor);
  return code < 0 ? code : 1;
}

/// Whether the kernel's clock is kept in step by a time service (adjtimex(2)): 1 or 0, or -errno.
static inline int clinux_clock_is_synchronised(void) {
  struct timex state = {.modes = 0};
  int code = adjtimex(&state);
  if (code < 0) return -errno;
  return code != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

#endif
