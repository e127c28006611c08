// A disk under SQLite that forgets, tears and fails as a seed says.
//
// It is a SQLite VFS, made the process's default by csd_install, so that the real record store opens its database on it
// without knowing. Paths below a simulated disk's directory lie on that disk; every other path goes to the VFS that was
// the default before.
//
// A file has three layers: what is on the platter, writes that were not synced since, and what a reader sees (the page
// cache). xSync moves the second into the first. A power cut keeps, loses or tears each unsynced write by the seed, sector
// by sector, and so it does with the creation and removal of names; a killed process loses nothing that it has written.
// Writes that a failed sync had in hand are half on the platter and half forgotten although a reader still sees them:
// what Linux does (pages are marked clean).
//
// Locks and the shared memory of the write-ahead log are in memory too, for any number of connections of one thread.
// For each name an empty file stands in the real directory, so that stat() of the store's own checks finds it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct csd_disk csd_disk;

// What goes wrong with the next operations.
typedef enum {
  CSD_NOTHING = 0,
  CSD_READ_EIO,    // a read fails
  CSD_WRITE_EIO,   // a write fails, nothing of it is done
  CSD_WRITE_SHORT, // a write is done in part, then the disk is full
  CSD_WRITE_FULL,  // a write fails for want of space
  CSD_SYNC_EIO,    // a sync fails
} csd_fault;

typedef struct {
  uint64_t reads, writes, syncs, faults, cuts, sectors_lost, sectors_kept;
} csd_counts;

// Makes the VFS the default of this process; 0, or a SQLite result code. May be called again.
int csd_install(void);

// A new, empty disk for the files of `directory`, which has to exist; the path is copied. NULL: no memory.
csd_disk *csd_create(const char *directory, uint64_t seed);

// Forgets a disk; all connections to it have to be closed.
void csd_destroy(csd_disk *disk);

// The process dies before the `after`th operation from now on that would change the disk (0: the next one): from then on
// every operation fails and changes nothing. Negative: it lives on.
void csd_die(csd_disk *disk, int64_t after);

// The process dies at once.
void csd_kill(csd_disk *disk);

// Whether the process has died.
bool csd_is_dead(const csd_disk *disk);

// All connections are closed, and another process begins. With `cut` the power was away in between.
void csd_restart(csd_disk *disk, bool cut);

// The next operation of the kind fails; with `stays` also those after it, until CSD_NOTHING is set.
// `after`: so many of them still go well.
void csd_fail(csd_disk *disk, csd_fault fault, int64_t after, bool stays);

// Every `every`th sync says that it is done and does nothing; 1: all of them, 0: none.
void csd_lie(csd_disk *disk, uint32_t every);

// The store has synced its directory by a system call of its own: names are as they are now.
void csd_sync_directory(csd_disk *disk);

// Turns a bit of a file on the platter and in the cache; false: the file is not so long.
bool csd_flip(csd_disk *disk, const char *path, uint64_t bit);

// A file's length as a reader sees it, -1: there is none.
int64_t csd_length(csd_disk *disk, const char *path);

csd_counts csd_counts_of(const csd_disk *disk);
