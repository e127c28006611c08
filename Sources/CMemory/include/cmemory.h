#ifndef CMEMORY_H
#define CMEMORY_H

/// Asks the processor to bring the cache line at an address near, and does not wait for it; any address will do.
static inline void cmemory_prefetch(const void *address) { __builtin_prefetch(address, 1); }

#endif
