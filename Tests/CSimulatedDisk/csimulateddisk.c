#include "csimulateddisk.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_MAX_CSD = 512, NAMES_MAX = 16, LOCKS = SQLITE_SHM_NLOCK };

// A write or a truncation that no sync has moved to the platter.
typedef struct op {
  struct op *next;
  int64_t offset;
  int64_t count;   // bytes; -1: truncation to `offset`
  uint8_t bytes[];
} op;

typedef struct {
  uint8_t *bytes;
  int64_t size, room;
} content;

typedef struct handle handle;

typedef struct inode {
  int references; // names (now and on the platter) and handles
  content cache, platter;
  op *first, **last;
  handle *handles;
  uint8_t **regions;
  int region_count, region_size, mapped;
} inode;

typedef struct {
  char path[PATH_MAX_CSD];
  inode *now, *platter; // NULL: not there
} name;

struct csd_disk {
  csd_disk *next;
  char directory[PATH_MAX_CSD];
  size_t length;
  uint64_t state;
  name names[NAMES_MAX];
  int64_t dies_after;
  bool dead;
  csd_fault fault;
  int64_t fault_after;
  bool fault_stays;
  uint32_t lie_every;
  csd_counts counts;
};

struct handle {
  sqlite3_file base;
  csd_disk *disk;
  inode *file;
  handle *next;
  int lock;
  bool mapped;
  uint16_t shared, exclusive;
  name *named;
  bool delete_on_close;
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static csd_disk *registry;
static sqlite3_vfs *beneath;

// MARK: Chance (SplitMix64, as in the rest of the simulation)

static uint64_t draw(csd_disk *disk) {
  uint64_t z = (disk->state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static uint64_t below(csd_disk *disk, uint64_t bound) { return draw(disk) % bound; }

// MARK: Contents

static bool reserve(content *c, int64_t size) {
  if (size <= c->room) return true;
  int64_t room = c->room ? c->room : 65536;
  while (room < size) room *= 2;
  uint8_t *bytes = realloc(c->bytes, (size_t)room);
  if (!bytes) return false;
  memset(bytes + c->room, 0, (size_t)(room - c->room));
  c->bytes = bytes;
  c->room = room;
  return true;
}

static bool put(content *c, int64_t offset, const uint8_t *bytes, int64_t count) {
  if (!reserve(c, offset + count)) return false;
  memcpy(c->bytes + offset, bytes, (size_t)count);
  if (offset + count > c->size) c->size = offset + count;
  return true;
}

static bool resize(content *c, int64_t size) {
  if (!reserve(c, size)) return false;
  if (size < c->size) memset(c->bytes + size, 0, (size_t)(c->size - size));
  c->size = size;
  return true;
}

static bool apply(content *c, const op *o) {
  return o->count < 0 ? resize(c, o->offset) : put(c, o->offset, o->bytes, o->count);
}

static void forget_ops(inode *file) {
  for (op *o = file->first; o;) {
    op *next = o->next;
    free(o);
    o = next;
  }
  file->first = NULL;
  file->last = &file->first;
}

static void forget_shared_memory(inode *file) {
  for (int i = 0; i < file->region_count; i++) free(file->regions[i]);
  free(file->regions);
  file->regions = NULL;
  file->region_count = 0;
}

static void release(inode *file) {
  if (!file || --file->references > 0) return;
  forget_ops(file);
  forget_shared_memory(file);
  free(file->cache.bytes);
  free(file->platter.bytes);
  free(file);
}

static bool append_op(inode *file, int64_t offset, const uint8_t *bytes, int64_t count) {
  op *o = malloc(sizeof *o + (size_t)(count > 0 ? count : 0));
  if (!o) return false;
  o->next = NULL;
  o->offset = offset;
  o->count = count;
  if (count > 0) memcpy(o->bytes, bytes, (size_t)count);
  *file->last = o;
  file->last = &o->next;
  return true;
}

// MARK: Names

static name *find_name(csd_disk *disk, const char *path, bool make) {
  name *unused = NULL;
  for (int i = 0; i < NAMES_MAX; i++) {
    name *n = &disk->names[i];
    if (n->path[0] && strcmp(n->path, path) == 0) return n;
    if (!n->path[0] && !unused) unused = n;
  }
  if (!make || !unused || strlen(path) >= PATH_MAX_CSD) return NULL;
  strcpy(unused->path, path);
  return unused;
}

// The empty file that stands for the name in the real directory.
static void stand_in(const name *n) {
  if (n->now) {
    int descriptor = open(n->path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (descriptor >= 0) close(descriptor);
  } else {
    unlink(n->path);
  }
}

static csd_disk *disk_of(const char *path) {
  if (!path) return NULL;
  pthread_mutex_lock(&registry_lock);
  csd_disk *disk = registry;
  while (disk && !(strncmp(path, disk->directory, disk->length) == 0 && path[disk->length] == '/'))
    disk = disk->next;
  pthread_mutex_unlock(&registry_lock);
  return disk;
}

// MARK: Boundaries and faults

// Every operation that changes the disk begins here: false when the process is dead.
static bool lives(csd_disk *disk) {
  if (!disk->dead && disk->dies_after >= 0 && disk->dies_after-- == 0) disk->dead = true;
  return !disk->dead;
}

static bool is_due(csd_disk *disk, csd_fault fault) {
  if (disk->fault != fault || disk->fault_after-- > 0) return false;
  disk->fault_after = 0;
  disk->counts.faults++;
  if (!disk->fault_stays) disk->fault = CSD_NOTHING;
  return true;
}

// MARK: A file

static int file_close(sqlite3_file *base) {
  handle *h = (handle *)base;
  handle **link = &h->file->handles;
  while (*link != h) link = &(*link)->next;
  *link = h->next;
  if (h->mapped && --h->file->mapped == 0) forget_shared_memory(h->file);
  if (h->delete_on_close && h->named && h->named->now == h->file) {
    release(h->named->now);
    h->named->now = NULL;
    stand_in(h->named);
  }
  release(h->file);
  return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *to, int count, sqlite3_int64 offset) {
  handle *h = (handle *)base;
  h->disk->counts.reads++;
  if (h->disk->dead || is_due(h->disk, CSD_READ_EIO)) return SQLITE_IOERR_READ;
  content *c = &h->file->cache;
  int64_t there = c->size - offset;
  if (there >= count) {
    memcpy(to, c->bytes + offset, (size_t)count);
    return SQLITE_OK;
  }
  if (there < 0) there = 0;
  if (there > 0) memcpy(to, c->bytes + offset, (size_t)there);
  memset((uint8_t *)to + there, 0, (size_t)(count - there));
  return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *from, int count, sqlite3_int64 offset) {
  handle *h = (handle *)base;
  if (!lives(h->disk)) return SQLITE_IOERR_WRITE;
  h->disk->counts.writes++;
  if (is_due(h->disk, CSD_WRITE_EIO)) return SQLITE_IOERR_WRITE;
  if (is_due(h->disk, CSD_WRITE_FULL)) return SQLITE_FULL;
  int code = SQLITE_OK;
  if (is_due(h->disk, CSD_WRITE_SHORT)) {
    count = (int)below(h->disk, (uint64_t)count);
    code = SQLITE_FULL;
    if (count == 0) return code;
  }
  if (!append_op(h->file, offset, from, count) || !put(&h->file->cache, offset, from, count))
    return SQLITE_IOERR_NOMEM;
  return code;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
  handle *h = (handle *)base;
  if (!lives(h->disk)) return SQLITE_IOERR_TRUNCATE;
  h->disk->counts.writes++;
  if (is_due(h->disk, CSD_WRITE_EIO)) return SQLITE_IOERR_TRUNCATE;
  if (!append_op(h->file, size, NULL, -1) || !resize(&h->file->cache, size))
    return SQLITE_IOERR_NOMEM;
  return SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags) {
  handle *h = (handle *)base;
  (void)flags;
  if (!lives(h->disk)) return SQLITE_IOERR_FSYNC;
  h->disk->counts.syncs++;
  inode *file = h->file;
  if (is_due(h->disk, CSD_SYNC_EIO)) {
    // Each of the writes is on the platter or is not, and nobody will write it again.
    for (op *o = file->first; o; o = o->next)
      if (draw(h->disk) & 1 && !apply(&file->platter, o)) return SQLITE_IOERR_NOMEM;
    forget_ops(file);
    return SQLITE_IOERR_FSYNC;
  }
  if (h->disk->lie_every && h->disk->counts.syncs % h->disk->lie_every == 0) return SQLITE_OK;
  for (op *o = file->first; o; o = o->next)
    if (!apply(&file->platter, o)) return SQLITE_IOERR_NOMEM;
  forget_ops(file);
  // The first sync of a new file brings its name with it, as SQLite's own unix VFS does for logs and journals. The
  // database's name is synced by the store, before anything is in it: csd_sync_directory.
  if (h->named && h->named->now == file && h->named->platter != file) {
    release(h->named->platter);
    h->named->platter = file;
    file->references++;
  }
  return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
  handle *h = (handle *)base;
  if (h->disk->dead) return SQLITE_IOERR_FSTAT;
  *size = h->file->cache.size;
  return SQLITE_OK;
}

static int file_lock(sqlite3_file *base, int wanted) {
  handle *h = (handle *)base;
  if (h->lock >= wanted) return SQLITE_OK;
  if (h->disk->dead) return SQLITE_IOERR_LOCK;
  for (handle *other = h->file->handles; other; other = other->next) {
    if (other == h) continue;
    if (wanted == SQLITE_LOCK_SHARED ? other->lock >= SQLITE_LOCK_PENDING
        : wanted == SQLITE_LOCK_RESERVED ? other->lock >= SQLITE_LOCK_RESERVED
                                         : other->lock >= SQLITE_LOCK_SHARED)
      return SQLITE_BUSY;
  }
  h->lock = wanted;
  return SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int wanted) {
  handle *h = (handle *)base;
  if (h->lock > wanted) h->lock = wanted;
  return SQLITE_OK;
}

static int file_is_reserved(sqlite3_file *base, int *answer) {
  handle *h = (handle *)base;
  *answer = 0;
  for (handle *other = h->file->handles; other; other = other->next)
    if (other->lock >= SQLITE_LOCK_RESERVED) *answer = 1;
  return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int operation, void *argument) {
  (void)base, (void)operation, (void)argument;
  return SQLITE_NOTFOUND;
}

// Both as the unix VFS says on ext4.
static int file_sector_size(sqlite3_file *base) {
  (void)base;
  return 4096;
}
static int file_characteristics(sqlite3_file *base) {
  (void)base;
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

// MARK: The write-ahead log's shared memory

static int shm_map(sqlite3_file *base, int index, int size, int extend, void volatile **memory) {
  handle *h = (handle *)base;
  inode *file = h->file;
  *memory = NULL;
  if (h->disk->dead) return SQLITE_IOERR_SHMMAP;
  if (!h->mapped) {
    h->mapped = true;
    file->mapped++;
  }
  if (index >= file->region_count) {
    if (!extend) return SQLITE_OK;
    uint8_t **regions = realloc(file->regions, sizeof *regions * (size_t)(index + 1));
    if (!regions) return SQLITE_IOERR_NOMEM;
    file->regions = regions;
    while (file->region_count <= index) {
      uint8_t *region = calloc(1, (size_t)size);
      if (!region) return SQLITE_IOERR_NOMEM;
      file->regions[file->region_count++] = region;
    }
  }
  *memory = file->regions[index];
  return SQLITE_OK;
}

static int shm_lock(sqlite3_file *base, int offset, int count, int flags) {
  handle *h = (handle *)base;
  uint16_t mask = (uint16_t)(((1u << count) - 1) << offset);
  if (flags & SQLITE_SHM_UNLOCK) {
    h->shared &= (uint16_t)~mask;
    h->exclusive &= (uint16_t)~mask;
    return SQLITE_OK;
  }
  if (h->disk->dead) return SQLITE_IOERR_SHMLOCK;
  for (handle *other = h->file->handles; other; other = other->next) {
    if (other == h) continue;
    if (other->exclusive & mask) return SQLITE_BUSY;
    if (flags & SQLITE_SHM_EXCLUSIVE && other->shared & mask) return SQLITE_BUSY;
  }
  if (flags & SQLITE_SHM_EXCLUSIVE) {
    h->exclusive |= mask;
  } else {
    h->shared |= mask;
  }
  return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *base) { (void)base; }

static int shm_unmap(sqlite3_file *base, int is_deleted) {
  handle *h = (handle *)base;
  (void)is_deleted;
  h->shared = h->exclusive = 0;
  if (h->mapped) {
    h->mapped = false;
    // The next one to open it begins with an empty one, as the unix VFS does for its first.
    if (--h->file->mapped == 0) forget_shared_memory(h->file);
  }
  return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_is_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

// MARK: The VFS

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *given) {
  (void)vfs;
  csd_disk *disk = disk_of(path);
  if (!disk) return beneath->xOpen(beneath, path, base, flags, given);
  handle *h = (handle *)base;
  memset(h, 0, sizeof *h);
  if (disk->dead) return SQLITE_CANTOPEN;
  name *n = find_name(disk, path, flags & SQLITE_OPEN_CREATE);
  if (!n) return SQLITE_CANTOPEN;
  if (!n->now) {
    if (!(flags & SQLITE_OPEN_CREATE) || !lives(disk)) return SQLITE_CANTOPEN;
    inode *file = calloc(1, sizeof *file);
    if (!file) return SQLITE_NOMEM;
    file->last = &file->first;
    file->references = 1;
    n->now = file;
    stand_in(n);
  }
  h->disk = disk;
  h->file = n->now;
  h->named = n;
  h->delete_on_close = flags & SQLITE_OPEN_DELETEONCLOSE;
  h->file->references++;
  h->next = h->file->handles;
  h->file->handles = h;
  base->pMethods = &methods;
  if (given) *given = flags;
  return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync) {
  (void)vfs;
  csd_disk *disk = disk_of(path);
  if (!disk) return beneath->xDelete(beneath, path, sync);
  name *n = find_name(disk, path, false);
  if (!n || !n->now) return SQLITE_IOERR_DELETE_NOENT;
  if (!lives(disk)) return SQLITE_IOERR_DELETE;
  release(n->now);
  n->now = NULL;
  stand_in(n);
  if (sync && !(disk->lie_every && ++disk->counts.syncs % disk->lie_every == 0)) {
    release(n->platter);
    n->platter = NULL;
  }
  return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *answer) {
  (void)vfs;
  csd_disk *disk = disk_of(path);
  if (!disk) return beneath->xAccess(beneath, path, flags, answer);
  name *n = find_name(disk, path, false);
  // The unix VFS takes an empty file for none where it is asked whether it exists.
  *answer = n && n->now && (flags != SQLITE_ACCESS_EXISTS || n->now->cache.size > 0);
  return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int count, char *full) {
  (void)vfs;
  return beneath->xFullPathname(beneath, path, count, full);
}
static void *vfs_dl_open(sqlite3_vfs *vfs, const char *path) {
  (void)vfs;
  return beneath->xDlOpen(beneath, path);
}
static void vfs_dl_error(sqlite3_vfs *vfs, int count, char *text) {
  (void)vfs;
  beneath->xDlError(beneath, count, text);
}
static void (*vfs_dl_symbol(sqlite3_vfs *vfs, void *library, const char *symbol))(void) {
  (void)vfs;
  return beneath->xDlSym(beneath, library, symbol);
}
static void vfs_dl_close(sqlite3_vfs *vfs, void *library) {
  (void)vfs;
  beneath->xDlClose(beneath, library);
}
static int vfs_randomness(sqlite3_vfs *vfs, int count, char *bytes) {
  (void)vfs;
  return beneath->xRandomness(beneath, count, bytes);
}
static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
  (void)vfs;
  return beneath->xSleep(beneath, microseconds);
}
static int vfs_time(sqlite3_vfs *vfs, double *days) {
  (void)vfs;
  return beneath->xCurrentTime(beneath, days);
}
static int vfs_last_error(sqlite3_vfs *vfs, int count, char *text) {
  (void)vfs, (void)count, (void)text;
  return 0;
}
static int vfs_time64(sqlite3_vfs *vfs, sqlite3_int64 *milliseconds) {
  (void)vfs;
  return beneath->xCurrentTimeInt64(beneath, milliseconds);
}

static sqlite3_vfs simulated = {
    .iVersion = 2,
    .mxPathname = PATH_MAX_CSD,
    .zName = "simulated",
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_path,
    .xDlOpen = vfs_dl_open,
    .xDlError = vfs_dl_error,
    .xDlSym = vfs_dl_symbol,
    .xDlClose = vfs_dl_close,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_time,
    .xGetLastError = vfs_last_error,
    .xCurrentTimeInt64 = vfs_time64,
};

int csd_install(void) {
  int code = sqlite3_initialize();
  if (code != SQLITE_OK) return code;
  pthread_mutex_lock(&registry_lock);
  if (!beneath) {
    beneath = sqlite3_vfs_find(NULL);
    int size = (int)sizeof(handle);
    simulated.szOsFile = beneath->szOsFile > size ? beneath->szOsFile : size;
    code = sqlite3_vfs_register(&simulated, 1);
  }
  pthread_mutex_unlock(&registry_lock);
  return code;
}

// MARK: Disks

csd_disk *csd_create(const char *directory, uint64_t seed) {
  size_t length = strlen(directory);
  csd_disk *disk = length < PATH_MAX_CSD - 64 ? calloc(1, sizeof *disk) : NULL;
  if (!disk) return NULL;
  memcpy(disk->directory, directory, length);
  disk->length = length;
  disk->state = seed;
  disk->dies_after = -1;
  pthread_mutex_lock(&registry_lock);
  disk->next = registry;
  registry = disk;
  pthread_mutex_unlock(&registry_lock);
  return disk;
}

void csd_destroy(csd_disk *disk) {
  pthread_mutex_lock(&registry_lock);
  csd_disk **link = &registry;
  while (*link != disk) link = &(*link)->next;
  *link = disk->next;
  pthread_mutex_unlock(&registry_lock);
  for (int i = 0; i < NAMES_MAX; i++) {
    release(disk->names[i].now);
    release(disk->names[i].platter);
  }
  free(disk);
}

void csd_die(csd_disk *disk, int64_t after) { disk->dies_after = after; }

void csd_kill(csd_disk *disk) { disk->dead = true; }

bool csd_is_dead(const csd_disk *disk) { return disk->dead; }

void csd_fail(csd_disk *disk, csd_fault fault, int64_t after, bool stays) {
  disk->fault = fault;
  disk->fault_after = after;
  disk->fault_stays = stays;
}

void csd_lie(csd_disk *disk, uint32_t every) { disk->lie_every = every; }

void csd_sync_directory(csd_disk *disk) {
  for (int i = 0; i < NAMES_MAX; i++) {
    name *n = &disk->names[i];
    if (n->now == n->platter) continue;
    if (n->now) n->now->references++;
    release(n->platter);
    n->platter = n->now;
  }
}

csd_counts csd_counts_of(const csd_disk *disk) { return disk->counts; }

int64_t csd_length(csd_disk *disk, const char *path) {
  name *n = find_name(disk, path, false);
  return n && n->now ? n->now->cache.size : -1;
}

bool csd_flip(csd_disk *disk, const char *path, uint64_t bit) {
  name *n = find_name(disk, path, false);
  int64_t place = (int64_t)(bit / 8);
  if (!n || !n->now || place >= n->now->cache.size) return false;
  n->now->cache.bytes[place] ^= (uint8_t)(1u << (bit % 8));
  if (place < n->now->platter.size) n->now->platter.bytes[place] ^= (uint8_t)(1u << (bit % 8));
  return true;
}

// MARK: The power cut

// How the writes that no sync has confirmed fare at one cut.
enum { ALL_LOST, ALL_KEPT, IN_ORDER, BY_WRITE, BY_SECTOR };

static void fare(csd_disk *disk, inode *file, int manner, int64_t sector) {
  uint64_t total = 0;
  for (op *o = file->first; o; o = o->next) total++;
  uint64_t kept = total ? below(disk, total + 1) : 0;
  uint64_t index = 0;
  for (op *o = file->first; o; o = o->next, index++) {
    if (o->count < 0) {
      bool is_kept = manner == ALL_KEPT || (manner == IN_ORDER && index < kept) ||
                     (manner >= BY_WRITE && draw(disk) & 1);
      if (is_kept) apply(&file->platter, o);
      continue;
    }
    bool whole = manner == ALL_KEPT || (manner == IN_ORDER && index < kept) ||
                 (manner == BY_WRITE && draw(disk) & 1);
    // In order, the one at which the power went is torn.
    bool torn = manner == BY_SECTOR || (manner == IN_ORDER && index == kept);
    for (int64_t at = 0; at < o->count;) {
      int64_t end = ((o->offset + at) / sector + 1) * sector - o->offset;
      if (end > o->count) end = o->count;
      if (whole || (torn && draw(disk) & 1)) {
        put(&file->platter, o->offset + at, o->bytes + at, end - at);
        disk->counts.sectors_kept++;
      } else {
        disk->counts.sectors_lost++;
      }
      at = end;
    }
    // The length may be there without what it spans: zeros.
    int64_t end = o->offset + o->count;
    if (file->platter.size < end && !whole && manner != ALL_LOST && draw(disk) & 1)
      resize(&file->platter, end);
  }
  forget_ops(file);
  file->cache.size = 0;
  if (file->cache.bytes) memset(file->cache.bytes, 0, (size_t)file->cache.room);
  put(&file->cache, 0, file->platter.bytes ? file->platter.bytes : (const uint8_t *)"",
      file->platter.size);
}

void csd_restart(csd_disk *disk, bool cut) {
  disk->dead = false;
  disk->dies_after = -1;
  if (!cut) return;
  disk->counts.cuts++;
  int manner = (int)below(disk, BY_SECTOR + 1);
  int64_t sector = draw(disk) & 1 ? 512 : 4096;
  for (int i = 0; i < NAMES_MAX; i++) {
    name *n = &disk->names[i];
    if (!n->path[0]) continue;
    if (n->now != n->platter) {
      // The directory was not synced since: either may be what stands in it.
      inode **loser = draw(disk) & 1 ? &n->now : &n->platter;
      inode *winner = loser == &n->now ? n->platter : n->now;
      release(*loser);
      *loser = winner;
      if (winner) winner->references++;
      unlink(n->path);
      stand_in(n);
    }
    if (n->now) fare(disk, n->now, manner, sector);
  }
}
