// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours: the Swift 6 language mode, no warnings, explicit existentials and imports.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]
/// The pure rooms and the rings also say `unsafe` wherever memory safety rests on them.
let pure: [SwiftSetting] = strict + [.strictMemorySafety()]

let package = Package(
  name: "lineward",
  products: [.library(name: "GS1", targets: ["GS1"])],
  targets: [
    .target(name: "GS1", swiftSettings: pure),
    .target(name: "Alarms", swiftSettings: pure),
    .target(name: "Line", dependencies: ["GS1", "Alarms"], swiftSettings: pure),
    .testTarget(
      name: "GS1Tests", dependencies: ["GS1"], resources: [.copy("Fixtures")],
      swiftSettings: strict),
    .testTarget(name: "LineTests", dependencies: ["Line", "Alarms"], swiftSettings: strict),
  ]
)
