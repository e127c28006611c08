internal import Synchronization

/// A value that several threads share, behind a lock.
///
/// A `Mutex` that has to wait does so inside the Swift runtime, where the thread sanitizer sees nothing, and then reports
/// races about what the lock guards. The flag inside says in its terms that one holder comes after the other; it
/// costs no system call, and without it `make tsan` fails now and then.
struct Guarded<Value: Sendable>: ~Copyable, Sendable {
  private let value: Mutex<Value>
  private let handedOn = Atomic<Bool>(false)

  init(_ value: Value) { self.value = Mutex(value) }

  /// Runs `body` while nobody else has the value.
  borrowing func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
    value.withLock { value in
      _ = handedOn.load(ordering: .acquiring)
      defer { handedOn.store(true, ordering: .releasing) }
      return body(&value)
    }
  }
}
