#include "callocations.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CALLOCATIONS_SANITIZED 1
#endif
#endif

#ifdef CALLOCATIONS_SANITIZED

bool callocations_are_counted(void) { return false; }

uint64_t callocations_of_this_thread(void) { return 0; }

uint64_t callocations_bytes_in_use(void) { return 0; }

#else

// initial-exec: lies in the thread's own block from its start, so that counting never allocates.
static _Thread_local uint64_t count __attribute__((tls_model("initial-exec")));

bool callocations_are_counted(void) { return true; }

uint64_t callocations_of_this_thread(void) { return count; }

uint64_t callocations_bytes_in_use(void) {
  // Sums up all arenas, and what was mapped for itself.
  struct mallinfo2 all = mallinfo2();
  return all.uordblks + all.hblkhd;
}

// glibc's names for its own, exported for programs that replace malloc.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t number, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
  count++;
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  count++;
  return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
  count++;
  return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
  count++;
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count++;
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
  count++;
  void *made = __libc_memalign(alignment, size);
  if (made == NULL) return ENOMEM;
  *memory = made;
  return 0;
}

#endif
