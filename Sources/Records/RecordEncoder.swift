internal import Crypto
internal import Line

/// Writes the bytes over which a record's hash is taken, and takes it.
///
/// The hash of a record is SHA-256 over the hash of the record before it (32 zero bytes before the first) and the
/// canonical encoding, version 1: all numbers big-endian, negative ones in two's complement, then line, raw, actor and
/// detail, each after its length in four bytes. `docs/records.md` holds the table and how to do it by hand.
struct RecordEncoder: ~Copyable {
  /// The version that the encoding's first byte names.
  static let version: UInt8 = 1
  /// The most bytes that one record may have: a full list of unexplained serials still fits.
  static let sizeMax = 16 << 20

  /// The numbers of a record, as they are encoded.
  struct Numbers {
    var sequence: Int64
    var wall: Int64
    var monotonic: Int64
    var boot: BootID
    var kind: UInt8
    var station: Int16
    var unit: UInt16
    var batch: UInt32
    var row: Int32
    var code: UInt16
    var number: UInt32
    /// 0 when the record changes no state.
    var state: UInt8
  }

  private var memory: UnsafeMutableRawBufferPointer
  private var count = ChainHash.size

  /// Makes an encoder that goes on after the record with this hash.
  init(after hash: ChainHash) {
    memory = .allocate(byteCount: 4096, alignment: 16)
    if let base = memory.baseAddress { hash.copy(to: base) }
  }

  deinit { memory.deallocate() }

  /// The hash that the next record goes on from: of the last one finished.
  var hash: ChainHash {
    get { memory.baseAddress.map { ChainHash(copying: $0) } ?? .zero }
    set { if let base = memory.baseAddress { newValue.copy(to: base) } }
  }

  /// The bytes of the record as far as it was written, after the hash that stands before them.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

  @inline(__always)
  private mutating func put<Number: FixedWidthInteger>(_ number: Number) {
    memory.storeBytes(of: number.bigEndian, toByteOffset: count, as: Number.self)
    count &+= MemoryLayout<Number>.size
  }

  /// Begins a record with its numbers.
  mutating func begin(_ numbers: Numbers) {
    count = ChainHash.size
    put(RecordEncoder.version)
    put(numbers.sequence)
    put(numbers.wall)
    put(numbers.monotonic)
    put(numbers.boot.high)
    put(numbers.boot.low)
    put(numbers.kind)
    put(numbers.station)
    put(numbers.unit)
    put(numbers.batch)
    put(numbers.row)
    put(numbers.code)
    put(numbers.number)
    put(numbers.state)
  }

  /// Adds one of the four texts after its length, and returns at which offset it stands; nil when the record is too large.
  mutating func add(_ bytes: UnsafeRawBufferPointer) -> Int? {
    let needed = count + 4 + bytes.count
    if needed > memory.count {
      guard needed <= RecordEncoder.sizeMax else { return nil }
      let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: needed * 2, alignment: 16)
      larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<count]))
      memory.deallocate()
      memory = larger
    }
    put(UInt32(bytes.count))
    let offset = count
    if let source = bytes.baseAddress, let base = memory.baseAddress, !bytes.isEmpty {
      (base + offset).copyMemory(from: source, byteCount: bytes.count)
    }
    count += bytes.count
    return offset
  }

  /// Takes the record's hash, which becomes the one that the next record goes on from.
  mutating func finish() {
    var digest = SHA256()
    digest.update(bufferPointer: UnsafeRawBufferPointer(rebasing: memory[..<count]))
    let memory = memory
    digest.finalize().withUnsafeBytes { memory.copyBytes(from: $0) }
  }
}
