/// Which AIs may, must and must not stand beside each other in one message.
///
/// The dictionary's "ex" and "req" attributes (GenSpecs 4.13, data relationships), repeats, and what
/// a digital signature needs; in the order of the reference engine.
struct Pairings {
  /// A bit for each first two digits of an AI present; answers most questions without a search.
  let prefixes: UInt128
  /// Two AIs present share their first two digits, so one may have come twice.
  let mayRepeat: Bool

  /// Checks the elements of a message.
  ///
  /// - Throws: ``GS1Error`` for the AI that comes first by its digits, as the reference engine
  ///   reports it.
  func check(_ elements: Span<Message.Element>, _ scan: Span<UInt8>) throws(GS1Error) {
    try checkExclusions(elements)
    try checkRequirements(elements)
    if mayRepeat { try checkRepeats(elements, scan) }
    try checkSignature(elements, scan)
  }

  /// The AI from `lowest` to `highest` that is present, other than `own`.
  @inline(__always)
  private func find(
    _ elements: Span<Message.Element>, _ lowest: UInt16, _ highest: UInt16,
    besides own: ApplicationIdentifier?
  ) -> ApplicationIdentifier? {
    let prefix = ApplicationIdentifier(unchecked: lowest).prefix
    guard prefixes >> UInt128(truncatingIfNeeded: prefix) & 1 != 0 else { return nil }
    for index in elements.indices {
      let ai = elements[index].ai
      if ai.number >= lowest, ai.number <= highest, ai != own { return ai }
    }
    return nil
  }

  private func checkExclusions(_ elements: Span<Message.Element>) throws(GS1Error) {
    var first: GS1Error?
    for index in elements.indices {
      let element = elements[index]
      var ruleIndex = element.row.firstRule
      guard ruleIndex != 0 else { continue }
      while true {
        let rule = SyntaxTable.Rule(word: SyntaxTable.rules[ruleIndex])
        guard rule.isExclusion else { break }
        if let other = find(elements, rule.lowest, rule.highest, besides: element.ai) {
          keepFirst(
            &first, GS1Error(.excludedPair, element.ai, at: element.valueStart, related: other))
          break
        }
        if rule.endsRow { break }
        ruleIndex += 1
      }
    }
    if let first { throw first }
  }

  /// Every requirement of a row needs one group of which all AIs are present.
  private func checkRequirements(_ elements: Span<Message.Element>) throws(GS1Error) {
    var first: GS1Error?
    for index in elements.indices {
      let element = elements[index]
      var ruleIndex = element.row.firstRule
      guard ruleIndex != 0 else { continue }
      var requirement = ruleIndex
      var isGroupMet = true
      var isMet = false
      while true {
        let rule = SyntaxTable.Rule(word: SyntaxTable.rules[ruleIndex])
        if rule.isExclusion {
          requirement = ruleIndex + 1
        } else {
          if !isMet, isGroupMet {
            isGroupMet = find(elements, rule.lowest, rule.highest, besides: element.ai) != nil
          }
          if rule.endsGroup {
            isMet = isMet || isGroupMet
            isGroupMet = true
          }
          if rule.endsRequirement {
            guard isMet else {
              keepFirst(
                &first,
                GS1Error(
                  .requirementNotMet, element.ai, at: element.valueStart, rule: requirement))
              break
            }
            requirement = ruleIndex + 1
            isMet = false
          }
        }
        if rule.endsRow { break }
        ruleIndex += 1
      }
    }
    if let first { throw first }
  }

  private func keepFirst(_ kept: inout GS1Error?, _ error: GS1Error) {
    if let rank = kept?.ai?.lexicalRank, let newRank = error.ai?.lexicalRank, rank <= newRank {
      return
    }
    kept = error
  }

  /// An AI that came twice, from two symbols on one label, must have come with the same value.
  private func checkRepeats(
    _ elements: Span<Message.Element>, _ scan: Span<UInt8>
  ) throws(GS1Error) {
    for index in elements.indices {
      let element = elements[index]
      for earlier in 0..<index where elements[earlier].ai == element.ai {
        guard Self.areEqual(scan, elements[earlier].valueRange, element.valueRange) else {
          throw GS1Error(.repeatDiffers, element.ai, at: element.valueStart)
        }
        break
      }
    }
  }

  private static func areEqual(
    _ scan: Span<UInt8>, _ left: Range<Int>, _ right: Range<Int>
  ) -> Bool {
    guard left.count == right.count else { return false }
    for index in 0..<left.count
    where scan[left.lowerBound + index] != scan[right.lowerBound + index] {
      return false
    }
    return true
  }

  /// Keys with an optional serial part need it beside a digital signature, AI (8030).
  private func checkSignature(
    _ elements: Span<Message.Element>, _ scan: Span<UInt8>
  ) throws(GS1Error) {
    guard find(elements, 8030, 8030, besides: nil) != nil else { return }
    for index in elements.indices {
      let element = elements[index]
      switch element.ai.number {
      case 253, 255, 8003:
        guard element.decodedLength(in: scan) > element.row.minimumLength else {
          throw GS1Error(.signatureWithoutSerial, element.ai, at: element.valueStart)
        }
      default: continue
      }
    }
  }
}
