internal import CLinux
internal import Glibc

/// A thread with a name, which whoever started it joins once, or never.
package struct NamedThread: Sendable {
  private let thread: pthread_t

  /// Runs `body` on a new thread; nil when the system gives none, and then `body` is let go.
  ///
  /// Debuggers and /proc show the first 15 bytes of the name.
  package init?(_ name: String, _ body: @escaping @Sendable () -> Void) {
    let box = Unmanaged.passRetained(Start(name, body))
    var thread = pthread_t()
    let status = pthread_create(
      &thread, nil,
      { context in
        guard let context else { return nil }
        let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
        clinux_name_thread(start.name)
        start.body()
        return nil
      }, box.toOpaque())
    guard status == 0 else {
      box.release()
      return nil
    }
    self.thread = thread
  }

  /// Waits for its end; once, and never after `forget`.
  package func join() { pthread_join(thread, nil) }

  /// Lets it finish alone: nobody will join it.
  package func forget() { pthread_detach(thread) }

  private final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(_ name: String, _ body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
}
