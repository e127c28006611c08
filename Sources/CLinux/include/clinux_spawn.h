// Programs that are started, fed and ended in time: compiled here and not inline, because it needs _GNU_SOURCE, which is too
// late to define once another header of this module has been read. Every function returns -errno on failure.
#ifndef CLINUX_SPAWN_H
#define CLINUX_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

// A file in memory with these bytes, to be read from its beginning.
int clinux_memory_file(const void *bytes, size_t count);

// An empty file in memory that never holds more than so many bytes: a program that writes more gets EPERM. Its position,
// which is shared with the program, says how much was written.
int clinux_bounded_file(size_t count);

// Starts a program, no shell between, as the leader of a process group of its own, in /, with nothing of this process
// but the three descriptors: its standard input, and one for both outputs. Returns its process number.
int clinux_spawn(const char *path, char *const arguments[], char *const environment[], int input, int output);

// Waits for so many milliseconds at most; 1 when the program has ended, with the exit code, or the signal as a negative
// number, in *status; 0 when it runs still. A signal to this process does not shorten the wait.
int clinux_spawn_wait(int process, int milliseconds, int *status);

// A descriptor that becomes readable when the process ends.
int clinux_process_descriptor(int process);

// Ends the program's whole group at once, and takes it off the process table.
void clinux_spawn_kill(int process);

#endif
