// Serial lines: what Glibc's module hides or makes variadic. Every function returns -errno on failure.
#ifndef CLINUX_TTY_H
#define CLINUX_TTY_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

// Opens a serial line for reading frames: raw, no echo, no flow control, exclusive where the driver can. What waited
// in it before is thrown away: nobody knows for whom it was meant. Returns the descriptor.
static inline int clinux_tty_open(const char *path, uint32_t baud) {
  speed_t speed;
  switch (baud) {
    case 1200: speed = B1200; break;
    case 2400: speed = B2400; break;
    case 4800: speed = B4800; break;
    case 9600: speed = B9600; break;
    case 19200: speed = B19200; break;
    case 38400: speed = B38400; break;
    case 57600: speed = B57600; break;
    case 115200: speed = B115200; break;
    case 230400: speed = B230400; break;
    case 460800: speed = B460800; break;
    case 921600: speed = B921600; break;
    default: return -EINVAL;
  }
  int descriptor = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  struct termios mode;
  int code;
  if (tcgetattr(descriptor, &mode) < 0) goto failed;
  cfmakeraw(&mode);
  // cfmakeraw leaves these alone, as another program may have set them: XON/XOFF towards the scanner, parity checks.
  mode.c_iflag = 0;
  mode.c_cflag &= ~(tcflag_t)(CRTSCTS | HUPCL | CSTOPB);
  mode.c_cflag |= CLOCAL | CREAD;
  mode.c_cc[VMIN] = 1;
  mode.c_cc[VTIME] = 0;
  if (cfsetispeed(&mode, speed) < 0 || cfsetospeed(&mode, speed) < 0) goto failed;
  if (tcsetattr(descriptor, TCSANOW, &mode) < 0) goto failed;
  // Pseudo-terminals do not know this one.
  if (ioctl(descriptor, TIOCEXCL) < 0 && errno != ENOTTY && errno != EINVAL) goto failed;
  // Until now the line echoed; what of that has not left yet goes too, because to a scanner it could be a command.
  if (tcflush(descriptor, TCIOFLUSH) < 0) goto failed;
  return descriptor;
failed:
  code = -errno;
  close(descriptor);
  return code;
}

#endif
