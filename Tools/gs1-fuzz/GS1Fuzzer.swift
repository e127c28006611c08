// The entry point for libFuzzer; compiled into one module with Sources/GS1, so nothing is imported.
// `make fuzz` builds and runs it.

/// Gives one input to every reader; stops the process where a promise of the library is broken.
@_cdecl("LLVMFuzzerTestOneInput")
public func readOneInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let scan = UnsafeBufferPointer(start: start, count: count).span
  if let message = try? Message.parse(scan) { checkMessage(message, scan) }
  if let envelope = try? Envelope.parse(scan) { checkEnvelope(envelope, scan) }
  _ = try? GTIN.linear(scan)
  _ = Message.explanation(of: Array(UnsafeBufferPointer(start: start, count: count)))
  return 0
}

/// Values lie within the scan, and what was read can be written and read again.
private func checkMessage(_ message: Message, _ scan: Span<UInt8>) {
  for index in 0..<message.count {
    let range = message[index].valueRange
    precondition(!range.isEmpty && range.upperBound <= scan.count)
  }
  let elements = message.elements(in: scan)
  guard !elements.isEmpty else { return }
  guard let written = try? MessageWriter.elementStrings(elements),
    let again = try? Message.elements(in: written)
  else { preconditionFailure("a message that was read cannot be written") }
  precondition(again.map(\.ai) == elements.map(\.ai), "AIs differ after writing")
  precondition(again.map(\.value) == elements.map(\.value), "values differ after writing")
  // Writing escapes all that may be escaped, up to three bytes for one, so long URIs may grow out
  // of the limit.
  if message.content == .digitalLink, scan.count < Message.byteCountMax / 3 {
    guard let uri = try? MessageWriter.digitalLink(elements),
      let fromURI = try? Message.elements(in: Array("]d1\(uri)".utf8))
    else { preconditionFailure("a URI that was read cannot be written") }
    precondition(Set(fromURI.map(\.ai)) == Set(elements.map(\.ai)))
  }
}

private func checkEnvelope(_ envelope: Envelope, _ scan: Span<UInt8>) {
  switch envelope {
  case .elementStrings(let message): checkMessage(message, scan)
  case .pharmacyProduct(let product):
    for identifier in PharmacyProduct.Identifier.allCases {
      guard let range = product.value(of: identifier) else { continue }
      precondition(range.upperBound <= scan.count)
    }
  }
}
