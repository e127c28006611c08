internal import CToml

/// A TOML file as a flat list of values, each with its path and place.
struct Document {
  /// One value of the file.
  struct Value {
    enum Content {
      case string(String)
      case integer(Int64)
      case float(Double)
      case boolean(Bool)
      case time
      case table
      case array
    }

    /// Keys joined with dots, places in arrays in brackets: `scanner[0].name`.
    var path: String
    var content: Content
    var line: Int
    var column: Int
  }

  /// Where and why a file is no TOML.
  struct SyntaxError: Error {
    var sentence: String
    var line: Int
    var column: Int
  }

  var values: [Value] = []

  init(_ text: [UInt8]) throws(SyntaxError) {
    let document = text.withUnsafeBufferPointer { buffer in
      buffer.withMemoryRebound(to: CChar.self) { ctoml_parse($0.baseAddress, $0.count) }
    }
    defer { ctoml_free(document) }
    var line: UInt32 = 0
    var column: UInt32 = 0
    if let sentence = ctoml_error(document, &line, &column) {
      var sentence = String(cString: sentence)
      // The commonest slip of all: id = L01.
      if sentence.hasSuffix("could not determine value type") {
        sentence += "; texts stand in quotes"
      }
      throw SyntaxError(sentence: sentence, line: Int(line), column: Int(column))
    }
    for index in 0..<ctoml_count(document) {
      let value = ctoml_at(document, index)
      let content: Value.Content
      switch value.kind {
      case CTOML_STRING:
        let bytes = UnsafeRawBufferPointer(start: value.string, count: value.length)
        content = .string(String(decoding: bytes, as: UTF8.self))
      case CTOML_INTEGER: content = .integer(value.integer)
      case CTOML_FLOAT: content = .float(value.real)
      case CTOML_BOOLEAN: content = .boolean(value.boolean)
      case CTOML_TABLE: content = .table
      case CTOML_ARRAY: content = .array
      default: content = .time
      }
      values.append(
        Value(
          path: String(cString: value.path), content: content, line: Int(value.line),
          column: Int(value.column)))
    }
  }
}

extension Document.Value.Content {
  var isTableOrArray: Bool {
    switch self {
    case .table, .array: true
    case .string, .integer, .float, .boolean, .time: false
    }
  }

  /// What it is, for a person.
  var phrase: String {
    switch self {
    case .string: "a text"
    case .integer: "a whole number"
    case .float: "a number with a fraction"
    case .boolean: "true or false"
    case .time: "a date or time"
    case .table: "a table"
    case .array: "a list"
    }
  }
}
