internal import Dispatch
internal import Line
internal import Logging
internal import Records

/// Saves what records have made of the core, away from the line loop, so that a restart need not replay them all.
///
/// The loop is asked twice for its core at rest, which costs it no more than a look; pools are copied between the two, by
/// their atomic words, while the line goes on.
final class StateKeeper: @unchecked Sendable {
  // Kept true by: everything below is touched on `queue` only, once `start` has been called.

  /// So often it is looked whether a new state is due; never two of them in a shorter time.
  static let pace = DispatchTimeInterval.seconds(60)
  /// A state is due when so many records have come since the last: they take about 0.2 s to replay.
  static let recordsBetween: Int64 = 100_000

  private let queue = DispatchQueue(label: "lineward.state", qos: .utility)
  private let directory: String
  private let logger: Logger
  private let ask: @Sendable (@escaping @Sendable (LineLoop.Settled?) -> Void) -> Void
  private let pace: DispatchTimeInterval
  private let recordsBetween: Int64
  private var timer: (any DispatchSourceTimer)?
  private var isBusy = false
  private var isEnded = false
  private var savedSequence: Int64 = 0
  private var savedClosed = 0

  init(
    directory: String, logger: Logger, pace: DispatchTimeInterval = StateKeeper.pace,
    recordsBetween: Int64 = StateKeeper.recordsBetween,
    ask: @escaping @Sendable (@escaping @Sendable (LineLoop.Settled?) -> Void) -> Void
  ) {
    self.directory = directory
    self.logger = logger
    self.pace = pace
    self.recordsBetween = recordsBetween
    self.ask = ask
  }

  func start() {
    queue.async { [self] in
      let timer = DispatchSource.makeTimerSource(queue: queue)
      timer.schedule(deadline: .now() + pace, repeating: pace, leeway: .milliseconds(500))
      timer.setEventHandler { @Sendable [weak self] in self?.look() }
      timer.resume()
      self.timer = timer
    }
  }

  func stop() {
    queue.sync {
      timer?.cancel()
      timer = nil
      // What is still on its way may not take the place of the state at rest.
      isEnded = true
    }
  }

  /// Saves the state at which the loop ended.
  func saveAtRest(_ end: LineLoop.Settled) {
    queue.sync {
      guard end.sequence > savedSequence else { return }
      save(images: StateKeeper.images(end.core), begun: end.sequence, end)
    }
  }

  private func look() {
    guard !isBusy else { return }
    isBusy = true
    ask { [weak self] settled in
      guard let self else { return }
      self.queue.async { self.take(settled) }
    }
  }

  private func take(_ first: LineLoop.Settled?) {
    guard let first, !isEnded, isDue(first) else {
      isBusy = false
      return
    }
    let images = StateKeeper.images(first.core)
    ask { [weak self] settled in
      guard let self else { return }
      self.queue.async {
        if let settled, !self.isEnded, StateKeeper.isOfOneLife(first.core, settled.core) {
          self.save(images: images, begun: first.sequence, settled)
        }
        self.isBusy = false
      }
    }
  }

  private func isDue(_ settled: LineLoop.Settled) -> Bool {
    settled.sequence - savedSequence >= recordsBetween
      || settled.core.batches.count { $0.state == .closed } > savedClosed
  }

  /// After a storage fault the pools are others: those of the core that saw it may show accepts that no record has.
  private static func isOfOneLife(_ first: LineController, _ second: LineController) -> Bool {
    let pools = Dictionary(
      second.batches.map { ($0.number, $0.pool) }, uniquingKeysWith: { first, _ in first })
    return first.batches.allSatisfy { batch in
      guard let before = batch.pool, let after = pools[batch.number] ?? nil else { return true }
      return before === after
    }
  }

  private static func images(_ core: LineController) -> [UInt32: SerialImage] {
    var images: [UInt32: SerialImage] = [:]
    for batch in core.batches { images[batch.number] = batch.pool?.image() }
    return images
  }

  private func save(
    images: [UInt32: SerialImage], begun: Int64, _ settled: LineLoop.Settled
  ) {
    do throws(StorageFault) {
      let state = try SavedState(
        settled.core, sequence: settled.sequence, hash: settled.hash, images: images, begun: begun,
        directory: directory)
      try state.write(directory: directory)
      savedSequence = settled.sequence
      savedClosed = settled.core.batches.count { $0.state == .closed }
    } catch {
      logger.warning(
        "the state of the line could not be saved; the next start takes longer: \(error.message)")
    }
  }
}
