// The terminal of a program that redraws a view, and the signals that end it: ioctl is variadic and the
// set functions are macros for Swift. Every function returns -errno on failure.
#ifndef CLINUX_TERMINAL_H
#define CLINUX_TERMINAL_H

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

// Rows and columns of a terminal.
static inline int clinux_terminal_size(int descriptor, int *rows, int *columns) {
  struct winsize size;
  if (ioctl(descriptor, TIOCGWINSZ, &size) < 0) return -errno;
  *rows = size.ws_row;
  *columns = size.ws_col;
  return 0;
}

// A pseudo-terminal of this size: what is written to *inner comes out of the descriptor returned.
static inline int clinux_terminal_pair(int *inner, int rows, int columns) {
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
  int outer;
  if (openpty(&outer, inner, NULL, NULL, &size) < 0) return -errno;
  if (fcntl(outer, F_SETFD, FD_CLOEXEC) < 0 || fcntl(*inner, F_SETFD, FD_CLOEXEC) < 0) return -errno;
  return outer;
}

// Gives a pseudo-terminal another size, as a person does to a window.
static inline int clinux_terminal_resize(int outer, int rows, int columns) {
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
  return ioctl(outer, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

static inline int clinux_terminal_signals(sigset_t *set) {
  const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};
  sigemptyset(set);
  for (size_t index = 0; index < sizeof signals / sizeof signals[0]; index++)
    if (sigaddset(set, signals[index]) < 0) return -errno;
  return 0;
}

// Blocks the signals that end, suspend, continue or resize a view and gives a descriptor from which they are read.
static inline int clinux_terminal_signal_descriptor(void) {
  sigset_t set;
  int code = clinux_terminal_signals(&set);
  if (code < 0) return code;
  if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -errno;
  int descriptor = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  return descriptor < 0 ? -errno : descriptor;
}

// The next signal from that descriptor, 0 when there is none.
static inline int clinux_terminal_next_signal(int descriptor) {
  struct signalfd_siginfo information;
  ssize_t count = read(descriptor, &information, sizeof information);
  if (count == (ssize_t)sizeof information) return (int)information.ssi_signo;
  if (count < 0 && errno != EAGAIN && errno != EINTR) return -errno;
  return 0;
}

// Lets a blocked signal do to this process what it does by default.
static inline int clinux_terminal_obey_signal(int number) {
  sigset_t one;
  sigemptyset(&one);
  if (sigaddset(&one, number) < 0) return -errno;
  if (signal(number, SIG_DFL) == SIG_ERR) return -errno;
  raise(number);
  return sigprocmask(SIG_UNBLOCK, &one, NULL) < 0 ? -errno : 0;
}

// After obeying SIGTSTP the process goes on here once it is continued; blocks the signal again.
static inline int clinux_terminal_block_signal(int number) {
  sigset_t one;
  sigemptyset(&one);
  if (sigaddset(&one, number) < 0) return -errno;
  return sigprocmask(SIG_BLOCK, &one, NULL) < 0 ? -errno : 0;
}

// One descriptor that is readable when either of two is; the second may be -1.
static inline int clinux_terminal_either(int first, int second) {
  int both = epoll_create1(EPOLL_CLOEXEC);
  if (both < 0) return -errno;
  const int descriptors[] = {first, second};
  for (int index = 0; index < 2; index++) {
    if (descriptors[index] < 0) continue;
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = descriptors[index]}};
    if (epoll_ctl(both, EPOLL_CTL_ADD, descriptors[index], &event) < 0) {
      int code = -errno;
      close(both);
      return code;
    }
  }
  return both;
}

// Keys come one by one and are not echoed; what makes signals still does. *before is how it was.
static inline int clinux_terminal_take_keys(int descriptor, struct termios *before) {
  if (tcgetattr(descriptor, before) < 0) return -errno;
  struct termios keys = *before;
  keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
  keys.c_iflag &= ~(tcflag_t)(IXON);
  keys.c_cc[VMIN] = 1;
  keys.c_cc[VTIME] = 0;
  return tcsetattr(descriptor, TCSANOW, &keys) < 0 ? -errno : 0;
}

// As it was before; what was typed and not read goes away, so that no shell gets it.
static inline int clinux_terminal_give_back(int descriptor, const struct termios *before) {
  return tcsetattr(descriptor, TCSAFLUSH, before) < 0 ? -errno : 0;
}

#endif
