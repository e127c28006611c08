// Serial lines: what Glibc's module hides or makes variadic. Every function returns -errno on failure.
#ifndef CLINUX_TTY_H
#define CLINUX_TTY_H

#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

// How a character stands on the line.
struct clinux_tty_character {
  uint32_t baud;
  // 7 or 8.
  uint8_t data_bits;
  // 0 none, 1 odd, 2 even.
  uint8_t parity;
  // 1 or 2.
  uint8_t stop_bits;
  // Whether a character with a wrong parity or stop bit, and a break, come marked (termios(3), PARMRK): FF 00 and the
  // character, FF 00 00 for a break; FF as data then comes twice. Without, both come as if they were data.
  uint8_t marks;
};

static inline speed_t clinux_tty_speed(uint32_t baud) {
  switch (baud) {
    case 1200: return B1200;
    case 2400: return B2400;
    case 4800: return B4800;
    case 9600: return B9600;
    case 19200: return B19200;
    case 38400: return B38400;
    case 57600: return B57600;
    case 115200: return B115200;
    case 230400: return B230400;
    case 460800: return B460800;
    case 921600: return B921600;
    default: return B0;
  }
}

// Opens a serial line for reading frames: raw, no echo, no flow control, exclusive where the driver can. What waited
// in it before is thrown away: nobody knows for whom it was meant. Returns the descriptor.
static inline int clinux_tty_open_with(const char *path, const struct clinux_tty_character *character) {
  speed_t speed = clinux_tty_speed(character->baud);
  if (speed == B0) return -EINVAL;
  int descriptor = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  struct termios mode;
  int code;
  if (tcgetattr(descriptor, &mode) < 0) goto failed;
  cfmakeraw(&mode);
  // cfmakeraw leaves these alone, as another program may have set them: XON/XOFF towards the scanner, parity checks.
  mode.c_iflag = character->marks ? INPCK | PARMRK : 0;
  mode.c_cflag &= ~(tcflag_t)(CRTSCTS | HUPCL | CSTOPB | CSIZE | PARENB | PARODD);
  mode.c_cflag |= CLOCAL | CREAD | (character->data_bits == 7 ? CS7 : CS8);
  if (character->parity != 0) mode.c_cflag |= PARENB;
  if (character->parity == 1) mode.c_cflag |= PARODD;
  if (character->stop_bits == 2) mode.c_cflag |= CSTOPB;
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

// As above with 8 data bits, no parity, 1 stop bit, and no marks.
static inline int clinux_tty_open(const char *path, uint32_t baud) {
  struct clinux_tty_character character = {.baud = baud, .data_bits = 8, .stop_bits = 1};
  return clinux_tty_open_with(path, &character);
}

// How many characters the line has lost so far, in the hardware and in the driver's buffer; negative where the driver
// does not count (pseudo-terminals, some USB drivers).
static inline int64_t clinux_tty_lost(int descriptor) {
  struct serial_icounter_struct counts;
  if (ioctl(descriptor, TIOCGICOUNT, &counts) < 0) return -errno;
  return (int64_t)(uint32_t)counts.overrun + (int64_t)(uint32_t)counts.buf_overrun;
}

#endif
