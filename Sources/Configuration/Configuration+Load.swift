internal import Glibc

extension Configuration {
  /// Reads and checks a file.
  ///
  /// - Throws: Everything that is wrong with it, not only the first.
  public static func load(path: String) throws(ConfigurationProblems) -> Configuration {
    let bytes = try bytes(
      ofFile: path, orElse: "; linewardd --print-sample-config prints one to start from")
    return try parse(bytes, file: path)
  }

  /// The text of a file; `orElse` follows the sentence that it does not exist.
  static func bytes(
    ofFile path: String, orElse advice: String = ""
  ) throws(ConfigurationProblems) -> [UInt8] {
    func problem(_ sentence: String) -> ConfigurationProblems {
      ConfigurationProblems(problems: [ConfigurationProblem(file: path, sentence: sentence)])
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      let reason = String(cString: strerror(code))
      throw problem("the file cannot be opened: \(reason)\(code == ENOENT ? advice : "")")
    }
    defer { close(descriptor) }
    var information = stat()
    guard fstat(descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
      throw problem("this is a folder or a device; the configuration is a file")
    }
    guard information.st_size <= fileLengthMax else {
      throw problem("the file is larger than \(fileLengthMax) bytes; that is no configuration")
    }
    var bytes = [UInt8](repeating: 0, count: fileLengthMax + 1)
    var count = 0
    while count < bytes.count {
      let got = bytes.withUnsafeMutableBytes { buffer in
        read(descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count)
      }
      if got < 0 { throw problem("the file cannot be read: \(String(cString: strerror(errno)))") }
      if got == 0 { break }
      count += got
    }
    return Array(bytes[..<count])
  }

  /// Checks the text of a file; `file` is named in problems.
  public static func parse(
    _ text: [UInt8], file: String
  ) throws(ConfigurationProblems) -> Configuration {
    let document: Document
    do throws(Document.SyntaxError) {
      document = try Document(text)
    } catch {
      throw ConfigurationProblems(problems: [
        ConfigurationProblem(
          file: file, line: error.line, column: error.column, key: "",
          sentence: "this is no TOML: \(error.sentence)")
      ])
    }
    var reader = Reader(document, file: file)
    let configuration = reader.configuration()
    if let verdict = reader.verdict { throw verdict }
    guard let configuration else { preconditionFailure("no configuration, and no problem either") }
    return configuration
  }
}
