/// Samples in nanoseconds, and what is said of them.
struct Samples {
  var values: [Int64] = []

  mutating func add(_ value: Int64) { values.append(value) }

  func percentile(_ share: Double) -> Double {
    guard !values.isEmpty else { return .nan }
    let sorted = values.sorted()
    return Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))])
  }

  var median: Double { percentile(0.5) }

  /// `median 312 µs  p90 400 µs  p99 812 µs`.
  var text: String {
    "median \(micro(median))  p90 \(micro(percentile(0.9)))  p99 \(micro(percentile(0.99)))"
  }
}

/// Nanoseconds as microseconds for people.
func micro(_ nanoseconds: Double) -> String {
  let tenths = (nanoseconds / 100).rounded() / 10
  return "\(tenths) µs"
}

/// The middle one of some ratios.
func medianOf(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
}
