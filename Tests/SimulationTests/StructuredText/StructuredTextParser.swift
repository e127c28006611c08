/// Reads Structured Text in one pass: each construct is checked and becomes a closure at once.
struct StructuredTextParser {
  typealias Kind = StructuredText.Kind
  typealias Problem = StructuredText.Problem
  typealias Statement = StructuredText.Statement
  typealias Expression = StructuredText.Expression

  private enum Token: Equatable {
    case word(String)
    case number(Int)
    case duration(Int)
    case sign(String)
    case end
  }

  private let machine: StructuredText
  private var tokens: [(token: Token, line: Int)] = []
  private var place = 0
  private var scope = StructuredText.Structure()
  private var resultName = ""
  private var loops = 0

  // MARK: Words and signs

  init(_ source: String, machine: StructuredText) throws {
    self.machine = machine
    let text = Array(source.utf8)
    var index = 0
    var line = 1
    func at(_ offset: Int) -> UInt8 { index + offset < text.count ? text[index + offset] : 0 }
    func isLetter(_ byte: UInt8) -> Bool {
      byte >= 0x41 && byte <= 0x5A || byte >= 0x61 && byte <= 0x7A || byte == 0x5F
    }
    func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
    while index < text.count {
      let byte = text[index]
      if byte == 0x0A { line += 1 }
      if byte == 0x20 || byte == 0x0A || byte == 0x09 || byte == 0x0D {
        index += 1
      } else if byte == 0x28, at(1) == 0x2A {
        let begin = line
        index += 2
        while index < text.count, !(text[index] == 0x2A && at(1) == 0x29) {
          if text[index] == 0x0A { line += 1 }
          index += 1
        }
        guard index < text.count else { throw Problem(line: begin, what: "comment has no end") }
        index += 2
      } else if (byte == 0x54 || byte == 0x74), at(1) == 0x23 {
        index += 2
        var total = 0
        while isDigit(at(0)) {
          var number = 0
          while isDigit(at(0)) {
            number = number * 10 + Int(at(0) - 0x30)
            index += 1
          }
          if at(0) == 0x6D, at(1) == 0x73 {
            index += 2
            total += number
          } else if at(0) == 0x73 {
            index += 1
            total += number * 1000
          } else {
            throw Problem(line: line, what: "a duration ends in ms or s")
          }
        }
        tokens.append((.duration(total), line))
      } else if isLetter(byte) {
        let start = index
        while isLetter(at(0)) || isDigit(at(0)) { index += 1 }
        tokens.append(
          (.word(String(decoding: text[start..<index], as: UTF8.self).lowercased()), line))
      } else if isDigit(byte) {
        var number = 0
        while isDigit(at(0)) {
          number = number * 10 + Int(at(0) - 0x30)
          index += 1
        }
        if number == 16, at(0) == 0x23 {
          index += 1
          let start = index
          while isDigit(at(0)) || isLetter(at(0)) { index += 1 }
          guard let hex = Int(String(decoding: text[start..<index], as: UTF8.self), radix: 16)
          else { throw Problem(line: line, what: "no hexadecimal number") }
          number = hex
        }
        tokens.append((.number(number), line))
      } else {
        let two = String(decoding: [byte, at(1)], as: UTF8.self)
        let sign =
          [":=", "<=", ">=", "<>", ".."].contains(two)
          ? two : String(decoding: [byte], as: UTF8.self)
        guard ":;,.()[]=<>+-*/".contains(sign.first ?? " ") else {
          throw Problem(line: line, what: "unknown sign \(sign)")
        }
        index += sign.utf8.count
        tokens.append((.sign(sign), line))
      }
    }
    tokens.append((.end, line))
  }

  private var line: Int { tokens[place].line }
  private var token: Token { tokens[place].token }
  private func fail(_ what: String) -> Problem { Problem(line: line, what: what) }

  private mutating func take(_ sign: String) -> Bool {
    guard token == .sign(sign) || token == .word(sign) else { return false }
    place += 1
    return true
  }

  private mutating func expect(_ sign: String) throws {
    guard take(sign) else { throw fail("expected \(sign), found \(token)") }
  }

  private mutating func name() throws -> String {
    guard case .word(let word) = token else { throw fail("expected a name, found \(token)") }
    place += 1
    return word
  }

  // MARK: Declarations

  mutating func file() throws {
    while token != .end {
      if take("function") {
        try function()
      } else if take("function_block") {
        try block(end: "end_function_block")
      } else if take("program") {
        try block(end: "end_program")
      } else if take("type") {
        while !take("end_type") { try structure() }
      } else {
        throw fail("expected FUNCTION, FUNCTION_BLOCK, PROGRAM or TYPE, found \(token)")
      }
    }
  }

  private mutating func structure() throws {
    let title = try name()
    try expect(":")
    try expect("struct")
    let structure = StructuredText.Structure()
    while !take("end_struct") {
      let member = try name()
      try expect(":")
      structure.add(member, try kind())
      try expect(";")
    }
    try expect(";")
    machine.structures[title] = structure
  }

  private mutating func function() throws {
    let block = StructuredText.Block()
    let title = try name()
    try expect(":")
    block.result = try kind()
    resultName = title
    block.variables.add(title, block.result)
    try declarations(block)
    scope = block.variables
    block.body = try statements(until: ["end_function"])
    try expect("end_function")
    block.functionBase = machine.allocate(block.size)
    machine.functions[title] = block
    resultName = ""
  }

  private mutating func block(end: String) throws {
    let block = StructuredText.Block()
    let title = try name()
    try declarations(block)
    scope = block.variables
    block.body = try statements(until: [end])
    try expect(end)
    machine.blocks[title] = block
  }

  private mutating func declarations(_ block: StructuredText.Block) throws {
    while case .word(let section) = token, section.hasPrefix("var") {
      place += 1
      guard ["var", "var_input", "var_output", "var_in_out"].contains(section) else {
        throw fail("unknown section \(section)")
      }
      let isConstant = take("constant")
      _ = take("retain")
      while !take("end_var") {
        let title = try name()
        guard block.variables.members[title] == nil else { throw fail("\(title) is there twice") }
        try expect(":")
        let kind = try kind()
        block.variables.add(title, kind, reference: section == "var_in_out")
        block.variables.members[title]?.isConstant = isConstant
        if section == "var_input" { block.inputs.append(title) }
        if take(":=") {
          scope = StructuredText.Structure()
          let (value, found) = try expression()
          try require(found, is: kind)
          block.variables.members[title]?.initial = try value(machine, 0)
        }
        try expect(";")
      }
    }
  }

  private mutating func kind() throws -> Kind {
    let word = try name()
    switch word {
    case "bool": return .bool
    case "uint": return .uint
    case "int": return .int
    case "dint": return .dint
    case "udint": return .udint
    case "time": return .time
    case "array":
      try expect("[")
      guard case .number(let first) = token else { throw fail("expected the first index") }
      place += 1
      try expect("..")
      guard case .number(let last) = token, last >= first else { throw fail("expected the last") }
      place += 1
      try expect("]")
      try expect("of")
      return .array(first...last, try kind())
    default:
      if let structure = machine.structures[word] { return .structure(structure) }
      if let block = machine.blocks[word] { return .block(block) }
      throw fail("unknown type \(word)")
    }
  }

  private func require(_ found: Kind, is wanted: Kind) throws {
    if found == wanted { return }
    if found == .literal, wanted.range != nil, wanted != .time { return }
    throw fail("\(found) where \(wanted) is wanted")
  }

  private static func hold(_ value: Int, _ kind: Kind, line: Int) throws -> Int {
    if let range = kind.range, !range.contains(value) {
      throw Problem(line: line, what: "\(value) does not fit into \(kind)")
    }
    return value
  }

  // MARK: Statements

  private mutating func statements(until ends: [String]) throws -> [Statement] {
    var list: [Statement] = []
    while true {
      if case .word(let word) = token, ends.contains(word) { return list }
      guard token != .end else { throw fail("expected \(ends.joined(separator: " or "))") }
      list.append(try statement())
    }
  }

  private mutating func statement() throws -> Statement {
    if take("if") { return try conditional() }
    if take("for") { return try counted() }
    if take("while") {
      let (condition, kind) = try expression()
      try require(kind, is: .bool)
      try expect("do")
      loops += 1
      let body = try statements(until: ["end_while"])
      loops -= 1
      try expect("end_while")
      try expect(";")
      return { machine, base in
        while try condition(machine, base) != 0 {
          let flow = try machine.run(body, base)
          if flow == .exit { break }
          if flow == .leave { return .leave }
        }
        return .next
      }
    }
    if take("exit") {
      guard loops > 0 else { throw fail("EXIT outside a loop") }
      try expect(";")
      return { _, _ in .exit }
    }
    if take("return") {
      try expect(";")
      return { _, _ in .leave }
    }
    let isConstant: Bool
    if case .word(let word) = token {
      isConstant = scope.members[word]?.isConstant ?? false
    } else {
      isConstant = false
    }
    let (address, kind) = try location()
    if case .block(let block) = kind { return try call(block, at: address) }
    guard !isConstant else { throw fail("a constant is assigned") }
    try expect(":=")
    let size = kind.size
    let at = line
    if kind.range == nil, kind != .bool {
      let (source, found) = try location()
      guard found == kind else { throw fail("\(found) where \(kind) is wanted") }
      try expect(";")
      return { machine, base in
        let from = try source(machine, base)
        let to = try address(machine, base)
        for offset in 0..<size { machine.words[to + offset] = machine.words[from + offset] }
        return .next
      }
    }
    let (value, found) = try expression()
    try require(found, is: kind)
    try expect(";")
    return { machine, base in
      let word = try StructuredTextParser.hold(try value(machine, base), kind, line: at)
      machine.words[try address(machine, base)] = word
      return .next
    }
  }

  private mutating func conditional() throws -> Statement {
    var branches: [(Expression, [Statement])] = []
    var otherwise: [Statement] = []
    repeat {
      let (condition, kind) = try expression()
      try require(kind, is: .bool)
      try expect("then")
      branches.append((condition, try statements(until: ["elsif", "else", "end_if"])))
    } while take("elsif")
    if take("else") { otherwise = try statements(until: ["end_if"]) }
    try expect("end_if")
    try expect(";")
    return { machine, base in
      for (condition, body) in branches where try condition(machine, base) != 0 {
        return try machine.run(body, base)
      }
      return try machine.run(otherwise, base)
    }
  }

  private mutating func counted() throws -> Statement {
    let (address, kind) = try location()
    guard kind.range != nil else { throw fail("a loop counts with a number") }
    try expect(":=")
    let (first, firstKind) = try expression()
    try expect("to")
    let (last, lastKind) = try expression()
    try require(firstKind, is: kind)
    try require(lastKind, is: kind)
    try expect("do")
    loops += 1
    let body = try statements(until: ["end_for"])
    loops -= 1
    try expect("end_for")
    try expect(";")
    return { machine, base in
      let end = try last(machine, base)
      let counter = try address(machine, base)
      machine.words[counter] = try first(machine, base)
      while machine.words[counter] <= end {
        let flow = try machine.run(body, base)
        if flow == .exit { break }
        if flow == .leave { return .leave }
        machine.words[counter] += 1
      }
      return .next
    }
  }

  private mutating func call(_ block: StructuredText.Block, at address: @escaping Expression) throws
    -> Statement
  {
    var assignments: [(Int, Expression, Kind)] = []
    let at = line
    try expect("(")
    var given: Set<String> = []
    while !take(")") {
      let parameter = try name()
      guard let variable = block.variables.members[parameter] else {
        throw fail("no parameter \(parameter)")
      }
      given.insert(parameter)
      try expect(":=")
      if variable.isReference {
        let (target, kind) = try location()
        guard kind == variable.kind else { throw fail("\(parameter) wants \(variable.kind)") }
        assignments.append((variable.offset, target, .udint))
      } else {
        let (value, kind) = try expression()
        try require(kind, is: variable.kind)
        assignments.append((variable.offset, value, variable.kind))
      }
      if !take(",") {
        try expect(")")
        break
      }
    }
    try expect(";")
    for (parameter, variable) in block.variables.members
    where variable.isReference && !given.contains(parameter) {
      throw fail("\(parameter) is not given")
    }
    return { machine, base in
      let instance = try address(machine, base)
      for (offset, value, kind) in assignments {
        machine.words[instance + offset] = try StructuredTextParser.hold(
          try value(machine, base), kind, line: at)
      }
      _ = try machine.run(block.body, instance)
      return .next
    }
  }

  // MARK: Expressions

  /// A variable, a member of one, an element of one: its address.
  private mutating func location() throws -> (Expression, Kind) {
    let first = try name()
    guard let variable = scope.members[first] else { throw fail("no variable \(first)") }
    let start = variable.offset
    var address: Expression =
      variable.isReference
      ? { machine, base in machine.words[base + start] } : { _, base in base + start }
    var kind = variable.kind
    while true {
      let outer = address
      if take("[") {
        guard case .array(let range, let element) = kind else { throw fail("no array") }
        let (index, indexKind) = try expression()
        guard indexKind.range != nil else { throw fail("an index is a number") }
        try expect("]")
        let at = line
        let size = element.size
        address = { machine, base in
          let value = try index(machine, base)
          guard range.contains(value) else {
            throw Problem(line: at, what: "index \(value) outside \(range)")
          }
          return try outer(machine, base) + (value - range.lowerBound) * size
        }
        kind = element
      } else if take(".") {
        let members: StructuredText.Structure
        switch kind {
        case .structure(let structure): members = structure
        case .block(let block): members = block.variables
        default: throw fail("has no members")
        }
        let member = try name()
        guard let inner = members.members[member] else { throw fail("no member \(member)") }
        let offset = inner.offset
        address = { machine, base in try outer(machine, base) + offset }
        kind = inner.kind
      } else {
        return (address, kind)
      }
    }
  }

  private static let levels: [[String]] = [
    ["or"], ["xor"], ["and"], ["=", "<>"], ["<", ">", "<=", ">="], ["+", "-"], ["*", "/", "mod"],
  ]

  private mutating func expression(_ level: Int = 0) throws -> (Expression, Kind) {
    guard level < StructuredTextParser.levels.count else { return try unary() }
    var (left, kind) = try expression(level + 1)
    while let sign = StructuredTextParser.levels[level].first(where: { take($0) }) {
      let (right, rightKind) = try expression(level + 1)
      (left, kind) = try joined(sign, left, kind, right, rightKind)
    }
    return (left, kind)
  }

  private func joined(
    _ sign: String, _ left: @escaping Expression, _ leftKind: Kind, _ right: @escaping Expression,
    _ rightKind: Kind
  ) throws -> (Expression, Kind) {
    let kind = leftKind == .literal ? rightKind : leftKind
    try require(leftKind, is: kind)
    try require(rightKind, is: kind)
    let at = line
    func number(_ operation: @escaping (Int, Int) throws -> Int) throws -> (Expression, Kind) {
      guard kind.range != nil, kind != .time else { throw fail("\(sign) wants numbers") }
      return (
        { machine, base in
          let value = try operation(try left(machine, base), try right(machine, base))
          return try StructuredTextParser.hold(value, kind, line: at)
        }, kind
      )
    }
    func truth(_ operation: @escaping (Int, Int) -> Bool) -> (Expression, Kind) {
      (
        { machine, base in
          operation(try left(machine, base), try right(machine, base)) ? 1 : 0
        }, .bool
      )
    }
    // Both sides are worked out, whatever the left one says: the standard leaves that to the maker.
    switch sign {
    case "or", "xor", "and":
      guard kind == .bool else { throw fail("\(sign) wants BOOL") }
      return switch sign {
      case "or": truth { $0 != 0 || $1 != 0 }
      case "xor": truth { ($0 != 0) != ($1 != 0) }
      default: truth { $0 != 0 && $1 != 0 }
      }
    case "=": return truth { $0 == $1 }
    case "<>": return truth { $0 != $1 }
    case "<": return truth { $0 < $1 }
    case ">": return truth { $0 > $1 }
    case "<=": return truth { $0 <= $1 }
    case ">=": return truth { $0 >= $1 }
    case "+": return try number { $0 + $1 }
    case "-": return try number { $0 - $1 }
    case "*": return try number { $0 * $1 }
    default:
      let isRemainder = sign == "mod"
      return try number { dividend, divisor in
        guard divisor != 0 else { throw Problem(line: at, what: "division by zero") }
        return isRemainder ? dividend % divisor : dividend / divisor
      }
    }
  }

  private mutating func unary() throws -> (Expression, Kind) {
    if take("not") {
      let (value, kind) = try unary()
      try require(kind, is: .bool)
      return ({ machine, base in try value(machine, base) == 0 ? 1 : 0 }, .bool)
    }
    if take("-") {
      let (value, kind) = try unary()
      guard kind == .literal || kind == .int || kind == .dint else { throw fail("no sign here") }
      return ({ machine, base in -(try value(machine, base)) }, kind)
    }
    if take("(") {
      let inner = try expression()
      try expect(")")
      return inner
    }
    switch token {
    case .number(let number):
      place += 1
      return ({ _, _ in number }, .literal)
    case .duration(let duration):
      place += 1
      return ({ _, _ in duration }, .time)
    case .word("true"), .word("false"):
      let value = token == .word("true") ? 1 : 0
      place += 1
      return ({ _, _ in value }, .bool)
    case .word(let word):
      if place + 1 < tokens.count, tokens[place + 1].token == .sign("(") {
        return try functionCall(word)
      }
      let (address, kind) = try location()
      guard kind.range != nil || kind == .bool else { throw fail("no value") }
      return ({ machine, base in machine.words[try address(machine, base)] }, kind)
    case .sign, .end:
      throw fail("expected a value, found \(token)")
    }
  }

  private mutating func functionCall(_ title: String) throws -> (Expression, Kind) {
    place += 1
    try expect("(")
    var arguments: [(Expression, Kind)] = []
    repeat { arguments.append(try expression()) } while take(",")
    try expect(")")
    if let function = machine.functions[title] {
      guard arguments.count == function.inputs.count else {
        throw fail("\(title) wants \(function.inputs.count) values")
      }
      var assignments: [(Int, Expression)] = []
      for (name, (value, kind)) in zip(function.inputs, arguments) {
        guard let variable = function.variables.members[name] else { continue }
        try require(kind, is: variable.kind)
        assignments.append((variable.offset, value))
      }
      return (
        { machine, base in
          // All values first: one of them may call the same function.
          let values = try assignments.map { try $0.1(machine, base) }
          let inner = function.functionBase
          for (index, assignment) in assignments.enumerated() {
            machine.words[inner + assignment.0] = values[index]
          }
          _ = try machine.run(function.body, inner)
          return machine.words[inner]
        }, function.result
      )
    }
    guard arguments.count == 1 else { throw fail("unknown function \(title)") }
    let (value, kind) = arguments[0]
    if title == "abs" {
      guard kind == .dint || kind == .int else { throw fail("ABS wants DINT") }
      return ({ machine, base in abs(try value(machine, base)) }, kind)
    }
    let kinds: [String: Kind] = [
      "bool": .bool, "uint": .uint, "int": .int, "dint": .dint, "udint": .udint,
    ]
    for (from, source) in kinds {
      for (to, target) in kinds where title == "\(from)_to_\(to)" {
        try require(kind, is: source)
        let at = line
        return (
          { machine, base in
            try StructuredTextParser.hold(try value(machine, base), target, line: at)
          }, target
        )
      }
    }
    throw fail("unknown function \(title)")
  }
}
