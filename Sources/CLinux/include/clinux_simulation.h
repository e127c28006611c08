// What the simulated line needs of the machine: a TCP listener, a wait finer than poll's milliseconds, and child
// processes that end with their parent. Every function returns -errno on failure.
#ifndef CLINUX_SIMULATION_H
#define CLINUX_SIMULATION_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Listens on 127.0.0.1, non-blocking; port 0 takes a free one. *chosen gets the port.
static inline int clinux_simulation_listen(uint16_t port, uint16_t *chosen) {
  int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return -errno;
  int yes = 1;
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0
      || bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0
      || listen(descriptor, 8) < 0
      || getsockname(descriptor, (struct sockaddr *)&address, &length) < 0) {
    int code = -errno;
    close(descriptor);
    return code;
  }
  *chosen = ntohs(address.sin_port);
  return descriptor;
}

// Connects to 127.0.0.1, waiting for it; blocking reads give up after so many milliseconds.
static inline int clinux_simulation_connect(uint16_t port, int milliseconds) {
  int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -errno;
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct timeval limit = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
  if (setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0
      || connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0) {
    int code = -errno;
    close(descriptor);
    return code;
  }
  return descriptor;
}

// Answers go out at once instead of waiting for more (Nagle).
static inline int clinux_simulation_no_delay(int descriptor) {
  int yes = 1;
  return setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) < 0 ? -errno : 0;
}

// Closes with a reset instead of a farewell, as a machine that lost its power does.
static inline void clinux_simulation_reset(int descriptor) {
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(descriptor);
}

// The monotonic clock in nanoseconds.
static inline int64_t clinux_simulation_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// Where the link at a path leads, not ended by zero: its length.
static inline ssize_t clinux_simulation_read_link(const char *path, char *target, size_t size) {
  ssize_t length = readlink(path, target, size);
  return length < 0 ? -errno : length;
}

// Waits for descriptors, at most so many nanoseconds (ppoll; its prototype needs _GNU_SOURCE).
static inline int clinux_simulation_poll(struct pollfd *descriptors, unsigned long count, int64_t nanoseconds) {
  struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  int ready = (int)syscall(SYS_ppoll, descriptors, count, &limit, (void *)0, (size_t)0);
  return ready < 0 ? -errno : ready;
}

// Starts a program with both outputs on descriptors of its own, and nothing on its input. It gets SIGTERM when
// the parent dies, so that a killed simulator leaves no daemon behind. Call it from a program with one thread.
static inline int clinux_simulation_start_child(
    const char *path, char *const arguments[], int output, int errors) {
  pid_t parent = getpid();
  pid_t child = fork();
  if (child < 0) return -errno;
  if (child > 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(126);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, (sigset_t *)0);
  signal(SIGPIPE, SIG_DFL);
  int nothing = open("/dev/null", O_RDONLY);
  if (dup2(nothing, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0) _exit(126);
  execv(path, arguments);
  _exit(127);
}

// Looks whether a child has ended: 0 not yet, its pid when it has. *status becomes the exit code, or 128 and the
// signal as a shell has it.
static inline int clinux_simulation_child_ended(int child, int *status) {
  int raw = 0;
  pid_t ended = waitpid(child, &raw, WNOHANG);
  if (ended < 0) return -errno;
  if (ended > 0) *status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  return ended;
}

// A descriptor that becomes readable when somebody wants the program to end (SIGINT, SIGTERM); writing to a
// closed pipe no longer ends it.
static inline int clinux_simulation_end_signals(void) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  signal(SIGPIPE, SIG_IGN);
  if (sigprocmask(SIG_BLOCK, &ends, (sigset_t *)0) < 0) return -errno;
  int descriptor = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
  return descriptor < 0 ? -errno : descriptor;
}

// A pipe, both ends close-on-exec; the reading end does not block.
static inline int clinux_simulation_pipe(int *reading, int *writing) {
  int ends[2];
  if (pipe(ends) < 0) return -errno;
  for (int end = 0; end < 2; end++) fcntl(ends[end], F_SETFD, FD_CLOEXEC);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  *reading = ends[0];
  *writing = ends[1];
  return 0;
}

#endif
