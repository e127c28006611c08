internal import Dispatch
internal import Journal

/// Feeds systemd's watchdog, but only while every loop that the line rests on moves.
final class Watchdog: @unchecked Sendable {
  // Kept true by: `seen` is touched by the timer's handler only, on its own serial queue.

  /// A counter that a living loop increases.
  struct Pulse: Sendable {
    var name: String
    var read: @Sendable () -> UInt64
  }

  private let queue = DispatchQueue(label: "lineward.watchdog")
  private let timer: any DispatchSourceTimer
  private let pulses: [Pulse]
  private var seen: [UInt64]

  /// Makes a watchdog that looks `interval` apart; feeding needs every pulse to have moved since the last look.
  init(
    interval: DispatchTimeInterval, pulses: [Pulse], feed: @escaping @Sendable () -> Void,
    still: @escaping @Sendable (String) -> Void
  ) {
    self.pulses = pulses
    seen = pulses.map { _ in UInt64.max }
    timer = DispatchSource.makeTimerSource(queue: queue)
    timer.schedule(deadline: .now() + interval, repeating: interval)
    timer.setEventHandler { @Sendable [weak self] in
      guard let self else { return }
      var allMove = true
      for (index, pulse) in self.pulses.enumerated() {
        let value = pulse.read()
        if value == self.seen[index] {
          allMove = false
          still(pulse.name)
        }
        self.seen[index] = value
      }
      if allMove { feed() }
    }
  }

  func start() { timer.resume() }

  func stop() { timer.cancel() }
}
