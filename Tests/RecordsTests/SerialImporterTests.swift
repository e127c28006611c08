import Crypto
import Glibc
import Line
import Records
import Testing

@Suite struct SerialImporterTests {
  private func importing(
    _ text: String, into directory: String, number: UInt32 = 1,
    earlier: [SerialImporter.EarlierBatch] = []
  ) throws -> SerialImporter.Imported {
    try importing(Array(text.utf8), into: directory, number: number, earlier: earlier)
  }

  private func importing(
    _ bytes: [UInt8], into directory: String, number: UInt32 = 1,
    earlier: [SerialImporter.EarlierBatch] = []
  ) throws -> SerialImporter.Imported {
    let path = directory + "/given.txt"
    try write(bytes, to: path)
    let descriptor = open(path, O_RDONLY)
    defer { close(descriptor) }
    return try SerialImporter.import(
      descriptor: descriptor, into: directory, number: number, earlier: earlier)
  }

  private func problem(_ bytes: [UInt8]) throws -> ImportProblem? {
    try withDirectory { directory in
      do {
        _ = try importing(bytes, into: directory)
        return nil
      } catch let problem as ImportProblem {
        // Nothing of a refused file stays.
        #expect(!exists(directory + "/batches/0001.serials"))
        #expect(!exists(directory + "/batches/0001.serials.importing"))
        return problem
      }
    }
  }

  @Test func anImportThatNobodyWaitsForEndsAndLeavesNothing() throws {
    try withDirectory { directory in
      let path = directory + "/given.txt"
      try write(Array((0..<400_000).map { "S\($0)\n" }.joined().utf8), to: path)
      let descriptor = open(path, O_RDONLY)
      defer { close(descriptor) }
      // Given up at each of its questions in turn, until it asks no more.
      var questions = 1
      var last = 0
      while last == 0 {
        var left = questions
        do {
          let imported = try SerialImporter.import(
            descriptor: descriptor, into: directory, number: 1, earlier: [],
            isWanted: {
              left -= 1
              return left > 0
            })
          SerialImporter.discard(imported)
          last = questions
        } catch let problem as ImportProblem {
          #expect(problem.reason == .abandoned)
          #expect(!problem.isOfStorage)
        }
        #expect(!exists(directory + "/batches/0001.serials"))
        #expect(!exists(directory + "/batches/0001.serials.importing"))
        questions += 1
      }
      #expect(last > 5, "it asks at every block and at the end")
    }
  }

  @Test func aGoodFileIsTakenAsItIs() throws {
    try withDirectory { directory in
      let text = "A1\nB2\n!\"%&'()*+,-./:;<=>?_\n12345678901234567890\n"
      let imported = try importing(text, into: directory)
      #expect(imported.count == 4)
      #expect(imported.file == "batches/0001.serials")
      #expect(imported.sha256 == Array(SHA256.hash(data: Array(text.utf8))))
      #expect(try read(imported.path) == Array(text.utf8))
      #expect(imported.pool.serial(at: 3) == "12345678901234567890")
      #expect(imported.pool.row(of: Array("B2".utf8).span) == 1)
      #expect(try SerialFile.row(of: Array("B2".utf8), in: imported.path) == 1)
      #expect(try SerialFile.row(of: Array("B".utf8), in: imported.path) == nil)
      #expect(try SerialFile.row(of: [], in: imported.path) == nil)
      #expect(try SerialFile.serials(at: [1, 3, 9], in: imported.path).count == 2)
      let pool = try SerialFile.load(path: imported.path, expectedHash: imported.sha256)
      #expect(pool.count == 4)
      #expect(pool.serial(at: 0) == "A1")
      SerialImporter.discard(imported)
      #expect(!exists(imported.path))
    }
  }

  @Test func theLastLineMayDoWithoutALineFeed() throws {
    try withDirectory { directory in
      let imported = try importing("A1\nB2", into: directory)
      #expect(imported.count == 2)
      #expect(try SerialFile.load(path: imported.path, expectedHash: imported.sha256).count == 2)
      #expect(try SerialFile.row(of: Array("B2".utf8), in: imported.path) == 1)
    }
  }

  @Test func everyCharacterOfSet82AndNoOtherIsTaken() throws {
    var good = 0
    for byte in UInt8.min...UInt8.max where byte != 0x0A {
      let problem = try problem([0x41, byte, 0x0A])
      switch byte {
      case 0: #expect(problem?.reason == .zeroByte)
      case 0x0D: #expect(problem?.reason == .carriageReturn)
      default:
        if problem == nil { good += 1 } else { #expect(problem?.reason == .badCharacter(byte)) }
      }
      if problem != nil { #expect(problem?.line == 1) }
    }
    #expect(good == 82)
  }

  static let bad: [(String, ImportProblem.Reason, Int?)] = [
    ("", .noSerials, nil),
    ("\n", .emptyLine, 1),
    ("A\n\nB\n", .emptyLine, 2),
    ("A\nB\n\n", .emptyLine, 3),
    ("A\r\nB\r\n", .carriageReturn, 1),
    ("A\nB C\n", .badCharacter(0x20), 2),
    ("A\nB\t\n", .badCharacter(0x09), 2),
    ("\u{FEFF}A\n", .badCharacter(0xEF), 1),
    ("A\n123456789012345678901\n", .tooLong, 2),
    ("A\n123456789012345678901", .tooLong, 2),
    (String(repeating: "A", count: 3_000_000), .tooLong, 1),
    ("A\nB\nC\nB\n", .repeated(serial: "B", firstLine: 2), 4),
  ]

  @Test(arguments: bad.indices) func aBadFileIsRefusedWithLineAndReason(_ index: Int) throws {
    let (text, reason, line) = Self.bad[index]
    let problem = try problem(Array(text.utf8))
    #expect(problem?.reason == reason)
    #expect(problem?.line == line)
    #expect(problem?.isOfStorage == false)
    #expect(problem?.message.contains(line.map { "Line \($0) " } ?? "The serial file") == true)
  }

  @Test func linesThatCrossBlocksAreWhole() throws {
    try withDirectory { directory in
      // 2,000,000 bytes and more, with lengths that put every offset of a line at the edge of a block.
      var text: [UInt8] = []
      var count = 0
      while text.count < 2_200_000 {
        text += Array("S\(count)".utf8)
        if count % 3 == 0 { text += Array("abcdefgh".utf8) }
        text.append(0x0A)
        count += 1
      }
      let imported = try importing(text, into: directory)
      #expect(imported.count == count)
      for row in [0, 1, count / 2, count - 1] {
        let serial = "S\(row)" + (row % 3 == 0 ? "abcdefgh" : "")
        #expect(imported.pool.serial(at: Int32(row)) == serial)
      }
    }
  }

  @Test func whatIsNoRegularFileIsRefused() throws {
    try withDirectory { directory in
      for path in [directory, "/dev/null"] {
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        #expect(throws: ImportProblem(.notARegularFile)) {
          try SerialImporter.import(descriptor: descriptor, into: directory, number: 1, earlier: [])
        }
      }
      #expect(throws: ImportProblem.self) {
        try SerialImporter.import(descriptor: -1, into: directory, number: 1, earlier: [])
      }
    }
  }

  @Test func aSerialOfAnEarlierBatchIsNamedWithItsBatch() throws {
    try withDirectory { directory in
      _ = try importing("A\nB\n", into: directory, number: 1)
      _ = try importing("C\nD\n", into: directory, number: 2)
      let earlier = [
        SerialImporter.EarlierBatch(id: "first", number: 1),
        SerialImporter.EarlierBatch(id: "second", number: 2),
      ]
      #expect(throws: ImportProblem(.known(serial: "D", batch: "second"), line: 2)) {
        try importing("E\nD\nF\n", into: directory, number: 3, earlier: earlier)
      }
      #expect(!exists(directory + "/batches/0003.serials"))
      let third = try importing("E\nF\n", into: directory, number: 3, earlier: earlier)
      #expect(third.count == 2)
      unlink(directory + "/batches/0001.serials")
      do {
        _ = try importing("G\n", into: directory, number: 4, earlier: earlier)
        Issue.record("serials of an unreadable batch count as unknown")
      } catch let problem as ImportProblem {
        #expect(problem.isOfStorage)
        #expect(problem.message.contains("first"))
      }
    }
  }

  @Test func aNumberIsNeverTakenTwice() throws {
    try withDirectory { directory in
      _ = try importing("A\n", into: directory)
      #expect(throws: ImportProblem(.numberTaken)) { try importing("B\n", into: directory) }
      #expect(try read(directory + "/batches/0001.serials") == Array("A\n".utf8))
    }
  }

  @Test func aChangedFileIsNotLoaded() throws {
    try withDirectory { directory in
      let imported = try importing("A1\nB2\n", into: directory)
      for changed in ["A1\nB3\n", "A1\n", "", "A1\nB2\nC3\n", "A1\nA1\n", "A1\r\nB2\n"] {
        unlink(imported.path)
        try write(Array(changed.utf8), to: imported.path)
        let fault = #expect(throws: StorageFault.self) {
          try SerialFile.load(path: imported.path, expectedHash: imported.sha256)
        }
        #expect(fault?.code == .corrupt)
      }
      unlink(imported.path)
      let fault = #expect(throws: StorageFault.self) {
        try SerialFile.load(path: imported.path, expectedHash: imported.sha256)
      }
      #expect(fault?.code == .missing)
    }
  }

  @Test func leftoversOfACrashAreSetAside() throws {
    try withDirectory { directory in
      mkdir(directory + "/batches", 0o750)
      try write([0x41], to: directory + "/batches/0001.serials.importing")
      try write([0x41, 0x0A], to: directory + "/batches/0001.serials")
      try write([0x42], to: directory + "/batches/notes.txt")
      let imported = try importing("C\n", into: directory, number: 2)
      let store = try RecordStore(directory: directory, line: "L01")
      store.close()
      #expect(!exists(directory + "/batches/0001.serials.importing"))
      #expect(!exists(directory + "/batches/0001.serials"))
      #expect(exists(directory + "/batches/0001.serials.unrecorded"))
      #expect(exists(directory + "/batches/notes.txt"))
      // This one is still waiting for its record.
      withExtendedLifetime(imported) { #expect(exists(imported.path)) }
    }
  }

  @Test func progressGoesToTheEnd() throws {
    try withDirectory { directory in
      var text: [UInt8] = []
      for index in 0..<300_000 { text += Array("SERIAL\(index)\n".utf8) }
      try write(text, to: directory + "/given.txt")
      let descriptor = open(directory + "/given.txt", O_RDONLY)
      defer { close(descriptor) }
      var seen: [(Int, Int, Int)] = []
      _ = try SerialImporter.import(
        descriptor: descriptor, into: directory, number: 1, earlier: [],
        progress: { seen.append(($0, $1, $2)) })
      #expect(seen.count > 5)
      #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.0 <= $1.0 && $0.1 <= $1.1 })
      #expect(seen.last?.0 == 300_000)
      #expect(seen.last.map { $0.1 == $0.2 } == true)
    }
  }
}
