#define _GNU_SOURCE
#include "clinux_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int clinux_memory_file(const void *bytes, size_t count) {
  int descriptor = memfd_create("lineward", MFD_CLOEXEC);
  if (descriptor < 0) return -errno;
  if (count > 0 && pwrite(descriptor, bytes, count, 0) != (ssize_t)count) {
    int error = errno == 0 ? EIO : errno;
    close(descriptor);
    return -error;
  }
  return descriptor;
}

int clinux_bounded_file(size_t count) {
  int descriptor = memfd_create("lineward", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0) return -errno;
  if (ftruncate(descriptor, (off_t)count) != 0
      || fcntl(descriptor, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) != 0) {
    int error = errno;
    close(descriptor);
    return -error;
  }
  return descriptor;
}

int clinux_spawn(const char *path, char *const arguments[], char *const environment[], int input, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int error = posix_spawn_file_actions_init(&actions);
  if (error != 0) return -error;
  error = posix_spawnattr_init(&attributes);
  if (error != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return -error;
  }
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  pid_t process = 0;
  // The daemon ignores signals that a program expects to end it.
  if ((error = posix_spawnattr_setflags(
           &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)) == 0
      && (error = posix_spawnattr_setpgroup(&attributes, 0)) == 0
      && (error = posix_spawnattr_setsigdefault(&attributes, &all)) == 0
      && (error = posix_spawnattr_setsigmask(&attributes, &none)) == 0
      && (error = posix_spawn_file_actions_addchdir_np(&actions, "/")) == 0
      && (error = posix_spawn_file_actions_adddup2(&actions, input, 0)) == 0
      && (error = posix_spawn_file_actions_adddup2(&actions, output, 1)) == 0
      && (error = posix_spawn_file_actions_adddup2(&actions, output, 2)) == 0
      && (error = posix_spawn_file_actions_addclosefrom_np(&actions, 3)) == 0)
    error = posix_spawn(&process, path, &actions, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error != 0 ? -error : process;
}

int clinux_spawn_wait(int process, int milliseconds, int *status) {
  int descriptor = (int)syscall(SYS_pidfd_open, process, 0);
  if (descriptor < 0) return -errno;
  struct pollfd one = {.fd = descriptor, .events = POLLIN};
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  int64_t end = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + milliseconds;
  int left = milliseconds;
  int ready;
  while ((ready = poll(&one, 1, left)) < 0 && errno == EINTR) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t rest = end - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    left = rest > 0 ? (int)rest : 0;
  }
  int error = errno;
  close(descriptor);
  if (ready < 0) return -error;
  if (ready == 0) return 0;
  int ended;
  if (waitpid(process, &ended, WNOHANG) != process) return -ECHILD;
  *status = WIFEXITED(ended) ? WEXITSTATUS(ended) : -WTERMSIG(ended);
  return 1;
}

int clinux_process_descriptor(int process) {
  int descriptor = (int)syscall(SYS_pidfd_open, process, 0);
  return descriptor < 0 ? -errno : descriptor;
}

void clinux_spawn_kill(int process) {
  kill(-process, SIGKILL);
  kill(process, SIGKILL);
  // A process that the kernel cannot end now, stuck in a device, is left to it.
  int status;
  clinux_spawn_wait(process, 1000, &status);
}
