internal import ArgumentParser
internal import Control
internal import Devices
internal import Glibc

/// `scanners discover`.
struct Discover: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List what is plugged in and may be a scanner, with the lines for the configuration.",
    discussion: """
      Asks udev, not the daemon: it works before there is a configuration. Serial ports with something \
      behind them, HID scanners (usage page 0x8C) and keyboards are listed, the keyboard that you type on \
      too; of a scanner that types, the make is named where its USB vendor is known.

      Paste the lines of the scanner that you mean, and give it a name. To see which one it is, run this \
      with --follow and plug it in.
      """)

  @Flag(help: "Go on, and list all again when something is plugged in or pulled, until ^C.")
  var follow = false
  @OptionGroup var options: GlobalOptions

  func run() throws {
    var finder = DeviceFinder()
    show(finder.devices, finder.trouble)
    var polled = pollfd(fd: finder.descriptor, events: Int16(POLLIN), revents: 0)
    while follow {
      // Where nothing tells of a change, it is looked for.
      let ready = poll(&polled, 1, finder.trouble == nil ? -1 : 1000)
      let hasChanged = ready > 0 ? finder.drain() : ready == 0 && finder.lookAgain()
      if hasChanged { show(finder.devices, finder.trouble) }
    }
  }

  private func show(_ devices: [FoundDevice], _ trouble: String?) {
    let reply = DiscoveredReply(
      devices: devices.map { .init($0, among: devices) }, trouble: trouble ?? "")
    let isBehind = follow && !options.json
    Output.lines(
      options.json
        ? [Wire.json(reply)]
        : Render(colours: Output.hasColours).discovered(reply) + (isBehind ? ["", "---", ""] : []))
  }
}

extension DiscoveredReply.Device {
  init(_ device: FoundDevice, among all: [FoundDevice]) {
    let make = ScannerMake.of(vendor: device.vendor)
    var lines = [
      "[[scanner]]", "name = \"scanner-1\"", "transport = \"\(device.transport.rawValue)\"",
    ]
    if device.vendor != nil, let match = DeviceMatch(telling: device, from: all) {
      let fields = [
        ("vendor", match.vendor), ("product", match.product), ("serial", match.serial),
        ("port", match.port),
      ].compactMap { name, value in value.map { "\(name) = \(Self.quoted($0))" } }
      lines.append("match = { \(fields.joined(separator: ", ")) }")
    } else {
      lines.append("device = \(Self.quoted(device.links.first ?? device.node))")
    }
    if let make { lines.append("# profile = \"\(make.profile)\"") }
    self.init(
      device: device.node, transport: device.transport.rawValue, vendor: device.vendor,
      product: device.product, serial: device.serial, port: device.port, maker: device.maker,
      name: device.name, byID: device.byID, profile: make?.profile, configuration: lines)
  }

  /// A text as TOML writes it; texts of devices have no control characters.
  private static func quoted(_ text: String) -> String {
    "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }
}
