// Waiting with nanoseconds and naming a thread: ppoll and pthread_setname_np need _GNU_SOURCE, which is too late to
// define once another header of this module has been read.
#ifndef CLINUX_WAIT_H
#define CLINUX_WAIT_H

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Waits until one of the descriptors is ready (count of them), for at most so long (0); a signal (-EINTR) ends it too.
static inline int clinux_wait(struct pollfd *descriptors, int count, int64_t nanoseconds) {
  struct timespec time = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  long ready = syscall(SYS_ppoll, descriptors, (long)count, &time, NULL, (long)0);
  return ready < 0 ? -errno : (int)ready;
}

// Names the calling thread for debuggers; the kernel keeps 15 characters.
static inline void clinux_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

#endif
