internal import Glibc
public import Line
internal import Foundation
internal import Synchronization

/// What is known of a scanner that types: whether it was taught, and who teaches it now.
///
/// Layout and caps lock change serials without a trace, so nothing that such a scanner types is a read before a test symbol
/// has come through whole (see `WedgeTeaching`), nor after anything that the proof rests on has changed.
public final class Wedge: Sendable {
  /// How a teaching ended.
  public enum Outcome: Sendable, Hashable {
    /// The symbol came through whole; `keep` makes the proof count.
    case whole(WedgeProof)
    /// A scan came and was something else: a sentence.
    case other(String)
    /// No scan came in time, or the scanner is not there.
    case nothing
  }

  /// Bytes of a proof's file at most.
  private static let fileLengthMax = 4096

  private struct State {
    var proof: WedgeProof?
    var until: Instant?
    var ended: (@Sendable (Outcome) -> Void)?
  }

  /// The scanner's name.
  let name: String
  /// The layout that it types in.
  let layout: KeyboardLayout
  /// The layouts that are known besides.
  let others: [KeyboardLayout]
  private let path: String
  private let state: Mutex<State>

  /// Reads the proof that was kept in a file, if there is one; a file that cannot be read proves nothing.
  public init(
    name: String, proof path: String, layout: KeyboardLayout, others: [KeyboardLayout]
  ) {
    self.name = name
    self.layout = layout
    self.others = others
    self.path = path
    var proof: WedgeProof?
    if let data = try? Data(contentsOf: URL(fileURLWithPath: path)),
      data.count <= Wedge.fileLengthMax
    {
      proof = try? JSONDecoder().decode(WedgeProof.self, from: data)
    }
    state = Mutex(State(proof: proof))
  }

  /// Takes the next scan up to `until` for the test symbol; false while another teaching is under way.
  ///
  /// `ended` is told once, and must not block.
  public func teach(until: Instant, ended: @escaping @Sendable (Outcome) -> Void) -> Bool {
    state.withLock { state in
      guard state.ended == nil else { return false }
      state.until = until
      state.ended = ended
      return true
    }
  }

  /// Keeps a proof, from now on and for the starts to come.
  ///
  /// - Throws: what Foundation says of a file that cannot be written; then nothing is taught.
  public func keep(_ proof: WedgeProof) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    try encoder.encode(proof).write(to: URL(fileURLWithPath: path), options: .atomic)
    state.withLock { $0.proof = proof }
  }

  /// Why what is typed may not be believed, by what the device and its decoder have now; nil: it may.
  func obstacle(now: WedgeProof) -> String? {
    let proof = state.withLock { $0.proof }
    let reason =
      if let proof { proof.expiry(now: now) } else {
        "it types like a keyboard and was never taught"
      }
    return reason.map {
      "\($0); run lineward scanners teach \(name) and scan the test symbol"
    }
  }

  /// Whether a teaching is under way; one whose time is over ends here.
  func isTeaching(now: Instant) -> Bool {
    let isOver = state.withLock { $0.until.map { now >= $0 } ?? false }
    if isOver { end(.nothing) }
    return state.withLock { $0.ended != nil }
  }

  func end(_ outcome: Outcome) {
    let ended = state.withLock { state in
      defer {
        state.ended = nil
        state.until = nil
      }
      return state.ended
    }
    ended?(outcome)
  }
}
