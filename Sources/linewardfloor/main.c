// The floor that `make bench` measures Lineward against: for each message on a tty one read, one append of 128 bytes
// (with fdatasync or without), one FC16 of four registers by libmodbus. Plain C, nothing else.
//
//   linewardfloor TTY FILE HOST PORT sync|nosync ADDRESS
//
// A message ends with a line feed. The four registers begin at ADDRESS; the first of them counts messages.

#include <fcntl.h>
#include <modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 7) {
    fprintf(stderr, "usage: linewardfloor TTY FILE HOST PORT sync|nosync ADDRESS\n");
    return 64;
  }
  int tty = open(argv[1], O_RDWR | O_NOCTTY | O_CLOEXEC);
  int file = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  modbus_t *plc = modbus_new_tcp(argv[3], atoi(argv[4]));
  int sync = strcmp(argv[5], "sync") == 0;
  int address = atoi(argv[6]);
  struct termios mode;
  if (tty < 0 || file < 0 || plc == NULL || modbus_connect(plc) != 0) {
    perror("linewardfloor");
    return 1;
  }
  if (tcgetattr(tty, &mode) == 0) {
    cfmakeraw(&mode);
    tcsetattr(tty, TCSANOW, &mode);
  }
  // Tells the bench that messages may come.
  puts("ready");
  fflush(stdout);

  uint8_t buffer[1024];
  uint8_t row[128] = {0};
  uint16_t count = 0;
  size_t length = 0;
  for (;;) {
    ssize_t got = read(tty, buffer + length, sizeof buffer - length);
    if (got <= 0) return 0;
    length += (size_t)got;
    if (buffer[length - 1] != '\n') {
      if (length == sizeof buffer) length = 0;
      continue;
    }
    memcpy(row, buffer, length < sizeof row ? length : sizeof row);
    length = 0;
    if (write(file, row, sizeof row) != (ssize_t)sizeof row) return 1;
    if (sync && fdatasync(file) != 0) return 1;
    count++;
    uint16_t slot[4] = {count, count, 1, 0};
    if (modbus_write_registers(plc, address, 4, slot) != 4) return 1;
  }
}
