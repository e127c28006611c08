#ifndef CMODBUS_RTU_H
#define CMODBUS_RTU_H

// Modbus RTU on a serial port, for one thread (Modbus over Serial Line V1.02). libmodbus 3.1.6 has it too, but opens a port
// without taking it for itself, makes an unknown baud rate 9600 without a word, knows no adapter that echoes, and with a
// byte time-out lets a slave that drips hold a call for as many of them as an answer has bytes.

#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <modbus.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

// What libmodbus has no number for; CMODBUS_WORDS has the sentences.
enum {
  // Bytes that came unasked are a whole answer: we and the slave are out of step.
  CMODBUS_EUNASKED = 212345678,
  // The line was never silent for long enough to speak.
  CMODBUS_EBABBLE,
  // An answer began and broke off.
  CMODBUS_ETORN,
  // What we sent came back as if it were an answer.
  CMODBUS_EECHO,
  // What we sent should have come back and did not, or otherwise.
  CMODBUS_ENOECHO,
  // Another process has locked the port.
  CMODBUS_ETAKEN,
  // The driver cannot switch an RS-485 transceiver.
  CMODBUS_ERS485,
};

// How a port is set up.
struct cmodbus_port {
  const char *path;
  uint32_t baud;
  // 'N', 'E' or 'O'.
  char parity;
  int stop_bits;
  // RTS drives the transceiver: 0 not by us, 1 high while sending, 2 low while sending.
  int rs485;
  uint32_t rts_before_ms;
  uint32_t rts_after_ms;
};

// A port in use.
struct cmodbus_bus {
  int descriptor;
  // Between frames (t3.5), and at most within one.
  int64_t silence_ns;
  int64_t byte_timeout_ns;
  int echo;
  // When the last byte went or came.
  int64_t active_at;
  // Bytes that belonged to no answer.
  uint64_t strays;
};

static inline int64_t cmodbus_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// Opens and takes a port: raw, 8 data bits, no flow control, for this process alone. What waited in it is thrown away.
static inline int cmodbus_port_open(const struct cmodbus_port *port, int limit) {
  speed_t speed;
  switch (port->baud) {
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
  int descriptor = open(port->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  int code;
  if (descriptor >= limit) {
    errno = EMFILE;
    goto failed;
  }
  // TIOCEXCL does not bind root, so the port is locked too, as most terminal programs do.
  if (flock(descriptor, LOCK_EX | LOCK_NB) < 0) {
    if (errno == EWOULDBLOCK) errno = CMODBUS_ETAKEN;
    goto failed;
  }
  // Pseudo-terminals do not know this one.
  if (ioctl(descriptor, TIOCEXCL) < 0 && errno != ENOTTY && errno != EINVAL) goto failed;
  struct termios mode;
  if (tcgetattr(descriptor, &mode) < 0) goto failed;
  cfmakeraw(&mode);
  mode.c_iflag = port->parity == 'N' ? 0 : INPCK;
  mode.c_cflag &= ~(tcflag_t)(CRTSCTS | HUPCL | CSTOPB | CSIZE | PARENB | PARODD);
  mode.c_cflag |= CLOCAL | CREAD | CS8;
  if (port->parity != 'N') mode.c_cflag |= PARENB;
  if (port->parity == 'O') mode.c_cflag |= PARODD;
  if (port->stop_bits == 2) mode.c_cflag |= CSTOPB;
  mode.c_cc[VMIN] = 1;
  mode.c_cc[VTIME] = 0;
  if (cfsetispeed(&mode, speed) < 0 || cfsetospeed(&mode, speed) < 0) goto failed;
  if (tcsetattr(descriptor, TCSANOW, &mode) < 0) goto failed;
  if (port->rs485 != 0) {
    struct serial_rs485 bus;
    memset(&bus, 0, sizeof bus);
    bus.flags = SER_RS485_ENABLED | (port->rs485 == 1 ? SER_RS485_RTS_ON_SEND : SER_RS485_RTS_AFTER_SEND);
    bus.delay_rts_before_send = port->rts_before_ms;
    bus.delay_rts_after_send = port->rts_after_ms;
    if (ioctl(descriptor, TIOCSRS485, &bus) < 0) {
      if (errno == ENOTTY || errno == EINVAL) errno = CMODBUS_ERS485;
      goto failed;
    }
  }
  if (tcflush(descriptor, TCIOFLUSH) < 0) goto failed;
  return descriptor;
failed:
  code = -errno;
  close(descriptor);
  return code;
}

// CRC-16 of 2.5.1.2: polynomial A001 reflected, from FFFF; the low byte goes first.
static inline uint16_t cmodbus_crc(const uint8_t *bytes, int count) {
  uint16_t crc = 0xFFFF;
  for (int index = 0; index < count; index++) {
    crc ^= bytes[index];
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? (uint16_t)(crc >> 1 ^ 0xA001) : (uint16_t)(crc >> 1);
  }
  return crc;
}

static inline int cmodbus_is_frame(const uint8_t *bytes, int count) {
  return count >= 5 && cmodbus_crc(bytes, count - 2) == (bytes[count - 2] | bytes[count - 1] << 8);
}

// Waits until the port is ready for `events`, or `until`: 1, 0 when it is too late, or a negative error.
static inline int cmodbus_bus_wait(int descriptor, short events, int64_t until) {
  for (;;) {
    int64_t left = until - cmodbus_now();
    if (left < 0) left = 0;
    struct pollfd polled = {.fd = descriptor, .events = events};
    struct timespec time = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
    long ready = syscall(SYS_ppoll, &polled, 1L, &time, NULL, 0L);
    if (ready > 0) return polled.revents & events ? 1 : -EIO;
    if (ready == 0) return 0;
    if (errno != EINTR) return -errno;
  }
}

// Reads what there is: the count, at least 1, or a negative error; the other end of the port gone is -EIO.
static inline int cmodbus_bus_take(struct cmodbus_bus *bus, uint8_t *bytes, int room) {
  ssize_t got = read(bus->descriptor, bytes, (size_t)room);
  if (got == 0) return -EIO;
  if (got < 0) return -errno;
  bus->active_at = cmodbus_now();
  return (int)got;
}

// Waits until the line was silent for a frame's distance, and takes from it what belongs to nobody. Noise is counted and
// forgotten; a whole frame is an answer to something else, and an error.
static inline int cmodbus_bus_clear(struct cmodbus_bus *bus, int64_t until) {
  uint8_t stray[264];
  int count = 0;
  for (;;) {
    int64_t quiet = bus->active_at + bus->silence_ns;
    int ready = cmodbus_bus_wait(bus->descriptor, POLLIN, quiet);
    if (ready < 0) return ready;
    if (ready == 0) break;
    if (count == (int)sizeof stray) count = 0;
    int got = cmodbus_bus_take(bus, stray + count, (int)sizeof stray - count);
    if (got < 0) return got;
    count += got;
    bus->strays += (uint64_t)got;
    if (cmodbus_now() >= until) return -CMODBUS_EBABBLE;
  }
  return cmodbus_is_frame(stray, count) ? -CMODBUS_EUNASKED : 0;
}

// Reads `count` bytes, within `until` and, once the first is there, the byte time-out: the count of bytes that came, or a
// negative error.
static inline int cmodbus_bus_read(struct cmodbus_bus *bus, uint8_t *bytes, int from, int count, int64_t until) {
  int have = from;
  while (have < count) {
    int64_t limit = until;
    if (have > 0 && bus->byte_timeout_ns > 0 && bus->active_at + bus->byte_timeout_ns < limit)
      limit = bus->active_at + bus->byte_timeout_ns;
    int ready = cmodbus_bus_wait(bus->descriptor, POLLIN, limit);
    if (ready < 0) return ready;
    if (ready == 0) break;
    int got = cmodbus_bus_take(bus, bytes + have, count - have);
    if (got < 0) return got;
    have += got;
  }
  return have;
}

// Sends a request of `length` bytes without CRC, for which there is room behind them, and receives its answer, which has
// `expected` bytes with CRC unless it is an exception: its length without CRC, or a negative error. `answer` has room for
// `expected` bytes. Everything ends within the time-out.
static inline int cmodbus_bus_ask(
    struct cmodbus_bus *bus, uint8_t *request, int length, uint8_t *answer, int expected, int64_t timeout_ns) {
  int64_t until = cmodbus_now() + timeout_ns;
  int code = cmodbus_bus_clear(bus, until);
  if (code < 0) return code;
  uint16_t crc = cmodbus_crc(request, length);
  request[length] = (uint8_t)crc;
  request[length + 1] = (uint8_t)(crc >> 8);
  length += 2;
  for (int sent = 0; sent < length;) {
    int ready = cmodbus_bus_wait(bus->descriptor, POLLOUT, until);
    if (ready < 0) return ready;
    if (ready == 0) return -ETIMEDOUT;
    ssize_t wrote = write(bus->descriptor, request + sent, (size_t)(length - sent));
    if (wrote < 0 && errno != EAGAIN && errno != EINTR) return -errno;
    if (wrote > 0) sent += (int)wrote;
  }
  bus->active_at = cmodbus_now();
  if (bus->echo) {
    uint8_t own[264];
    int got = cmodbus_bus_read(bus, own, 0, length, until);
    if (got < 0) return got;
    if (got != length || memcmp(own, request, (size_t)length) != 0) return -CMODBUS_ENOECHO;
  }
  int got = cmodbus_bus_read(bus, answer, 0, 5, until);
  if (got == 5) {
    if (answer[1] & 0x80) expected = 5;
    got = cmodbus_bus_read(bus, answer, 5, expected, until);
  }
  if (got < 0) return got;
  if (got == 0) return -ETIMEDOUT;
  int compared = length < got ? length : got;
  int isOwn = !bus->echo && compared >= 5 && memcmp(answer, request, (size_t)compared) == 0
              && !(got == expected && cmodbus_is_frame(answer, got));
  if (isOwn) return -CMODBUS_EECHO;
  if (got < expected) return -CMODBUS_ETORN;
  if (!cmodbus_is_frame(answer, got)) return -EMBBADCRC;
  if (answer[0] != request[0]) return -EMBBADSLAVE;
  if (answer[1] == (request[1] | 0x80)) return -(MODBUS_ENOBASE + answer[2]);
  return answer[1] == request[1] ? got - 2 : -EMBBADDATA;
}

// Throws away what stands in the port, once nothing more can come.
static inline void cmodbus_bus_flush(struct cmodbus_bus *bus) { tcflush(bus->descriptor, TCIOFLUSH); }

#endif
