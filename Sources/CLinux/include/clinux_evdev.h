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

// One event, its time in nanoseconds of CLOCK_MONOTONIC.
struct clinux_evdev_event {
  int64_t at;
  uint16_t type;
  uint16_t code;
  int32_t value;
};

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

// How many keys are down.
static inline int clinux_evdev_keys_down(int descriptor) {
  unsigned char keys[(KEY_CNT + 7) / 8] = {0};
  if (ioctl(descriptor, EVIOCGKEY(sizeof keys), keys) < 0) return -errno;
  int down = 0;
  for (size_t index = 0; index < sizeof keys; index++) down += __builtin_popcount(keys[index]);
  return down;
}

// Reads up to 64 events; returns how many, -EAGAIN when there are none, -ENODEV when the device is gone.
static inline int clinux_evdev_read(int descriptor, struct clinux_evdev_event *events, int count) {
  struct input_event raw[64];
  if (count < 0) return -EINVAL;
  if (count > 64) count = 64;
  ssize_t got = read(descriptor, raw, (size_t)count * sizeof raw[0]);
  if (got < 0) return -errno;
  int whole = (int)((size_t)got / sizeof raw[0]);
  for (int index = 0; index < whole; index++) {
    events[index].at =
        (int64_t)raw[index].input_event_sec * 1000000000 + (int64_t)raw[index].input_event_usec * 1000;
    events[index].type = raw[index].type;
    events[index].code = raw[index].code;
    events[index].value = raw[index].value;
  }
  return whole;
}

#endif
