import Foundation
import Testing

/// An operator's terminal may close while ten million serials are read.
@Suite("An import whose client goes")
struct AbandonedImportTests {
  @Test(
    "a client killed while its serials are read leaves no batch and no file, and the next one is taken"
  )
  func killed() throws {
    let daemon = try Daemon()
    #expect(try daemon.startAndWait())
    let serials = try daemon.folder.write(
      "many", (0..<2_000_000).map { "S\($0)\n" }.joined())
    let client = Process()
    client.executableURL = Programs.path("lineward")
    client.arguments = [
      "--socket", daemon.socket, "batch", "open", "--id", "B1", "--gtin", "09506000134352", "--lot",
      "LOT1", "--expiry", "271231", "--serials", serials,
    ]
    client.standardOutput = FileHandle.nullDevice
    client.standardError = FileHandle.nullDevice
    let batches = daemon.directory + "/batches"
    let found = { (try? FileManager.default.contentsOfDirectory(atPath: batches)) ?? [] }
    try client.run()
    #expect(Programs.until(seconds: 30) { !found().isEmpty }, "the import begins")
    kill(client.processIdentifier, SIGKILL)
    client.waitUntilExit()
    #expect(Programs.until(seconds: 60) { found().isEmpty }, "its file goes: \(found())")
    let list = try daemon.ask("batch", "list", json: true)
    #expect(list.status == 0 && !list.output.contains("B1"), "\(list.output)")
    // The same id is free: no batch was opened under it.
    let few = try daemon.folder.write("few", "S1\nS2\n")
    let again = try daemon.ask(
      "batch", "open", "--id", "B1", "--gtin", "09506000134352", "--lot", "LOT1", "--expiry",
      "271231", "--serials", few)
    #expect(again.status == 0, "\(again.errors)")
    daemon.stop(SIGTERM)
  }
}
