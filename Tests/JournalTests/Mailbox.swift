import CLinux
import Glibc

/// A datagram socket in a folder of its own, as journald and the service manager have one.
final class Mailbox {
  /// Where it listens.
  let path: String
  private let folder: String
  private var descriptor: Int32 = -1

  /// Makes one, with nobody listening yet.
  init() {
    var template = Array("/tmp/lineward-journal-XXXXXX".utf8CString)
    folder = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) } ?? ""
    }
    path = folder + "/socket"
  }

  deinit {
    close()
    rmdir(folder)
  }

  /// Begins to listen; false when the machine does not let it.
  func open() -> Bool {
    descriptor = clinux_datagram_socket(1000)
    return descriptor >= 0 && clinux_socket_bind(descriptor, path) == 0
  }

  /// Goes away, as journald does when it is restarted.
  func close() {
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
    unlink(path)
  }

  /// The next datagram, waited for at most `milliseconds`; nil when none comes.
  func receive(within milliseconds: Int32 = 5000) -> [UInt8]? {
    guard clinux_socket_wait(descriptor, -1, 0, milliseconds) == 1 else { return nil }
    var bytes = [UInt8](repeating: 0, count: 256 * 1024)
    let count = recv(descriptor, &bytes, bytes.count, 0)
    return count < 0 ? nil : Array(bytes.prefix(count))
  }

  /// The next datagram as text.
  func text(within milliseconds: Int32 = 5000) -> String? {
    receive(within: milliseconds).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The next datagram's fields.
  func fields(within milliseconds: Int32 = 5000) -> [NativeField]? {
    receive(within: milliseconds).flatMap(NativeField.read)
  }
}

/// A field as a reader of the native protocol sees it, written from its description alone.
struct NativeField: Equatable {
  var name: String
  var value: [UInt8]

  var text: String { String(decoding: value, as: UTF8.self) }

  /// Takes an entry apart; nil when it is not well formed to its last byte.
  static func read(_ bytes: [UInt8]) -> [NativeField]? {
    var rest = bytes[...]
    var fields: [NativeField] = []
    while let end = rest.firstIndex(of: 0x0A) {
      let line = rest[..<end]
      rest = rest[(end + 1)...]
      if let equals = line.firstIndex(of: UInt8(ascii: "=")) {
        fields.append(
          NativeField(
            name: String(decoding: line[..<equals], as: UTF8.self),
            value: Array(line[(equals + 1)...])))
        continue
      }
      guard rest.count > 8 else { return nil }
      let count = rest.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
      rest = rest.dropFirst(8)
      guard rest.count > count, rest[rest.startIndex + count] == 0x0A else { return nil }
      fields.append(
        NativeField(
          name: String(decoding: line, as: UTF8.self), value: Array(rest.prefix(count))))
      rest = rest.dropFirst(count + 1)
    }
    return rest.isEmpty ? fields : nil
  }
}

extension [NativeField] {
  /// The value of a field that is there once.
  subscript(_ name: String) -> String? {
    let found = filter { $0.name == name }
    return found.count == 1 ? found[0].text : nil
  }
}
