/// What is plugged in and may be a scanner, as `lineward scanners discover` shows it.
///
/// It is found by the command line itself and goes over no socket.
public struct DiscoveredReply: Sendable, Equatable, Codable {
  /// One device.
  public struct Device: Sendable, Equatable, Codable {
    /// Its node, as `/dev/ttyACM0`.
    public var device: String
    /// `serial`, `hid` or `keyboard`.
    public var transport: String
    /// USB vendor, four hex digits; null for a serial port of the machine itself.
    public var vendor: String?
    /// Product, four hex digits.
    public var product: String?
    /// Serial number; null where it has none.
    public var serial: String?
    /// The port it is plugged into.
    public var port: String?
    /// Its maker, as it says itself.
    public var maker: String?
    /// Its product name, as it says itself.
    public var name: String?
    /// Its name by maker, model and serial number under /dev.
    public var byID: String?
    /// The profile of its make, where that is known by vendor.
    public var profile: String?
    /// The lines of a configuration that name it, to be pasted.
    public var configuration: [String]

    /// Makes an entry.
    public init(
      device: String, transport: String, vendor: String?, product: String?, serial: String?,
      port: String?, maker: String?, name: String?, byID: String?, profile: String?,
      configuration: [String]
    ) {
      self.device = device
      self.transport = transport
      self.vendor = vendor
      self.product = product
      self.serial = serial
      self.port = port
      self.maker = maker
      self.name = name
      self.byID = byID
      self.profile = profile
      self.configuration = configuration
    }

    private enum CodingKeys: String, CodingKey {
      case device, transport, vendor, product, serial, port, maker, name, profile, configuration
      case byID = "by_id"
    }

    /// Encodes every field, those without a value as null.
    public func encode(to encoder: any Encoder) throws {
      var fields = encoder.container(keyedBy: CodingKeys.self)
      try fields.encode(device, forKey: .device)
      try fields.encode(transport, forKey: .transport)
      try fields.encode(vendor, forKey: .vendor)
      try fields.encode(product, forKey: .product)
      try fields.encode(serial, forKey: .serial)
      try fields.encode(port, forKey: .port)
      try fields.encode(maker, forKey: .maker)
      try fields.encode(name, forKey: .name)
      try fields.encode(byID, forKey: .byID)
      try fields.encode(profile, forKey: .profile)
      try fields.encode(configuration, forKey: .configuration)
    }
  }

  /// What is there.
  public var devices: [Device]
  /// Why not everything is seen; empty when all is well.
  public var trouble: String

  /// Makes a reply.
  public init(devices: [Device], trouble: String) {
    self.devices = devices
    self.trouble = trouble
  }
}
