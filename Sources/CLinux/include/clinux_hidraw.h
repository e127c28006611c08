// HID devices without a driver in between (linux/Documentation/hid/hidraw.rst); its ioctls are macros with sizes, which
// Swift cannot say. Every function returns -errno on failure.
#ifndef CLINUX_HIDRAW_H
#define CLINUX_HIDRAW_H

#include <errno.h>
#include <fcntl.h>
#include <linux/hidraw.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

// Opens /dev/hidrawN, non-blocking and close-on-exec; writable where reports are to be sent. Returns the descriptor.
static inline int clinux_hidraw_open(const char *path, int writable) {
  int descriptor = open(path, (writable ? O_RDWR : O_RDONLY) | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  return descriptor < 0 ? -errno : descriptor;
}

// Bus (linux/input.h, BUS_USB is 3), vendor and product.
static inline int clinux_hidraw_info(int descriptor, uint32_t *bus, uint16_t *vendor, uint16_t *product) {
  struct hidraw_devinfo info;
  if (ioctl(descriptor, HIDIOCGRAWINFO, &info) < 0) return -errno;
  *bus = info.bustype;
  *vendor = (uint16_t)info.vendor;
  *product = (uint16_t)info.product;
  return 0;
}

// The report descriptor; returns its length, -EMSGSIZE where it does not fit.
static inline int clinux_hidraw_descriptor(int descriptor, uint8_t *bytes, size_t count) {
  int size = 0;
  if (ioctl(descriptor, HIDIOCGRDESCSIZE, &size) < 0) return -errno;
  if (size < 0 || (size_t)size > count || size > HID_MAX_DESCRIPTOR_SIZE) return -EMSGSIZE;
  struct hidraw_report_descriptor report = {.size = (uint32_t)size};
  if (ioctl(descriptor, HIDIOCGRDESC, &report) < 0) return -errno;
  memcpy(bytes, report.value, (size_t)size);
  return size;
}

// Sends a feature report, its number in front.
static inline int clinux_hidraw_set_feature(int descriptor, const uint8_t *bytes, size_t count) {
  return ioctl(descriptor, HIDIOCSFEATURE(count), bytes) < 0 ? -errno : 0;
}

#endif
