# SPDX-License-Identifier: Apache-2.0
"""The log of one session: lines of JSON, only ever appended, by its supervisor alone.

A line counts once its newline is there, so a write that a kill or a full disk
cut short is no entry. Room for the last entries is kept aside from the start.
"""

import os

from .text import dumps, instant, scan

FINAL = ("COMPLETED", "FAILED", "CANCELLED")
LOG = "log"
SPARE = "spare"
_SPARE_BYTES = 64 * 1024


def has_ended(directory: str) -> bool:
    """Return whether a session is final, or its directory is gone."""
    try:
        fd = os.open(f"{directory}/{LOG}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return not os.path.isdir(directory)
    try:
        whole = os.read(fd, os.fstat(fd).st_size)
    finally:
        os.close(fd)
    last = whole[: whole.rfind(b"\n") + 1].splitlines()[-1:]
    return bool(last) and scan(last[0].decode(), 0)[0].get("phase") in FINAL


def reserve(directory: str) -> None:
    """Make the log of a session, with room for its last entries.

    Raises
    ------
    OSError
        There is no room.
    """
    for name, size in ((LOG, 0), (SPARE, _SPARE_BYTES)):
        fd = os.open(f"{directory}/{name}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if size:
                os.posix_fallocate(fd, 0, size)
        finally:
            os.close(fd)


class Diary:
    """The log of the session in one directory, opened by its supervisor."""

    def __init__(self, directory: str) -> None:
        self._spare = f"{directory}/{SPARE}"
        self._fd = os.open(f"{directory}/{LOG}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        whole = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        self._end = whole.rfind(b"\n") + 1
        os.ftruncate(self._fd, self._end)
        self.entries = [scan(line, 0)[0] for line in whole[: self._end].decode().splitlines()]

    @property
    def phase(self) -> str:
        """The last phase that was entered, empty for none."""
        return next((entry["phase"] for entry in reversed(self.entries) if "phase" in entry), "")

    def entered(self, phase: str) -> dict[str, object] | None:
        """Return the entry that entered a phase."""
        return next((entry for entry in self.entries if entry.get("phase") == phase), None)

    @property
    def begun(self) -> dict[str, object] | None:
        """The entry that says that the program starts, and in which boot of the machine."""
        return next((entry for entry in self.entries if "boot" in entry), None)

    def enter(self, phase: str, *, at: object = None, **more: object) -> None:
        """Enter a phase, durably, unless it was entered before, by a supervisor that was lost.

        Raises
        ------
        OSError
            There is no room even after what was kept aside is given up.
        """
        if self.entered(phase) is None:
            self.note(at=at or instant(), phase=phase, **more)

    def note(self, **entry: object) -> None:
        """Append one entry, durably; errors are those of `enter`."""
        line = dumps(entry).encode() + b"\n"
        try:
            self._append(line)
        except OSError:
            if not os.path.exists(self._spare):
                raise
            os.unlink(self._spare)
            self._append(line)
        self.entries.append(entry)

    def _append(self, line: bytes) -> None:
        written = os.pwrite(self._fd, line, self._end)
        if written < len(line):  # the disk is full; the next call says so
            os.pwrite(self._fd, line[written:], self._end + written)
        os.fdatasync(self._fd)
        self._end += len(line)
