// Keyboards by their events (linux/Documentation/input/input.rst); the ioctls are macros with sizes, which Swift cannot
// say, and input_event's times are macros too. Every function returns -errno on failure.
#ifndef CLINUX_EVDEV_H
#define CLINUX_EVDEV_H

#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

// Opens /dev/input/eventN, non-blocking and close-on-exec, sets its clock to CLOCK_MONOTONIC and grabs it, so that no
// console and no desktop gets what it types. -EBUSY when another program has it grabbed. Returns the descriptor.
static inline int clinux_evdev_open(const char *path) {
  int descriptor = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  int clock = CLOCK_MONOTONIC;
  if (ioctl(descriptor, EVIOCSCLOCKID, &clock) < 0 || ioctl(descriptor, EVIOCGRAB, 1) < 0) {
    int code = -errno;
    close(descriptor);
    return code;
  }
  return descriptor;
}

// The lights that are on: bit LED_NUML (0), bit LED_CAPSL (1).
static inline int clinux_evdev_lights(int descriptor) {
  unsigned char lights[(LED_CNT + 7) / 8] = {0};
  if (ioctl(descriptor, EVIOCGLED(sizeof lights), lights) < 0) return -errno;
  return lights[0] & 3;
}

#endif
