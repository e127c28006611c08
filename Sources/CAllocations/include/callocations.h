// Counts heap allocations, so that a promise to make none can be measured.
//
// What links this gets malloc and its kin from here; they count and hand on to glibc's own. Only bench and
// tests link it. A sanitizer brings an allocator of its own, which must not be shadowed: nothing is counted then.
#ifndef CALLOCATIONS_H
#define CALLOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

/// Whether this build counts; not under a sanitizer.
bool callocations_are_counted(void);

/// Heap allocations of the calling thread since it began.
uint64_t callocations_of_this_thread(void);

/// Bytes of the heap that are in use now, in all threads; 0 where allocations are not counted.
uint64_t callocations_bytes_in_use(void);

#endif
