#ifndef CFLOORS_H
#define CFLOORS_H

// What `make bench` measures Lineward against, in plain C and C++ and in the same process: rows into SQLite, one append
// with fdatasync, and a ring between two threads. Nothing of the product links it.

#include <sched.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Writes the records of one database into a new one, `rows_per_transaction` in each transaction; the nanoseconds from the
/// first BEGIN until the last COMMIT has returned, or a negative number when anything failed.
///
/// The rows are read into memory before: the same columns and the same bytes, hashes included, which are not taken again.
/// The new database has the other's tables, triggers and index, and is written in WAL mode with synchronous=FULL through
/// one prepared statement; SQLite's own automatic checkpoint brings the log into it every 1,000 pages. `rows` is how many.
int64_t cfloors_rows(const char *from, const char *to, int rows_per_transaction, int64_t *rows);

/// A file of so many places for a page (4,096 bytes) and a header (24 bytes), all of them written and on disk; a descriptor,
/// or -1.
int cfloors_append_open(const char *path, int places);

/// Writes a header and a page, as SQLite writes a frame of its log, into the next place and calls fdatasync; the
/// nanoseconds, or a negative number when it failed.
int64_t cfloors_append(int descriptor, int place);

/// One end of a ring at work.
typedef void (*cfloors_end)(void *context);

/// Runs both ends, each in a thread of its own and on a processor of its own where there are two, from the same moment on;
/// the nanoseconds until both have returned, or -1 when there was no thread.
int64_t cfloors_race(cfloors_end producer, cfloors_end consumer, void *context);

/// What an end does that finds the ring full or empty: the same on both sides of a comparison.
///
/// `tries` counts from 0 in each standstill; whoever stands still for long leaves the processor to others.
static inline void cfloors_relax(uint32_t *tries) {
#if defined(__x86_64__)
  __asm__ volatile("pause" ::: "memory");
#elif defined(__aarch64__)
  __asm__ volatile("yield" ::: "memory");
#endif
  if (++*tries >= 2000) {
    *tries = 0;
    sched_yield();
  }
}

/// `count` elements of `size` bytes (8, or a multiple of 8 up to 64) through a ring in C++ with `capacity` places; the
/// nanoseconds, or -1 for a size that there is no ring for or when not all arrived in order.
int64_t cfloors_ring(int size, uint64_t count, uint64_t capacity);

/// The same for records of fixed size that hold 16 bytes of header and up to 64 bytes, of which each uses as many as
/// `cfloors_frame_length` says.
int64_t cfloors_ring_of_frames(uint64_t count, uint64_t capacity);

/// One element of 8 bytes to and fro through two rings, `rounds` times; the nanoseconds.
int64_t cfloors_ring_echo(uint64_t rounds, uint64_t capacity);

/// The length of the frame with this number: 32 to 63 bytes, as scans of packs have.
static inline int cfloors_frame_length(uint64_t number) {
  return 32 + (int)((number * 11) & 31);
}

#ifdef __cplusplus
}
#endif
#endif
