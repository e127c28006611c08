#ifndef CMODBUS_SHIM_H
#define CMODBUS_SHIM_H

// What Lineward needs of libmodbus, with errors as negative numbers: errno read later, from Swift, could be someone
// else's. libmodbus' own errors begin at 112345678 (MODBUS_ENOBASE); modbus_strerror knows both kinds.

#include <errno.h>
#include <modbus.h>
#include <stdint.h>

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

// FC3. The count of registers read, or a negative error.
static inline int cmodbus_read(modbus_t *context, int address, int count, uint16_t *words) {
  int done = modbus_read_registers(context, address, count, words);
  return done < 0 ? -errno : done;
}

// FC16. The count of registers written, or a negative error.
static inline int cmodbus_write(modbus_t *context, int address, int count, const uint16_t *words) {
  int done = modbus_write_registers(context, address, count, words);
  return done < 0 ? -errno : done;
}

// Closes the socket and frees the context.
static inline void cmodbus_end(modbus_t *context) {
  modbus_close(context);
  modbus_free(context);
}

#endif
