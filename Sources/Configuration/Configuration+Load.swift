internal import Glibc

extension Configuration {
  /// Reads and checks a file.
  ///
  /// - Throws: Everything that is wrong with it, not only the first.
  public static func load(path: String) throws(ConfigurationProblems) -> Configuration {
    let bytes = try read(path: path, atMost: fileLengthMax, "configuration") {
      $0 == ENOENT ? "; linewardd --print-sample-config prints one to start from" : ""
    }
    var folders = ScannerProfile.folders
    if let slash = path.lastIndex(of: "/") { folders.insert("\(path[..<slash])/scanners", at: 0) }
    return try parse(bytes, file: path, profiles: folders)
  }

  /// Reads a file of ours as a whole; `what` it is and the advice to an error stand in problems.
  static func read(
    path: String, atMost lengthMax: Int, _ what: String, advice: (Int32) -> String = { _ in "" }
  ) throws(ConfigurationProblems) -> [UInt8] {
    func problem(_ sentence: String) -> ConfigurationProblems {
      ConfigurationProblems(problems: [ConfigurationProblem(file: path, sentence: sentence)])
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      throw problem("the file cannot be opened: \(String(cString: strerror(code)))\(advice(code))")
    }
    defer { close(descriptor) }
    var information = stat()
    guard fstat(descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
      throw problem("this is a folder or a device; the \(what) is a file")
    }
    guard information.st_size <= lengthMax else {
      throw problem("the file is larger than \(lengthMax) bytes; that is no \(what)")
    }
    var bytes = [UInt8](repeating: 0, count: lengthMax + 1)
    var count = 0
    while count < bytes.count {
      let got = bytes.withUnsafeMutableBytes { buffer in
        Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count)
      }
      if got < 0 { throw problem("the file cannot be read: \(String(cString: strerror(errno)))") }
      if got == 0 { break }
      count += got
    }
    return Array(bytes[..<count])
  }

  /// Checks the text of a file; `file` is named in problems, and profiles of scanners are looked for in `profiles`.
  public static func parse(
    _ text: [UInt8], file: String, profiles: [String] = ScannerProfile.folders
  ) throws(ConfigurationProblems) -> Configuration {
    let document = try Document(text, file: file)
    var reader = Reader(document, file: file, profiles: profiles)
    var configuration = reader.configuration()
    if let verdict = reader.verdict { throw verdict }
    configuration?.source = Source(text, document)
    guard let configuration else { preconditionFailure("no configuration, and no problem either") }
    return configuration
  }
}

extension Document {
  /// As above, with a syntax error as a problem of the file.
  init(_ text: [UInt8], file: String) throws(ConfigurationProblems) {
    do throws(SyntaxError) {
      try self.init(text)
    } catch {
      throw ConfigurationProblems(problems: [
        ConfigurationProblem(
          file: file, line: error.line, column: error.column, key: "",
          sentence: "this is no TOML: \(error.sentence)")
      ])
    }
  }
}
