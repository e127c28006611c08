"""A disk that remembers every write and flush, and what it may hold after a power cut.

```
ext4 ── loop device ── regular file by FUSE ── qemu-storage-daemon, blklogwrites ──► disk.img, log.img
```
A state after a cut is everything up to the last flush before it, and of each later write all, nothing or some of its
4 KiB pages. The log's length is the clock: what was acknowledged when the log had a length has to survive every cut at
that length or behind it.
"""

import os
import shutil
import struct
import subprocess
import time

# linux/drivers/md/dm-log-writes.c, "The basic format"; written by QEMU's blklogwrites too.
MAGIC, FLUSH, FUA, DISCARD = 0x6A736677736872, 1, 2, 4
SECTOR, PAGE = 512, 4096


def run(*words, seconds=60):
    result = subprocess.run(words, capture_output=True, text=True, timeout=seconds)
    if result.returncode:
        raise RuntimeError(f"{' '.join(words)}: {result.stderr.strip() or result.stdout.strip()}")
    return result.stdout.strip()


class Mount:
    """An ext4 image in a folder, by a loop device that goes with the mount."""

    def __init__(self, image, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        run("mount", "-t", "ext4", "-o", "loop,noatime", image, folder)

    def end(self):
        run("umount", self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def make(image, megabytes):
    with open(image, "wb") as file:
        file.truncate(megabytes << 20)
    run("mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
    return image


class LoggedDisk:
    """The rig of the drawing, mounted at `mounted.folder`."""

    def __init__(self, folder, megabytes=96):
        self.base = make(f"{folder}/base.img", megabytes)
        disk, self.log, self.file = f"{folder}/disk.img", f"{folder}/log.img", f"{folder}/exported.img"
        shutil.copyfile(self.base, disk)
        for path in (self.log, self.file):
            open(path, "wb").close()
        plain = os.stat(self.file).st_dev
        self.process = subprocess.Popen([
            "qemu-storage-daemon",
            "--blockdev", f"driver=file,node-name=disk-file,filename={disk}",
            "--blockdev", "driver=raw,node-name=disk,file=disk-file",
            "--blockdev", f"driver=file,node-name=log,filename={self.log}",
            "--blockdev", f"driver=blklogwrites,node-name=logged,file=disk,log=log,log-sector-size={SECTOR}",
            "--export", f"type=fuse,id=export,node-name=logged,mountpoint={self.file},writable=on,allow-other=off",
        ])  # fmt: skip
        self.mounted = None
        try:
            wait(lambda: self.process.poll() is not None or os.stat(self.file).st_dev != plain, 10, "the FUSE export")
            self.mounted = Mount(self.file, f"{folder}/mounted")
        except BaseException:
            self.end()
            raise

    def length(self):
        return os.stat(self.log).st_size

    def end(self):
        if self.mounted:
            self.mounted.end()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        # Killed, it leaves its mount behind.
        subprocess.run(["umount", "-l", self.file], capture_output=True, timeout=10)


def wait(condition, seconds, what):
    """Waits for a condition with a bound; RuntimeError names what did not come."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not come within {seconds} s")
        time.sleep(0.005)


class Entry:
    """One line of the log; `end` is the log's length with it."""

    def __init__(self, sector, sectors, flags, data, end):
        self.offset, self.length = sector * SECTOR, sectors * SECTOR
        self.flags, self.data, self.end = flags, data, end


def entries(log):
    with open(log, "rb") as file:
        magic, version, count, sector = struct.unpack("<QQQI", file.read(28))
        if (magic, version, sector) != (MAGIC, 1, SECTOR):
            raise RuntimeError(f"{log} is no log of version 1")
        at = SECTOR
        for _ in range(count):
            file.seek(at)
            first, sectors, flags, _ = struct.unpack("<QQQQ", file.read(32))
            data_at = at + SECTOR
            size = 0 if flags & DISCARD else sectors * SECTOR
            at = data_at + size
            yield Entry(first, sectors, flags, data_at, at)


class Rebuilder:
    """Brings an image to the state of each cut; cuts come in the order of the log."""

    def __init__(self, disk, folder, random):
        self.log = open(disk.log, "rb")
        self.entries = list(entries(disk.log))
        self.image = f"{folder}/rebuilt.img"
        shutil.copyfile(disk.base, self.image)
        self.random, self.done = random, 0
        self.pages_lost = 0

    @property
    def flushes(self):
        return [index for index, entry in enumerate(self.entries) if entry.flags & FLUSH]

    def state(self, flush, cut, to):
        """The disk after a cut behind entry `cut`, when `flush` was the last flush before it."""
        with open(self.image, "r+b", buffering=0) as image:
            for entry in self.entries[self.done : flush + 1]:
                self._write(image, entry, range(0, entry.length, PAGE))
        self.done = flush + 1
        subprocess.run(["cp", "--sparse=always", self.image, to], check=True, timeout=60)
        with open(to, "r+b", buffering=0) as image:
            for entry in self.entries[flush + 1 : cut + 1]:
                pages = range(0, entry.length, PAGE)
                fate = self.random.random()
                # FUA: on the medium when it is acknowledged, and it is, because the log goes on behind it.
                if fate < 0.45 or entry.flags & FUA:
                    kept = pages
                else:
                    kept = [page for page in pages if fate < 0.55 and self.random.random() < 0.5]
                self.pages_lost += len(pages) - len(kept)
                self._write(image, entry, kept)
        return to

    def _write(self, image, entry, pages):
        for page in pages:
            size = min(PAGE, entry.length - page)
            if entry.flags & DISCARD:
                data = bytes(size)
            else:
                self.log.seek(entry.data + page)
                data = self.log.read(size)
            image.seek(entry.offset + page)
            image.write(data)
