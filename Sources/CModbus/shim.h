#ifndef CMODBUS_SHIM_H
#define CMODBUS_SHIM_H

// What Lineward needs of libmodbus, with errors as negative numbers: errno read later, from Swift, could be someone
// else's. libmodbus' own errors begin at 112345678 (MODBUS_ENOBASE); modbus_strerror knows both kinds.

#include <errno.h>
#include <modbus.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

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

// Sends a request, an ADU of `length` bytes whose header is filled in here, and receives its answer; the answer's
// length, or a negative error. `answer` has room for MODBUS_TCP_MAX_ADU_LENGTH.
//
// modbus_read_registers would do both, but over TCP it looks neither at the unit that answered nor at the length in the
// header: a gateway that answers for another of its slaves would pass for the PLC. So requests are written here, answers
// received by libmodbus (which ends each within its time-out), and every field of their header compared.
static inline int cmodbus_ask(
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

// FC3 (Modbus Application Protocol V1.1b3, 6.3). The count of registers read, or a negative error.
static inline int cmodbus_read(
    modbus_t *context, uint16_t transaction, uint8_t unit, uint16_t address, uint16_t count, uint16_t *words) {
  uint8_t request[12], answer[MODBUS_TCP_MAX_ADU_LENGTH];
  if (count < 1 || count > MODBUS_MAX_READ_REGISTERS) return -EMBMDATA;
  request[7] = 3;
  request[8] = (uint8_t)(address >> 8);
  request[9] = (uint8_t)address;
  request[10] = (uint8_t)(count >> 8);
  request[11] = (uint8_t)count;
  int got = cmodbus_ask(context, transaction, unit, request, sizeof request, answer);
  if (got < 0) return got;
  if (got != 9 + 2 * count || answer[8] != 2 * count) return -EMBBADDATA;
  for (int index = 0; index < count; index++)
    words[index] = (uint16_t)(answer[9 + 2 * index] << 8 | answer[10 + 2 * index]);
  return count;
}

// FC16 (6.12). The count of registers written, or a negative error.
static inline int cmodbus_write(
    modbus_t *context, uint16_t transaction, uint8_t unit, uint16_t address, uint16_t count, const uint16_t *words) {
  uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH], answer[MODBUS_TCP_MAX_ADU_LENGTH];
  if (count < 1 || count > MODBUS_MAX_WRITE_REGISTERS) return -EMBMDATA;
  request[7] = 16;
  request[8] = (uint8_t)(address >> 8);
  request[9] = (uint8_t)address;
  request[10] = (uint8_t)(count >> 8);
  request[11] = (uint8_t)count;
  request[12] = (uint8_t)(2 * count);
  for (int index = 0; index < count; index++) {
    request[13 + 2 * index] = (uint8_t)(words[index] >> 8);
    request[14 + 2 * index] = (uint8_t)words[index];
  }
  int got = cmodbus_ask(context, transaction, unit, request, 13 + 2 * count, answer);
  if (got < 0) return got;
  // The answer repeats address and count.
  return got == 12 && memcmp(answer + 8, request + 8, 4) == 0 ? count : -EMBBADDATA;
}

// Closes the socket and frees the context.
static inline void cmodbus_end(modbus_t *context) {
  modbus_close(context);
  modbus_free(context);
}

#endif
