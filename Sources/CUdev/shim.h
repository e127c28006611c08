#ifndef CUDEV_SHIM_H
#define CUDEV_SHIM_H

#include <errno.h>
#include <libudev.h>

/// The next event of a monitor into `device`, to be given back with udev_device_unref: 0, or -errno, -EAGAIN when there is
/// none. libudev says why in errno alone, which Swift may read too late.
static inline int cudev_monitor_receive(struct udev_monitor *monitor, struct udev_device **device) {
  errno = 0;
  *device = udev_monitor_receive_device(monitor);
  if (*device) return 0;
  return errno == 0 ? -EAGAIN : -errno;
}

/// A monitor of the events that udevd sends when its rules are done, not yet enabled, into `monitor`: 0 or -errno.
static inline int cudev_monitor_new(struct udev *udev, struct udev_monitor **monitor) {
  errno = 0;
  *monitor = udev_monitor_new_from_netlink(udev, "udev");
  if (*monitor) return 0;
  return errno == 0 ? -ENOMEM : -errno;
}

#endif
