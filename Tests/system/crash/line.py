"""A line as fast as its daemon: PLC on Modbus TCP, scanner on a pseudo-terminal, belt and gate, and the truth about every unit.

Written against docs/registers.md alone. The belt feeds a unit as soon as the one before it was judged by its read, so
that units come as fast as verdicts; until then it waits longer than a message may take, as the station's times demand.
"""

import fcntl
import os
import random
import select
import socket
import struct
import termios
import threading
import time
import tty

GTIN, LOT, EXPIRY = "09506000134352", "CRASH-7", "281231"
PLC_BASE, SLOTS, HEARTBEAT = 200, 16, 0.05
READ_TIMEOUT, EARLY_READ, QUIET = 0.200, 0.100, 0.350
NUMBER_MAX = 65504
ACCEPT = 1
# Verdicts that only a message can have led to: nothing of it is still on its way.
OF_A_READ = {1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14}
PASSED, REJECTED, NO_VERDICT_IN_TIME = 1, 2, 6
# Units between read station and gate, and how long a unit takes there on a belt that gets no more of them.
BELT, TRAVEL = 4, 0.4
COAST = 0.15


def following(number):
    return number % NUMBER_MAX + 1


def check(sequence, unit, word, epoch):
    return (3 * sequence + 5 * unit + 7 * word + epoch + 0xA5A5) & 0xFFFF


class Unit:
    """One pack, from the read station to its outcome."""

    def __init__(self, number, kind, serial, at):
        self.number, self.kind, self.serial, self.at = number, kind, serial, at
        self.verdicts = []
        self.accepted = False
        self.outcome = None
        self.outcome_sequence = None

    def __str__(self):
        return (
            f"unit {self.number} ({self.kind}, serial {self.serial}, verdicts {self.verdicts}, outcome {self.outcome})"
        )


class Line(threading.Thread):
    """Runs until `end`. Whoever looks at its lists holds `lock`.

    `position` says how far the disk's log had come; with each acknowledgement it is kept, 0 where there is no log.
    """

    def __init__(self, folder, serials, seed, position=lambda: 0):
        super().__init__(daemon=True)
        self.lock = threading.Lock()
        self.random = random.Random(seed)
        self.serials = iter(serials)
        self.position = position
        self.units = []
        # (position, unit): the PLC took its accept; the host said that its outcome is on record. Positions at which a
        # permit came.
        self.accepts, self.recorded, self.permits = [], [], []
        self.verdicts_taken = 0
        self.violations = []
        self.fed = True
        self._passed, self._taken = set(), {}
        self._held, self._outcomes, self._unrecorded = [], [], []
        self._epoch = self.random.randrange(1, 65536)
        self._host = [0] * (16 + 4 * SLOTS)
        self._plc = [0] * (16 + 4 * SLOTS)
        self._count = self._verdict = self._written = self._said = 0
        self._beat, self._beat_at = None, None
        self._latch, self._stopped_at, self._scanned = "stopped", -1e9, 0.0
        self._permitted, self._connected_at = False, 0.0
        self._over = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._clients = {}
        self._scanner, self._cable = os.openpty()
        tty.setraw(self._cable)
        os.set_blocking(self._scanner, False)
        self.device = os.ttyname(self._cable)
        self._publish()

    # What others ask and say; all of these take the lock.

    @property
    def is_running(self):
        with self.lock:
            return self._latch == "running"

    @property
    def is_settled(self):
        """No unit on the belt, and every outcome on record."""
        with self.lock:
            return not self._held and not self._outcomes and not self._unrecorded

    def daemon_ended(self):
        """The cable stays in: exclusive use of it ends with the process that took it, as with a device that is closed."""
        fcntl.ioctl(self._cable, termios.TIOCNXCL)

    def end(self):
        self._over = True
        self.join(10)
        for descriptor in (self._scanner, self._cable):
            os.close(descriptor)
        for client in [self._listener, *self._clients]:
            client.close()

    # The loop.

    def run(self):
        while not self._over:
            ready, _, _ = select.select([self._listener, *self._clients], [], [], 0.001)
            with self.lock:
                for one in ready:
                    self._serve(one)
                now = time.monotonic()
                self._move(now)
                if now - self._scanned >= 0.002:
                    self._scan(now)

    def _serve(self, one):
        if one is self._listener:
            client, _ = self._listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._clients[client] = b""
            self._connected_at = time.monotonic()
            return
        try:
            came = one.recv(4096)
            if came:
                self._clients[one] += came
                while (request := self._request(one)) is not None:
                    one.sendall(request[:4] + self._answer(request))
                return
        except OSError:
            pass  # The daemon was killed: the connection ends as with an orderly close.
        del self._clients[one]
        one.close()

    def _request(self, one):
        """The next whole telegram of the Modbus TCP header's length (Messaging Guide V1.0b, 3.1.3)."""
        bytes_ = self._clients[one]
        if len(bytes_) < 7 or len(bytes_) < (end := 6 + int.from_bytes(bytes_[4:6], "big")):
            return None
        self._clients[one] = bytes_[end:]
        return bytes_[:end]

    def _answer(self, request):
        unit, function, address, count = struct.unpack(">BBHH", request[6:12])
        if function == 3:
            block, base = (self._host, 0) if address < PLC_BASE else (self._plc, PLC_BASE)
            words = block[address - base : address - base + count]
            if len(words) == count:
                body = struct.pack(f">BBB{count}H", unit, 3, 2 * count, *words)
                return struct.pack(">H", len(body)) + body
        elif function == 16 and address + count <= len(self._host):
            self._host[address : address + count] = struct.unpack(f">{count}H", request[13:])
            self._scan(time.monotonic())
            return struct.pack(">HBBHH", 6, unit, 16, address, count)
        self.violations.append(f"function {function} at {address}, {count} registers, is outside the map")
        return struct.pack(">HBBB", 3, unit, function | 0x80, 2)

    # The PLC.

    def _scan(self, now):
        self._scanned = now
        host, moved = self._host, self._host[1] != self._beat
        if moved:
            self._beat, self._beat_at = host[1], now
        stands = (
            self._beat_at is None or now - self._beat_at >= 10 * HEARTBEAT or host[0] != 1 or host[9] != self._epoch
        )
        if host[2] == 1 and not self._permitted:
            self.permits.append(self.position())
        self._permitted = host[2] == 1
        if host[0] == 1 and host[9] == self._epoch:
            self._take_recorded()
            self._take_verdicts()
        self._write_outcomes()
        stands = stands or len(self._unrecorded) + len(self._outcomes) >= SLOTS // 2
        if self._latch == "running":
            if stands or host[2] != 1:
                self._latch, self._stopped_at = "stopped", now
        elif stands or host[2] > 1:
            self._latch = "stopped"
        elif host[2] == 0:
            self._latch = "armed"
        elif self._latch == "armed" and moved:
            self._latch = "running"
        self._publish()

    def _publish(self):
        running = self._latch == "running"
        moving = running or time.monotonic() - self._stopped_at < COAST
        self._plc[:10] = [
            1, (self._plc[1] + 1) & 0xFFFF, 6 if running else 2, int(running), self._count, self._verdict,
            8 if moving else 0, self._host[4], self._written, self._epoch,
        ]  # fmt: skip

    def _take_verdicts(self):
        for slot in range(SLOTS):
            sequence, unit, verdict, word = self._host[16 + 4 * slot : 20 + 4 * slot]
            taken = self._taken.get(sequence)
            if taken and word == check(sequence, unit, verdict, self._epoch) and taken != (unit, verdict):
                self.violations.append(f"sequence {sequence} was {taken} and came again as {(unit, verdict)}")
        while True:
            sequence = following(self._verdict)
            at = 16 + 4 * (sequence % SLOTS)
            found, number, verdict, word = self._host[at : at + 4]
            if found != sequence or word != check(sequence, number, verdict, self._epoch):
                return
            self._verdict = sequence
            self._taken[sequence] = (number, verdict)
            self._taken.pop(sequence - SLOTS, None)
            self.verdicts_taken += 1
            self._obey(number, verdict)

    def _obey(self, number, verdict):
        if not 1 <= number <= self._count:
            self.violations.append(f"verdict {verdict} for unit {number}, of {self._count} counted")
            return
        unit = self.units[number - 1]
        if verdict == ACCEPT:
            if unit.kind != "good":
                self.violations.append(f"accept for a bad pack: {unit}")
            if ACCEPT in unit.verdicts:
                self.violations.append(f"a second accept: {unit}")
            if unit.at < self._connected_at:
                self.violations.append(f"accept for a unit that triggered before the connection: {unit}")
            unit.accepted = unit in self._held and not unit.verdicts
            self.accepts.append((self.position(), unit))
        else:
            unit.accepted = False
        unit.verdicts.append(verdict)

    def _take_recorded(self):
        while self._unrecorded and self._host[8] != self._said:
            if not any(unit.outcome_sequence == self._host[8] for unit in self._unrecorded):
                break
            unit = self._unrecorded.pop(0)
            self._said = unit.outcome_sequence
            self.recorded.append((self.position(), unit))

    def _write_outcomes(self):
        while self._outcomes and len(self._unrecorded) < SLOTS - 1:
            unit = self._outcomes.pop(0)
            self._written = unit.outcome_sequence = following(self._written)
            at = 16 + 4 * (self._written % SLOTS)
            words = self._written, unit.number, unit.outcome
            self._plc[at : at + 4] = [*words, check(*words, self._epoch)]
            self._unrecorded.append(unit)

    # The belt.

    def _move(self, now):
        if self._latch != "running" and now - self._stopped_at >= COAST:
            return
        while self._held and (len(self._held) > BELT or now - self._held[0].at > TRAVEL):
            self._gate(self._held.pop(0))
        last = self.units[-1] if self.units else None
        judged = last is None or OF_A_READ.intersection(last.verdicts)
        if self.fed and (judged or now - last.at > READ_TIMEOUT + EARLY_READ + 0.02) and self._count < NUMBER_MAX:
            self._feed(now)

    def _gate(self, unit):
        if unit.accepted and len(self._unrecorded) + len(self._outcomes) < SLOTS - 1:
            unit.outcome = PASSED
            if unit.serial in self._passed:
                self.violations.append(f"a serial passed twice: {unit}")
            self._passed.add(unit.serial)
        else:
            unit.outcome = REJECTED if unit.verdicts else NO_VERDICT_IN_TIME
        unit.accepted = False
        self._outcomes.append(unit)

    def _feed(self, now):
        kind = self.random.choices(["good", "again", "foreign", "other lot", "no read"], [90, 5, 2, 2, 1])[0]
        serial, lot = None, LOT
        if kind == "again" and self.accepts:
            # Mostly one of the last, which a crash is likeliest to have forgotten.
            recent = self.accepts if self.random.random() < 0.2 else self.accepts[-20:]
            serial = self.random.choice(recent)[1].serial
        elif kind == "foreign":
            serial = f"X{self._count:07}"
        elif kind != "no read":
            serial = next(self.serials, None)
            if serial is None:
                self.fed = False
                return
            if kind == "again":
                kind = "good"
            if kind == "other lot":
                lot = LOT + "9"
        self._count = following(self._count)
        unit = Unit(self._count, kind, serial, now)
        self.units.append(unit)
        self._held.append(unit)
        message = "NOREAD" if serial is None else f"]d201{GTIN}21{serial}\x1d17{EXPIRY}10{lot}"
        self._publish()
        try:
            os.write(self._scanner, message.encode() + b"\r\n")
        except BlockingIOError:
            pass  # Nobody listens, and the line is full: the message is lost, as on a wire.
