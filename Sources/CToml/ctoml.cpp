#include "ctoml.h"

#define TOML_HEADER_ONLY 0
#define TOML_SHARED_LIB 1
#include <toml++/toml.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Value {
  std::string path;
  ctoml_kind kind;
  std::string string;
  int64_t integer = 0;
  double real = 0;
  bool boolean = false;
  uint32_t line = 0;
  uint32_t column = 0;
};

}  // namespace

struct ctoml_document {
  std::vector<Value> values;
  bool failed = false;
  std::string error;
  uint32_t line = 1;
  uint32_t column = 1;
};

namespace {

void fail(ctoml_document &document, std::string_view sentence, uint32_t line, uint32_t column) {
  document.values.clear();
  document.failed = true;
  document.error = sentence;
  document.line = line;
  document.column = column;
}

// Whether a key needs no quotes. Others would make paths ambiguous: "scanner[0]" is a key that TOML allows.
bool is_bare(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// The first line with a key of more parts than any of ours has; 0 when there is none.
//
// toml++ bounds values in values (256), but not the parts of a dotted key, and frees tables by recursion: "a.a.a…" of
// 20 KB overflowed the stack. A string over several lines is read as if it were keys; none has so many dots in a line.
uint32_t too_deep(std::string_view text) {
  constexpr int dots_max = 16;
  uint32_t line = 1;
  int dots = 0;
  char quote = 0;
  bool comment = false;
  for (size_t i = 0; i < text.size(); i++) {
    char c = text[i];
    if (c == '\n') {
      line++;
      dots = 0;
      quote = 0;
      comment = false;
    } else if (comment) {
      continue;
    } else if (quote) {
      if (c == '\\' && quote == '"' && i + 1 < text.size() && text[i + 1] != '\n') {
        i++;
      } else if (c == quote) {
        quote = 0;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#') {
      comment = true;
    } else if (c == '=' || c == ',') {
      dots = 0;
    } else if (c == '.' && ++dots > dots_max) {
      return line;
    }
  }
  return 0;
}

void walk(ctoml_document &document, const std::string &path, const toml::node &node) {
  Value value;
  value.path = path;
  value.line = static_cast<uint32_t>(node.source().begin.line);
  value.column = static_cast<uint32_t>(node.source().begin.column);
  if (const toml::table *table = node.as_table()) {
    if (!path.empty()) {
      value.kind = CTOML_TABLE;
      document.values.push_back(value);
    }
    // toml++ sorts keys; people read files from the top.
    std::vector<std::pair<const toml::key *, const toml::node *>> entries;
    for (auto &&[key, child] : *table) entries.emplace_back(&key, &child);
    std::stable_sort(entries.begin(), entries.end(), [](const auto &left, const auto &right) {
      return left.second->source().begin < right.second->source().begin;
    });
    for (const auto &[key, child] : entries) {
      std::string name(key->str());
      if (!is_bare(name)) {
        fail(document, "a key holds something else than letters, digits, - and _",
             static_cast<uint32_t>(key->source().begin.line), static_cast<uint32_t>(key->source().begin.column));
        return;
      }
      walk(document, path.empty() ? name : path + "." + name, *child);
      if (document.failed) return;
    }
    return;
  }
  if (const toml::array *array = node.as_array()) {
    value.kind = CTOML_ARRAY;
    document.values.push_back(value);
    size_t index = 0;
    for (const toml::node &child : *array) {
      walk(document, path + "[" + std::to_string(index++) + "]", child);
      if (document.failed) return;
    }
    return;
  }
  if (auto text = node.value_exact<std::string>()) {
    value.kind = CTOML_STRING;
    value.string = *text;
  } else if (auto integer = node.value_exact<int64_t>()) {
    value.kind = CTOML_INTEGER;
    value.integer = *integer;
  } else if (auto real = node.value_exact<double>()) {
    value.kind = CTOML_FLOAT;
    value.real = *real;
  } else if (auto boolean = node.value_exact<bool>()) {
    value.kind = CTOML_BOOLEAN;
    value.boolean = *boolean;
  } else {
    value.kind = CTOML_TIME;
  }
  document.values.push_back(value);
}

}  // namespace

ctoml_document *ctoml_parse(const char *text, size_t length) {
  auto *document = new ctoml_document;
  std::string_view view(text, length);
  // toml++ takes a NUL inside strings; no key of ours may hold one.
  if (size_t zero = view.find('\0'); zero != std::string_view::npos) {
    uint32_t line = 1 + static_cast<uint32_t>(std::count(view.begin(), view.begin() + zero, '\n'));
    fail(*document, "the file holds a NUL byte", line, 1);
    return document;
  }
  if (uint32_t line = too_deep(view)) {
    fail(*document, "a key has too many parts", line, 1);
    return document;
  }
  try {
    toml::table table = toml::parse(view);
    walk(*document, "", table);
    for (const Value &value : document->values) {
      if (value.string.find('\0') != std::string::npos) {
        fail(*document, "a string holds a NUL character", value.line, value.column);
        break;
      }
    }
  } catch (const toml::parse_error &error) {
    fail(*document, error.description(), static_cast<uint32_t>(error.source().begin.line),
         static_cast<uint32_t>(error.source().begin.column));
  } catch (const std::exception &error) {
    fail(*document, error.what(), 1, 1);
  }
  return document;
}

const char *ctoml_error(const ctoml_document *document, uint32_t *line, uint32_t *column) {
  if (!document->failed) return nullptr;
  *line = document->line;
  *column = document->column;
  return document->error.c_str();
}

size_t ctoml_count(const ctoml_document *document) { return document->values.size(); }

ctoml_value ctoml_at(const ctoml_document *document, size_t index) {
  const Value &value = document->values[index];
  return ctoml_value{value.path.c_str(), value.kind,    value.string.data(), value.string.size(), value.integer,
                     value.real,         value.boolean, value.line,          value.column};
}

void ctoml_free(ctoml_document *document) { delete document; }
