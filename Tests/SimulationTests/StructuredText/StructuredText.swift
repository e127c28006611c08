/// Runs IEC 61131-3 Structured Text, so that what `docs/plc` gives to PLC programmers is tested as it stands.
///
/// A subset, and a strict one: no implicit conversion, and a result outside its type's range or an index outside its
/// array is an error and not whatever a maker's run-time makes of it. Types are checked before anything runs. All
/// variables lie in one array of words, so an instance of a block is an offset.
final class StructuredText {
  struct Problem: Error, CustomStringConvertible {
    var line: Int
    var what: String
    var description: String { "line \(line): \(what)" }
  }

  /// The memory of all instances.
  var words: [Int] = []
  /// Time for TON, milliseconds.
  var now = 0
  /// Statements run since the last `call`; a loop without end is an error.
  var statements = 0
  static let statementsMax = 100_000

  var structures: [String: Structure] = [:]
  var blocks: [String: Block] = [:]
  var functions: [String: Block] = [:]

  /// Reads declarations and bodies.
  init(_ source: String) throws {
    blocks["ton"] = .ton
    blocks["r_trig"] = .risingEdge
    var parser = try StructuredTextParser(source, machine: self)
    try parser.file()
  }

  func allocate(_ count: Int) -> Int {
    defer { words.append(contentsOf: repeatElement(0, count: count)) }
    return words.count
  }

  /// Makes an instance of a function block or program with its initial values.
  func instance(of name: String) throws -> Instance {
    guard let block = blocks[name.lowercased()] else {
      throw Problem(line: 0, what: "no block \(name)")
    }
    let base = allocate(block.size)
    block.initialize(self, base)
    return Instance(machine: self, block: block, base: base)
  }

  indirect enum Kind: Equatable {
    case bool, uint, int, dint, udint, time
    /// A number written down: takes the type of what it meets.
    case literal
    case array(ClosedRange<Int>, Kind)
    case structure(Structure)
    case block(Block)

    var size: Int {
      switch self {
      case .bool, .uint, .int, .dint, .udint, .time, .literal: 1
      case .array(let range, let element): range.count * element.size
      case .structure(let structure): structure.size
      case .block(let block): block.size
      }
    }

    /// The values that the type can hold; nil for what is no number.
    var range: ClosedRange<Int>? {
      switch self {
      case .uint: 0...65535
      case .int: -32768...32767
      case .dint: Int(Int32.min)...Int(Int32.max)
      case .udint: 0...Int(UInt32.max)
      case .time: 0...Int(UInt32.max)
      case .literal: Int(Int32.min)...Int(UInt32.max)
      case .bool, .array, .structure, .block: nil
      }
    }
  }

  struct Variable {
    var kind: Kind
    var offset: Int
    /// A VAR_IN_OUT: its word holds the address of the caller's variable.
    var isReference = false
    var isConstant = false
    var initial = 0
  }

  final class Structure: Equatable {
    var members: [String: Variable] = [:]
    var size = 0
    static func == (left: Structure, right: Structure) -> Bool { left === right }

    func add(_ name: String, _ kind: Kind, reference: Bool = false) {
      members[name] = Variable(kind: kind, offset: size, isReference: reference)
      size += reference ? 1 : kind.size
    }
  }

  typealias Statement = (StructuredText, Int) throws -> Flow
  typealias Expression = (StructuredText, Int) throws -> Int

  enum Flow {
    case next, exit, leave
  }

  /// A function, a function block or a program.
  final class Block: Equatable {
    var variables = Structure()
    var inputs: [String] = []
    var body: [Statement] = []
    var size: Int { variables.size }
    /// Where a function's variables lie; there is no recursion.
    var functionBase = 0
    var result: Kind = .bool

    static func == (left: Block, right: Block) -> Bool { left === right }

    func initialize(_ machine: StructuredText, _ base: Int) {
      for variable in variables.members.values where !variable.isReference {
        machine.initialize(variable, base + variable.offset)
      }
    }

    /// IEC 61131-3, 2.5.2.3.4: Q once IN has been true for PT.
    static var ton: Block {
      let block = Block()
      for (name, kind) in [
        ("in", Kind.bool), ("pt", .time), ("q", .bool), ("et", .time), ("since", .dint),
        ("was", .bool),
      ] {
        block.variables.add(name, kind)
      }
      block.body = [
        { machine, base in
          if machine.words[base] == 0 {
            machine.words[base + 2] = 0
            machine.words[base + 3] = 0
          } else {
            if machine.words[base + 5] == 0 { machine.words[base + 4] = machine.now }
            let elapsed = min(machine.now - machine.words[base + 4], machine.words[base + 1])
            machine.words[base + 3] = elapsed
            machine.words[base + 2] = elapsed >= machine.words[base + 1] ? 1 : 0
          }
          machine.words[base + 5] = machine.words[base]
          return .next
        }
      ]
      return block
    }

    /// IEC 61131-3, 2.5.2.3.2: Q in the call in which CLK became true.
    static var risingEdge: Block {
      let block = Block()
      for name in ["clk", "q", "m"] { block.variables.add(name, .bool) }
      block.body = [
        { machine, base in
          machine.words[base + 1] = machine.words[base] != 0 && machine.words[base + 2] == 0 ? 1 : 0
          machine.words[base + 2] = machine.words[base]
          return .next
        }
      ]
      return block
    }
  }

  private func initialize(_ variable: Variable, _ address: Int) {
    switch variable.kind {
    case .block(let block): block.initialize(self, address)
    case .structure, .array: break
    default: words[address] = variable.initial
    }
  }

  func run(_ statements: [Statement], _ base: Int) throws -> Flow {
    for statement in statements {
      self.statements += 1
      guard self.statements <= StructuredText.statementsMax else {
        throw Problem(line: 0, what: "a cycle has no end")
      }
      let flow = try statement(self, base)
      if flow != .next { return flow }
    }
    return .next
  }
}

/// One instance of a block, for a test to set, call and look at.
struct Instance {
  let machine: StructuredText
  let block: StructuredText.Block
  let base: Int

  private func address(_ name: String, _ index: Int) -> Int {
    guard let variable = block.variables.members[name.lowercased()] else {
      preconditionFailure("no variable \(name)")
    }
    let start = base + variable.offset
    return (variable.isReference ? machine.words[start] : start) + index
  }

  /// A variable, or a word of an array.
  subscript(_ name: String, index: Int = 0) -> Int {
    get { machine.words[address(name, index)] }
    nonmutating set { machine.words[address(name, index)] = newValue }
  }

  /// Gives a VAR_IN_OUT its variable: that of another instance, or words of the test.
  func bind(_ name: String, to target: Int) {
    guard let variable = block.variables.members[name.lowercased()], variable.isReference else {
      preconditionFailure("no VAR_IN_OUT \(name)")
    }
    machine.words[base + variable.offset] = target
  }

  /// One cycle.
  func call() throws {
    machine.statements = 0
    _ = try machine.run(block.body, base)
  }

  /// A block within this one.
  func member(_ name: String) -> Instance {
    guard let variable = block.variables.members[name.lowercased()],
      case .block(let inner) = variable.kind
    else { preconditionFailure("no block \(name)") }
    return Instance(machine: machine, block: inner, base: base + variable.offset)
  }

  /// All its words: to keep them over a restart of the PLC, or to compare.
  func value(_ name: String) -> Int { self[name] }
}
