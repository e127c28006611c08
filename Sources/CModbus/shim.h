#ifndef CMODBUS_SHIM_H
#define CMODBUS_SHIM_H

// What Lineward needs of libmodbus, with errors as negative numbers: errno read later, from Swift, could be someone
// else's. libmodbus' own errors begin at 112345678 (MODBUS_ENOBASE); modbus_strerror knows both kinds.

#include <errno.h>
#include <modbus.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "rtu.h"

// A context that speaks Modbus TCP over a socket which is connected already, or NULL; then *error is the errno.
//
// The address is libmodbus' own business only when it connects itself, which it does here never: it neither resolves
// names nor sets keepalive. The response time-out covers the whole answer, because a byte time-out of 0 turns that one
// off: otherwise a server that sends a byte now and then could hold a call for minutes.
static inline modbus_t *cmodbus_tcp(int descriptor, int unit, uint32_t timeout_microseconds, int *error) {
  modbus_t *context = modbus_new_tcp("127.0.0.1", 502);
  if (context == NULL) {
    *error = errno;
    return NULL;
  }
  if (modbus_set_slave(context, unit) != 0
      || modbus_set_error_recovery(context, MODBUS_ERROR_RECOVERY_NONE) != 0
      || modbus_set_response_timeout(
             context, timeout_microseconds / 1000000, timeout_microseconds % 1000000)
             != 0
      || modbus_set_byte_timeout(context, 0, 0) != 0
      || modbus_set_socket(context, descriptor) != 0) {
    *error = errno;
    modbus_free(context);
    return NULL;
  }
  *error = 0;
  return context;
}

// Over TCP: the request's header is filled in here, and the answer's compared field by field. The length of the answer's
// header and PDU, or a negative error. `answer` has room for MODBUS_TCP_MAX_ADU_LENGTH.
//
// modbus_read_registers would do both, but over TCP it looks neither at the unit that answered nor at the length in the
// header: a gateway that answers for another of its slaves would pass for the PLC. So requests are written here, answers
// received by libmodbus (which ends each within its time-out), and every field of their header compared.
static inline int cmodbus_ask_tcp(
    modbus_t *context, uint16_t transaction, uint8_t unit, uint8_t *request, int length, uint8_t *answer) {
  request[0] = (uint8_t)(transaction >> 8);
  request[1] = (uint8_t)transaction;
  request[2] = request[3] = 0;
  request[4] = (uint8_t)((length - 6) >> 8);
  request[5] = (uint8_t)(length - 6);
  request[6] = unit;
  ssize_t sent = send(modbus_get_socket(context), request, (size_t)length, MSG_NOSIGNAL);
  if (sent < 0) return -errno;
  // The other end has not read for long.
  if (sent != length) return -ETIMEDOUT;
  int got = modbus_receive_confirmation(context, answer);
  if (got < 0) return -errno;
  if (got < 9 || memcmp(answer, request, 4) != 0 || (answer[4] << 8 | answer[5]) != got - 6) return -EMBBADDATA;
  if (answer[6] != unit) return -EMBBADSLAVE;
  if (answer[7] == (request[7] | 0x80)) return -(MODBUS_ENOBASE + answer[8]);
  return answer[7] == request[7] ? got : -EMBBADDATA;
}

// A connection: TCP through libmodbus, or a serial port.
struct cmodbus_line {
  modbus_t *tcp;
  struct cmodbus_bus bus;
  // The number of the last request over TCP; its answer bears the same.
  uint16_t transaction;
};

// A request or an answer in both transports: 6 bytes that only TCP has, unit, PDU, and room for a CRC.
enum { CMODBUS_BUFFER = MODBUS_TCP_MAX_ADU_LENGTH + 8 };

// Asks `unit` and receives its answer, whose PDU has `expected` bytes; the length as over TCP, or a negative error. Over TCP
// the time-out is the context's own.
static inline int cmodbus_ask(
    struct cmodbus_line *line, uint8_t unit, uint8_t *request, int length, uint8_t *answer, int expected,
    int64_t timeout_ns) {
  int got;
  if (line->tcp != NULL) {
    got = cmodbus_ask_tcp(line->tcp, ++line->transaction, unit, request, length, answer);
  } else {
    request[6] = unit;
    got = cmodbus_bus_ask(&line->bus, request + 6, length - 6, answer + 6, expected + 3, timeout_ns);
    if (got > 0) got += 6;
  }
  return got < 0 || got == expected + 7 ? got : -EMBBADDATA;
}

static inline void cmodbus_begin_request(uint8_t *request, uint8_t function, uint16_t address, uint16_t word) {
  request[7] = function;
  request[8] = (uint8_t)(address >> 8);
  request[9] = (uint8_t)address;
  request[10] = (uint8_t)(word >> 8);
  request[11] = (uint8_t)word;
}

// FC3 (Modbus Application Protocol V1.1b3, 6.3). The count of registers read, or a negative error.
static inline int cmodbus_read(
    struct cmodbus_line *line, uint8_t unit, uint16_t address, uint16_t count, uint16_t *words, int64_t timeout_ns) {
  uint8_t request[CMODBUS_BUFFER], answer[CMODBUS_BUFFER];
  if (count < 1 || count > MODBUS_MAX_READ_REGISTERS) return -EMBMDATA;
  cmodbus_begin_request(request, 3, address, count);
  int got = cmodbus_ask(line, unit, request, 12, answer, 2 + 2 * count, timeout_ns);
  if (got < 0) return got;
  if (answer[8] != 2 * count) return -EMBBADDATA;
  for (int index = 0; index < count; index++)
    words[index] = (uint16_t)(answer[9 + 2 * index] << 8 | answer[10 + 2 * index]);
  return count;
}

// FC16 (6.12). The count of registers written, or a negative error.
static inline int cmodbus_write(
    struct cmodbus_line *line, uint8_t unit, uint16_t address, uint16_t count, const uint16_t *words,
    int64_t timeout_ns) {
  uint8_t request[CMODBUS_BUFFER], answer[CMODBUS_BUFFER];
  if (count < 1 || count > MODBUS_MAX_WRITE_REGISTERS) return -EMBMDATA;
  cmodbus_begin_request(request, 16, address, count);
  request[12] = (uint8_t)(2 * count);
  for (int index = 0; index < count; index++) {
    request[13 + 2 * index] = (uint8_t)(words[index] >> 8);
    request[14 + 2 * index] = (uint8_t)words[index];
  }
  int got = cmodbus_ask(line, unit, request, 13 + 2 * count, answer, 5, timeout_ns);
  if (got < 0) return got;
  // The answer repeats address and count.
  return memcmp(answer + 8, request + 8, 4) == 0 ? count : -EMBBADDATA;
}

// FC1 (6.1) for one coil: 0 or 1, or a negative error.
static inline int cmodbus_read_coil(struct cmodbus_line *line, uint8_t unit, uint16_t address, int64_t timeout_ns) {
  uint8_t request[CMODBUS_BUFFER], answer[CMODBUS_BUFFER];
  cmodbus_begin_request(request, 1, address, 1);
  int got = cmodbus_ask(line, unit, request, 12, answer, 3, timeout_ns);
  if (got < 0) return got;
  return answer[8] == 1 ? answer[9] & 1 : -EMBBADDATA;
}

// FC5 (6.5). 1, or a negative error.
static inline int cmodbus_write_coil(
    struct cmodbus_line *line, uint8_t unit, uint16_t address, int on, int64_t timeout_ns) {
  uint8_t request[CMODBUS_BUFFER], answer[CMODBUS_BUFFER];
  cmodbus_begin_request(request, 5, address, on ? 0xFF00 : 0);
  int got = cmodbus_ask(line, unit, request, 12, answer, 5, timeout_ns);
  if (got < 0) return got;
  return memcmp(answer + 8, request + 8, 4) == 0 ? 1 : -EMBBADDATA;
}

// Closes the connection. A port is let go by close alone: nobody else has its descriptor.
static inline void cmodbus_end(struct cmodbus_line *line) {
  if (line->tcp != NULL) {
    modbus_close(line->tcp);
    modbus_free(line->tcp);
  } else if (line->bus.descriptor >= 0) {
    close(line->bus.descriptor);
  }
}

#endif
