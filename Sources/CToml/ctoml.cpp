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
      walk(document, path.empty() ? name : path + "." + name, *child);
    }
    return;
  }
  if (const toml::array *array = node.as_array()) {
    value.kind = CTOML_ARRAY;
    document.values.push_back(value);
    size_t index = 0;
    for (const toml::node &child : *array) {
      walk(document, path + "[" + std::to_string(index++) + "]", child);
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

void fail(ctoml_document &document, std::string_view sentence, uint32_t line, uint32_t column) {
  document.values.clear();
  document.failed = true;
  document.error = sentence;
  document.line = line;
  document.column = column;
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
