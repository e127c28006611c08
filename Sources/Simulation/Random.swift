/// A seeded source of chance: SplitMix64 (Steele, Lea, Flood 2014), the same on every machine and Swift version.
///
/// The standard library's `random(in:using:)` may change how it uses its source, so bounded numbers are made here:
/// a seed printed by a failing run must give the same run next year.
public struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// Starts a sequence.
  public init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number from 0 to `bound` - 1; 0 when `bound` is less than 2.
  ///
  /// By multiplication (Lemire 2019) without the last correction: the bias is below 2^-32 for the bounds used here.
  public mutating func below(_ bound: Int) -> Int {
    guard bound > 1 else { return 0 }
    return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// A number from `range`, both ends included.
  public mutating func within(_ range: ClosedRange<Int64>) -> Int64 {
    range.lowerBound + Int64(below(Int(range.upperBound - range.lowerBound) + 1))
  }

  /// True in so many of a million cases.
  public mutating func happens(perMillion: Int) -> Bool { below(1_000_000) < perMillion }

  /// A source of its own for one part, so that drawing more in one place moves nothing elsewhere.
  public mutating func split() -> SeededRandom { SeededRandom(seed: next()) }
}
