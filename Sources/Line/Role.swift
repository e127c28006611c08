/// What a person may be on a line (`[roles]` of the configuration).
public enum Role: String, Sendable, CaseIterable, Codable {
  case `operator`
  case supervisor
  case quality
  case maintenance
}
