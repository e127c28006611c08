"""The real daemon and the real command line, as processes."""

import getpass
import json
import os
import signal
import subprocess

import line as lines
from disk import wait

CONFIGURATION = """
[line]
id = "L01"
[storage]
directory = "{directory}"
min_free_mb = 1
[control]
socket = "{folder}/control.sock"
[roles]
operator = ["user:{user}"]
supervisor = ["user:{user}"]
[[scanner]]
name = "camera-1"
device = "{folder}/camera-1"
[[plc]]
name = "plc-1"
host = "127.0.0.1"
port = {port}
poll_ms = 2
heartbeat_ms = {heartbeat}
[[station]]
name = "unit-1"
kind = "unit"
scanner = "camera-1"
plc = "plc-1"
host_base = 0
plc_base = {plc_base}
slots = {slots}
read_timeout_ms = {read_timeout}
early_read_ms = {early_read}
quiet_ms = {quiet}
[limits]
consecutive_rejects = 100000
consecutive_no_reads = 100000
"""


def milliseconds(seconds):
    return round(1000 * seconds)


def serials(start, count):
    """Serials that come twice for no two numbers, in no sorted order."""
    return [f"S{number * 1103515245 + 12345 & 0x7FFFFFFF:08X}" for number in range(start, start + count)]


class Daemon:
    """linewardd on a directory, beside a line; `environment` is added to its own."""

    def __init__(self, programs, folder, directory, port, device, environment=None):
        self.programs, self.folder, self.directory = programs, folder, directory
        self.environment = {**os.environ, **(environment or {})}
        self.process = None
        self.starts = 0
        link = f"{folder}/camera-1"
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(device, link)
        with open(f"{folder}/lineward.toml", "w") as file:
            file.write(CONFIGURATION.format(
                directory=directory, folder=folder, user=getpass.getuser(), port=port,
                heartbeat=milliseconds(lines.HEARTBEAT), plc_base=lines.PLC_BASE, slots=lines.SLOTS,
                read_timeout=milliseconds(lines.READ_TIMEOUT), early_read=milliseconds(lines.EARLY_READ),
                quiet=milliseconds(lines.QUIET),
            ))  # fmt: skip

    def start(self):
        self.starts += 1
        with open(f"{self.folder}/linewardd.log", "ab") as log:
            self.process = subprocess.Popen(
                [f"{self.programs}/linewardd", "--config", f"{self.folder}/lineward.toml"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment,
            )  # fmt: skip

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        if self.process:
            self.process.wait(10)

    def log(self, lines_=15):
        with open(f"{self.folder}/linewardd.log", errors="replace") as file:
            return "".join(file.readlines()[-lines_:])

    def ask(self, *words, seconds=30):
        """(exit code, output or the complaint) of a command."""
        result = subprocess.run(
            [f"{self.programs}/lineward", "--socket", f"{self.folder}/control.sock", "--json", *words],
            capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return result.returncode, result.stdout if result.returncode == 0 else result.stderr.strip()

    def begin_asking(self, *words):
        return subprocess.Popen(
            [f"{self.programs}/lineward", "--socket", f"{self.folder}/control.sock", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"linewardd ended with {self.process.returncode}:\n{self.log()}")
        return os.path.exists(f"{self.folder}/control.sock") and self.ask("status")[0] == 0

    def wait_ready(self):
        wait(self.is_ready, 60, "the daemon's answer")

    def must(self, *words):
        code, said = self.ask(*words)
        if code:
            raise RuntimeError(f"lineward {' '.join(words)} ended with {code}: {said}")
        return json.loads(said) if said.strip() else None

    def open_words(self, name, file):
        return ["batch", "open", "--id", name, "--gtin", lines.GTIN, "--lot", lines.LOT, "--expiry", lines.EXPIRY,
                "--serials", file]  # fmt: skip

    def release(self, line):
        """What a person does on a line that stands: read the alarms, acknowledge, reset, release, until it runs."""
        said = ["never asked"]

        def runs():
            if line.is_running:
                return True
            self.is_ready()
            code, alarms = self.ask("alarms")
            for alarm in json.loads(alarms) if code == 0 else []:
                if alarm["state"] in ("unacknowledged", "returned", "latched_unacknowledged"):
                    self.ask("ack", alarm["id"], "--occurrence", str(alarm["occurrence"]), "--comment", "seen")
                if alarm["state"].startswith("latched"):
                    self.ask("reset", alarm["id"])
            code, said[0] = self.ask("line", "release")
            if code == 0:
                try:
                    wait(lambda: line.is_running, 1, "the PLC's run")
                except RuntimeError:
                    return False
            return line.is_running

        try:
            wait(runs, 60, "a line that runs")
        except RuntimeError as error:
            raise RuntimeError(f"{error}; last refusal: {said[0]}\n{self.log()}") from None


def verify(programs, directory):
    """None when the records are intact, else what is wrong."""
    result = subprocess.run(
        [f"{programs}/lineward", "records", "verify", "--directory", directory],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return None if result.returncode == 0 else (result.stdout + result.stderr).strip()
