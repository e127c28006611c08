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

let argumentParser: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

let package = Package(
  name: "lineward",
  products: [
    .executable(name: "linewardd", targets: ["linewardd"]),
    .executable(name: "lineward", targets: ["lineward"]),
    .executable(name: "lineward-auth", targets: ["lineward-auth"]),
    .executable(name: "linewardsim", targets: ["linewardsim"]),
    .library(name: "GS1", targets: ["GS1"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    // C libraries, one target each; see docs/ARCHITECTURE.md, "Dependencies".
    .target(name: "CAllocations"),
    .target(name: "CFloors", linkerSettings: [.linkedLibrary("sqlite3")]),
    .target(name: "CLinux"),
    .target(name: "CMemory"),
    .target(name: "CSQLite", linkerSettings: [.linkedLibrary("sqlite3")]),
    .systemLibrary(name: "CPAM", providers: [.apt(["libpam0g-dev"])]),
    .systemLibrary(name: "CModbus", pkgConfig: "libmodbus", providers: [.apt(["libmodbus-dev"])]),
    .systemLibrary(
      name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
    .target(name: "CToml", linkerSettings: [.linkedLibrary("tomlplusplus")]),
    .systemLibrary(name: "CUdev", pkgConfig: "libudev", providers: [.apt(["libudev-dev"])]),

    // Pure rooms.
    .target(name: "GS1", swiftSettings: pure),
    .target(name: "Alarms", swiftSettings: pure),
    .target(name: "Containment", swiftSettings: pure),
    .target(
      name: "Line", dependencies: ["GS1", "Alarms", "Containment", "CMemory"], swiftSettings: pure),
    .target(name: "Rings", swiftSettings: pure),

    // Rooms that know the machine.
    .target(
      name: "Records",
      dependencies: [
        "Line", "Alarms", "Containment", "CLinux", "CSQLite", grdb, grdbSQLite, crypto,
      ],
      swiftSettings: strict),
    .target(name: "Threads", dependencies: ["Line", "CLinux"], swiftSettings: strict),
    .target(
      name: "Devices", dependencies: ["Line", "Rings", "Threads", "CLinux", "CUdev"],
      swiftSettings: strict),
    .target(
      name: "PLCLink", dependencies: ["Line", "Rings", "Threads", "CModbus", "CLinux"],
      swiftSettings: strict),
    .target(name: "Control", dependencies: ["Line", "CLinux"], swiftSettings: strict),
    .target(
      name: "Configuration", dependencies: ["Alarms", "Containment", "CToml"], swiftSettings: strict
    ),
    .target(name: "Journal", dependencies: ["CSystemd", "CLinux", logging], swiftSettings: strict),
    .target(
      name: "Daemon",
      dependencies: [
        "GS1", "Alarms", "Containment", "Line", "Rings", "Threads", "Records", "Devices", "PLCLink",
        "Control", "Configuration", "Journal", "CLinux", logging, argumentParser,
      ], swiftSettings: strict),
    .target(name: "Simulation", dependencies: ["CLinux", "CToml"], swiftSettings: strict),

    // Programs.
    .executableTarget(name: "linewardd", dependencies: ["Daemon"], swiftSettings: strict),
    .executableTarget(
      name: "lineward",
      dependencies: ["Control", "Devices", "GS1", "Line", "Records", "CLinux", argumentParser],
      swiftSettings: strict),
    .executableTarget(
      name: "lineward-auth",
      dependencies: ["Control", "CLinux", "CPAM", "CSystemd", argumentParser],
      swiftSettings: strict),
    .executableTarget(
      name: "linewardsim", dependencies: ["Simulation", "Control", "CLinux", argumentParser],
      swiftSettings: strict),

    // What makes the manual pages at installation.
    .executableTarget(name: "linewardmanual", swiftSettings: strict),

    // What `make bench` runs, and the plain C program that it measures against; CFloors is what it measures against in the
    // same process.
    .executableTarget(
      name: "linewardbench",
      dependencies: [
        "Alarms", "Daemon", "Devices", "GS1", "Line", "PLCLink", "Records", "Rings", "Threads",
        "CAllocations", "CFloors", "CLinux", argumentParser,
      ],
      swiftSettings: strict),
    .executableTarget(name: "linewardfloor", dependencies: ["CModbus"]),

    // Whole lines in virtual time, on a simulated disk: for `make sim` and `WholeLineTests`.
    .target(
      name: "CSimulatedDisk", path: "Tests/CSimulatedDisk",
      linkerSettings: [.linkedLibrary("sqlite3")]),
    .target(
      name: "WholeLine",
      dependencies: [
        "Simulation", "Daemon", "PLCLink", "Devices", "Records", "Line", "Alarms", "Containment",
        "CSimulatedDisk",
      ], path: "Tests/WholeLine", swiftSettings: strict),
    .executableTarget(
      name: "wholelines", dependencies: ["WholeLine", argumentParser], path: "Tests/wholelines",
      swiftSettings: strict),

    // Tests.
    .testTarget(
      name: "GS1Tests", dependencies: ["GS1", "CAllocations"], resources: [.copy("Fixtures")],
      swiftSettings: strict),
    .testTarget(
      name: "DaemonTests",
      dependencies: [
        "Daemon", "Configuration", "Containment", "Control", "Devices", "Line", "Alarms", "PLCLink",
        "Records",
        "CLinux", logging,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "LineTests", dependencies: ["Line", "Alarms", "Containment", "Threads"],
      swiftSettings: strict),
    .testTarget(
      name: "RingsTests", dependencies: ["Rings", "Threads"], swiftSettings: strict),
    .testTarget(
      name: "RecordsTests",
      dependencies: ["Records", "Line", "Alarms", "Containment", grdb, grdbSQLite, crypto],
      swiftSettings: strict),
    .testTarget(
      name: "DevicesTests",
      dependencies: ["Devices", "Line", "Rings", "CAllocations", "CLinux", "CUdev"],
      swiftSettings: strict),
    .testTarget(
      name: "PLCLinkTests", dependencies: ["PLCLink", "Line", "Rings", "Threads", "CLinux"],
      swiftSettings: strict),
    .testTarget(
      name: "ControlTests", dependencies: ["Control", "Daemon", "Line", "lineward", "CLinux"],
      exclude: ["Saved"], swiftSettings: strict),
    .testTarget(
      name: "ConfigurationTests",
      dependencies: ["Configuration", "Alarms", "Containment", "CToml"],
      swiftSettings: strict),
    .testTarget(
      name: "JournalTests", dependencies: ["Journal", "CLinux", "CSystemd", logging],
      swiftSettings: strict),
    .testTarget(
      name: "SimulationTests", dependencies: ["Simulation", "CLinux"], swiftSettings: strict),
    .testTarget(
      name: "WholeLineTests",
      dependencies: ["WholeLine", "Daemon", "Records", "Line", "Simulation", "CSimulatedDisk"],
      swiftSettings: strict),
    .testTarget(
      name: "ProcessTests",
      dependencies: [
        "linewardd", "lineward", "lineward-auth", "linewardsim", "Simulation", "Control", "CLinux",
        "Line",
        "Records",
      ],
      swiftSettings: strict),
  ],
  cxxLanguageStandard: .cxx17
)
