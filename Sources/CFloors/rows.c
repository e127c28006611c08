#include "cfloors.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

// A value as it is bound again: an integer, or bytes in the arena.
typedef struct {
  int type;
  int length;
  int64_t integer;
  size_t offset;
} value;

typedef struct {
  int columns;
  value *values;
  int64_t rows;
  int64_t room;
  char *arena;
  size_t used;
  size_t size;
} table;

static int keep(table *table, sqlite3_stmt *row) {
  if (table->rows == table->room) {
    table->room = table->room ? table->room * 2 : 1024;
    value *values = realloc(table->values, (size_t)(table->room * table->columns) * sizeof *values);
    if (values == NULL) return -1;
    table->values = values;
  }
  value *values = table->values + table->rows * table->columns;
  for (int column = 0; column < table->columns; column++) {
    value *kept = values + column;
    kept->type = sqlite3_column_type(row, column);
    if (kept->type == SQLITE_INTEGER) {
      kept->integer = sqlite3_column_int64(row, column);
    } else if (kept->type != SQLITE_NULL) {
      const void *bytes = sqlite3_column_blob(row, column);
      kept->length = sqlite3_column_bytes(row, column);
      kept->offset = table->used;
      if (table->used + (size_t)kept->length > table->size) {
        table->size = (table->size + (size_t)kept->length) * 2 + 65536;
        char *arena = realloc(table->arena, table->size);
        if (arena == NULL) return -1;
        table->arena = arena;
      }
      if (kept->length > 0) memcpy(table->arena + table->used, bytes, (size_t)kept->length);
      table->used += (size_t)kept->length;
    }
  }
  table->rows++;
  return 0;
}

static int read_rows(sqlite3 *from, table *table) {
  sqlite3_stmt *rows = NULL;
  if (sqlite3_prepare_v2(from, "SELECT * FROM records ORDER BY sequence", -1, &rows, NULL) != SQLITE_OK) return -1;
  table->columns = sqlite3_column_count(rows);
  int code = SQLITE_ROW;
  while (code == SQLITE_ROW) {
    code = sqlite3_step(rows);
    if (code == SQLITE_ROW && keep(table, rows) != 0) code = SQLITE_NOMEM;
  }
  sqlite3_finalize(rows);
  return code == SQLITE_DONE ? 0 : -1;
}

static int same_schema(sqlite3 *from, sqlite3 *to) {
  sqlite3_stmt *schema = NULL;
  if (sqlite3_exec(to, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", NULL, NULL, NULL) != SQLITE_OK
      || sqlite3_prepare_v2(
             from, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid", -1, &schema, NULL)
             != SQLITE_OK)
    return -1;
  int code = SQLITE_ROW;
  while (code == SQLITE_ROW) {
    code = sqlite3_step(schema);
    if (code == SQLITE_ROW
        && sqlite3_exec(to, (const char *)sqlite3_column_text(schema, 0), NULL, NULL, NULL) != SQLITE_OK)
      code = SQLITE_ERROR;
  }
  sqlite3_finalize(schema);
  return code == SQLITE_DONE ? 0 : -1;
}

static int run(sqlite3_stmt *statement) {
  int code = sqlite3_step(statement);
  sqlite3_reset(statement);
  return code == SQLITE_DONE ? 0 : -1;
}

static int write_rows(sqlite3 *to, const table *table, int rows_per_transaction) {
  sqlite3_stmt *begin = NULL, *insert = NULL, *commit = NULL;
  sqlite3_str *sql = sqlite3_str_new(to);
  for (int column = 0; column < table->columns; column++)
    sqlite3_str_appendall(sql, column == 0 ? "INSERT INTO records VALUES (?" : ",?");
  sqlite3_str_appendall(sql, ")");
  char *inserting = sqlite3_str_finish(sql);
  int failed =
      sqlite3_prepare_v3(to, "BEGIN IMMEDIATE", -1, SQLITE_PREPARE_PERSISTENT, &begin, NULL) != SQLITE_OK
      || sqlite3_prepare_v3(to, "COMMIT", -1, SQLITE_PREPARE_PERSISTENT, &commit, NULL) != SQLITE_OK
      || sqlite3_prepare_v3(to, inserting, -1, SQLITE_PREPARE_PERSISTENT, &insert, NULL) != SQLITE_OK;
  sqlite3_free(inserting);
  int open = 0;
  for (int64_t row = 0; row < table->rows && !failed; row++) {
    if (!open) failed = run(begin);
    open++;
    const value *values = table->values + row * table->columns;
    for (int column = 0; column < table->columns; column++) {
      const value *kept = values + column;
      const char *bytes = table->arena + kept->offset;
      switch (kept->type) {
        case SQLITE_INTEGER: sqlite3_bind_int64(insert, column + 1, kept->integer); break;
        case SQLITE_TEXT: sqlite3_bind_text(insert, column + 1, bytes, kept->length, SQLITE_STATIC); break;
        case SQLITE_BLOB: sqlite3_bind_blob(insert, column + 1, bytes, kept->length, SQLITE_STATIC); break;
        default: sqlite3_bind_null(insert, column + 1);
      }
    }
    failed = failed || run(insert);
    if (!failed && (open == rows_per_transaction || row + 1 == table->rows)) {
      failed = run(commit);
      open = 0;
    }
  }
  sqlite3_finalize(begin);
  sqlite3_finalize(insert);
  sqlite3_finalize(commit);
  return failed ? -1 : 0;
}

int64_t cfloors_rows(const char *from, const char *to, int rows_per_transaction, int64_t *rows) {
  sqlite3 *source = NULL, *target = NULL;
  table table = {0};
  int64_t time = -1;
  if (sqlite3_open_v2(from, &source, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK && read_rows(source, &table) == 0
      && sqlite3_open_v2(to, &target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL)
             == SQLITE_OK
      && same_schema(source, target) == 0) {
    int64_t start = now();
    if (write_rows(target, &table, rows_per_transaction) == 0) time = now() - start;
  }
  *rows = table.rows;
  sqlite3_close(source);
  sqlite3_close(target);
  free(table.values);
  free(table.arena);
  return time;
}

#define HEADER 24
#define PAGE 4096

int cfloors_append_open(const char *path, int places) {
  int descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return -1;
  for (int place = 0; place < places; place++) {
    if (cfloors_append(descriptor, place) < 0) {
      close(descriptor);
      return -1;
    }
  }
  return descriptor;
}

int64_t cfloors_append(int descriptor, int place) {
  static char header[HEADER], page[PAGE];
  off_t offset = (off_t)place * (HEADER + PAGE);
  memset(header, place & 0xFF, sizeof header);
  memset(page, (place + 1) & 0xFF, sizeof page);
  int64_t start = now();
  if (pwrite(descriptor, header, HEADER, offset) != HEADER || pwrite(descriptor, page, PAGE, offset + HEADER) != PAGE
      || fdatasync(descriptor) != 0)
    return -1;
  return now() - start;
}
