#ifndef CTOML_H
#define CTOML_H

// A flat view of a TOML file: every value with its path, kind and place.
//
// Built on toml++ (Debian: libtomlplusplus-dev), which is C++ and throws; nothing of that crosses this header. Strings
// belong to the document and live until ctoml_free.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ctoml_document ctoml_document;

typedef enum {
  CTOML_STRING = 1,
  CTOML_INTEGER = 2,
  CTOML_FLOAT = 3,
  CTOML_BOOLEAN = 4,
  CTOML_TIME = 5,
  // Tables and arrays stand before what they hold, so that empty ones are seen too.
  CTOML_TABLE = 6,
  CTOML_ARRAY = 7,
} ctoml_kind;

typedef struct {
  // Keys joined with '.', array places as [n]: "scanner[0].name".
  const char *path;
  ctoml_kind kind;
  // CTOML_STRING: bytes in UTF-8, not ended by zero alone: a string may not hold NUL, which is refused.
  const char *string;
  size_t length;
  int64_t integer;
  double real;
  bool boolean;
  uint32_t line;
  uint32_t column;
} ctoml_value;

// Reads a document. Never null. When it is no TOML, ctoml_error says why and there are no values.
ctoml_document *ctoml_parse(const char *text, size_t length);

// Null when the document was read; otherwise a sentence, and where.
const char *ctoml_error(const ctoml_document *document, uint32_t *line, uint32_t *column);

size_t ctoml_count(const ctoml_document *document);
ctoml_value ctoml_at(const ctoml_document *document, size_t index);
void ctoml_free(ctoml_document *document);

#ifdef __cplusplus
}
#endif

#endif
