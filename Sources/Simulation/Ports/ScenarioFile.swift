internal import CToml
internal import Glibc

extension Scenario {
  /// A scenario file has at most so many bytes.
  public static let fileSizeMax = 1 << 20

  /// Reads a scenario file.
  ///
  /// - Throws: `ScenarioError` with file and line when it cannot be read, is no TOML, or says what cannot be.
  public init(path: String) throws(ScenarioError) {
    try self.init(text: try Scenario.bytes(of: path), file: path)
  }

  /// Reads a scenario from the bytes of a file.
  public init(text: [UInt8], file: String) throws(ScenarioError) {
    let document = text.withUnsafeBytes {
      ctoml_parse($0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
    }
    defer { ctoml_free(document) }
    var line: UInt32 = 0
    var column: UInt32 = 0
    if let sentence = ctoml_error(document, &line, &column) {
      throw ScenarioError(file, Int(line), String(cString: sentence))
    }
    var leaves: [Leaf] = []
    for index in 0..<ctoml_count(document) {
      let value = ctoml_at(document, index)
      guard let path = value.path else { continue }
      leaves.append(
        Leaf(path: String(cString: path), value: Value(value), line: Int(value.line)))
    }
    try self.init(leaves, file: file)
  }

  private static func bytes(of path: String) throws(ScenarioError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw ScenarioError(path, 0, "cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let got = read(descriptor, &buffer, buffer.count)
      if got == 0 { return bytes }
      guard got > 0 else {
        throw ScenarioError(path, 0, "cannot be read: \(String(cString: strerror(errno)))")
      }
      bytes += buffer[0..<got]
      guard bytes.count <= fileSizeMax else {
        throw ScenarioError(path, 0, "is larger than \(fileSizeMax) bytes")
      }
    }
  }
}

extension Scenario.Value {
  fileprivate init(_ value: ctoml_value) {
    switch value.kind {
    case CTOML_STRING:
      let bytes = UnsafeRawBufferPointer(start: value.string, count: value.length)
      self = .text(String(decoding: bytes, as: UTF8.self))
    case CTOML_INTEGER: self = .integer(value.integer)
    case CTOML_FLOAT: self = .number(value.real)
    case CTOML_BOOLEAN: self = .bool(value.boolean)
    case CTOML_TABLE, CTOML_ARRAY: self = .container
    default: self = .other
    }
  }
}
