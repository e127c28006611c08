@testable import GS1

/// SplitMix64: the same seed gives the same messages on every machine.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// Makes random messages that are valid by the dictionary, without help from the linters.
struct ValidMessages {
  var generator: SeededGenerator

  private static let set82 = Array(
    "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
  private static let set39 = Array("#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
  private static let base64 = Array(
    "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
  private static let digits = Array("0123456789")

  init(seed: UInt64) {
    generator = SeededGenerator(seed: seed)
  }

  /// A message that carries an AI with all that it requires, in random order.
  ///
  /// Nil where the random choices ran into AIs that exclude each other; ask again then.
  mutating func message(with ai: ApplicationIdentifier) -> [MessageWriter.Element]? {
    var ais = [ai]
    var index = 0
    while index < ais.count {
      for requirement in Self.requirements(of: ais[index]) {
        let isMet = requirement.contains { group in
          group.allSatisfy { pattern in
            ais.contains { pattern.contains($0.number) && $0 != ais[index] }
          }
        }
        guard !isMet, let group = requirement.randomElement(using: &generator) else { continue }
        for pattern in group where !ais.contains(where: { pattern.contains($0.number) }) {
          let candidates = pattern.map { ApplicationIdentifier(unchecked: $0) }
            .filter { SyntaxTable.row(of: $0) != nil && $0.prefix == prefix(of: pattern) }
          guard let chosen = candidates.randomElement(using: &generator) else { return nil }
          ais.append(chosen)
        }
      }
      index += 1
      if ais.count > 12 { return nil }
    }
    let excluded = ais.contains { one in
      Self.exclusions(of: one).contains { pattern in
        ais.contains { pattern.contains($0.number) && $0 != one }
      }
    }
    guard !excluded else { return nil }
    let serialised = ais.contains { $0.number == 8030 }
    return ais.shuffled(using: &generator).map { ($0, value(of: $0, whole: serialised)) }
  }

  private func prefix(of pattern: ClosedRange<UInt16>) -> Int {
    ApplicationIdentifier(unchecked: pattern.lowerBound).prefix
  }

  /// A random value; with `whole` no optional component is left out.
  mutating func value(of ai: ApplicationIdentifier, whole: Bool = false) -> String {
    guard let row = SyntaxTable.row(of: ai) else { return "" }
    var text = ""
    for index in row.firstComponent..<row.firstComponent + row.componentCount {
      let component = SyntaxTable.Component(word: SyntaxTable.components[index])
      if component.isOptional, !whole, Bool.random(using: &generator) { break }
      text += part(of: component)
    }
    return text
  }

  private mutating func part(of component: SyntaxTable.Component) -> String {
    var linters: [Linter] = []
    var packed = component.linters
    while let linter = Linter(rawValue: UInt8(packed & 0x3F)) {
      linters.append(linter)
      packed >>= 6
    }
    var least = component.minimumLength
    if linters.contains(.gcppos1) { least = max(least, 4) }
    if linters.contains(.csumalpha) { least = max(least, 8) }
    let length = Int.random(in: least...component.maximumLength, using: &generator)
    let alphabet =
      switch component.characterSet {
      case .numeric: Self.digits
      case .set82: Self.set82
      case .set39: Self.set39
      case .base64: Self.base64
      }
    var characters = (0..<length).map { _ in alphabet.randomElement(using: &generator) ?? "0" }
    for linter in linters { adapt(&characters, to: linter) }
    // Check characters cover everything else, so they come last.
    if linters.contains(.csum) { characters[length - 1] = Self.checkDigit(characters.dropLast()) }
    if linters.contains(.csumalpha) {
      characters.replaceSubrange((length - 2)..., with: Self.checkPair(characters.dropLast(2)))
    }
    return String(characters)
  }

  private mutating func adapt(_ text: inout [Character], to linter: Linter) {
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let month = two(Int.random(in: 1...12, using: &generator))
    let day = two(Int.random(in: 1...28, using: &generator))
    let year = two(Int.random(in: 0...99, using: &generator))
    let hour = two(Int.random(in: 0...23, using: &generator))
    let minute = two(Int.random(in: 0...59, using: &generator))
    func pick(_ choices: [String]) -> [Character] {
      Array(choices.randomElement(using: &generator) ?? "")
    }
    switch linter {
    case .csum, .csumalpha, .cset39, .cset64, .cset82, .csetnumeric: break
    case .gcppos1, .gcppos2:
      for index in (linter == .gcppos1 ? 0..<4 : 1..<5) {
        text[index] = Self.digits.randomElement(using: &generator) ?? "0"
      }
    case .hasnondigit: text[5] = "x"
    case .yymmd0: text = pick([year + month + day, year + month + "00"])
    case .yymmdd: text = Array(year + month + day)
    case .yyyymmd0: text = pick(["20" + year + month + "00", "19" + year + month + day])
    case .yyyymmdd: text = Array("19" + year + month + day)
    case .hh: text = Array(hour)
    case .mi, .ss: text = Array(minute)
    case .hhmi: text = Array(hour + minute)
    case .hyphen: text = ["-"]
    case .zero: text = ["0"]
    case .nonzero: text[0] = "7"
    case .nozeroprefix: text[0] = "3"
    case .iso3166: text = pick(["276", "004", "840", "894"])
    case .iso3166999: text = pick(["276", "999", "300"])
    case .iso3166alpha2: text = pick(["DE", "AD", "ZW", "GR"])
    case .iso4217: text = pick(["978", "008", "999"])
    case .iso5218: text = pick(["0", "1", "2", "9"])
    case .winding: text = pick(["0", "1", "9"])
    case .yesno: text = pick(["0", "1"])
    case .latitude: text = pick(["0000000000", "1424532500", "1800000000"])
    case .longitude: text = pick(["0000000000", "3599999999", "3600000000"])
    case .mediatype: text = pick(["01", "10", "80", "99"])
    case .packagetype: text = pick(["8", "1A", "CT", "BRI", "ZZ"])
    case .importeridx: text = pick(["-", "_", "a", "Z", "0"])
    case .pcenc: text = Array(String(text).replacing("%", with: "x")).prefix(3) + ["%", "2", "f"]
    case .pieceoftotal: text = pick(["0101", "0299", "9999"])
    case .posinseqslash: text = pick(["1/1", "2/3", "9/9"])
    case .iban: text = pick(["DE89370400440532013000", "GB82WEST12345698765432"])
    case .couponcode: text = pick(["012345612345611110123", "0123456123456111101233271231"])
    case .couponposoffer: text = pick(["001234561234560123456"])
    }
  }

  /// GenSpecs 7.9.1, written down anew.
  static func checkDigit(_ digits: some BidirectionalCollection<Character>) -> Character {
    var sum = 0
    for (index, digit) in digits.reversed().enumerated() {
      sum += (digit.wholeNumberValue ?? 0) * (index % 2 == 0 ? 3 : 1)
    }
    return Self.digits[(10 - sum % 10) % 10]
  }

  /// GenSpecs 7.9.5, written down anew.
  static func checkPair(_ characters: some BidirectionalCollection<Character>) -> [Character] {
    var primes: [Int] = []
    var candidate = 2
    while primes.count < characters.count {
      if primes.allSatisfy({ candidate % $0 != 0 }) { primes.append(candidate) }
      candidate += 1
    }
    var sum = 0
    for (prime, character) in zip(primes, characters.reversed()) {
      sum += prime * (set82.firstIndex(of: character) ?? 0)
    }
    let alphabet = Array("23456789ABCDEFGHJKLMNPQRSTUVWXYZ")
    return [alphabet[sum % 1021 / 32], alphabet[sum % 1021 % 32]]
  }

  /// The requirements of an AI: of each, one group has to be present as a whole.
  static func requirements(of ai: ApplicationIdentifier) -> [[[ClosedRange<UInt16>]]] {
    var requirements: [[[ClosedRange<UInt16>]]] = []
    var groups: [[ClosedRange<UInt16>]] = []
    var group: [ClosedRange<UInt16>] = []
    for rule in rules(of: ai) where !rule.isExclusion {
      group.append(rule.lowest...rule.highest)
      if rule.endsGroup {
        groups.append(group)
        group = []
      }
      if rule.endsRequirement {
        requirements.append(groups)
        groups = []
      }
    }
    return requirements
  }

  static func exclusions(of ai: ApplicationIdentifier) -> [ClosedRange<UInt16>] {
    rules(of: ai).filter(\.isExclusion).map { $0.lowest...$0.highest }
  }

  private static func rules(of ai: ApplicationIdentifier) -> [SyntaxTable.Rule] {
    guard var index = SyntaxTable.row(of: ai)?.firstRule, index != 0 else { return [] }
    var rules: [SyntaxTable.Rule] = []
    while true {
      let rule = SyntaxTable.Rule(word: SyntaxTable.rules[index])
      rules.append(rule)
      if rule.endsRow { return rules }
      index += 1
    }
  }
}
