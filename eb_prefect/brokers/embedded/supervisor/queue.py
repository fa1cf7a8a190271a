# SPDX-License-Identifier: Apache-2.0
"""Who waits for cores and memory: first come, first served, at one process a home.

Each accepted session has an entry, named by when it was accepted. Only the
head waits as a process; the others are entries, and cost nothing. Whoever
stops being head starts the supervisor of the first entry. No wake-up is lost:
an entry is made before its owner looks for a head, and a head looks for
entries after it has ceased to be one.
"""

import os

from .locks import HEAD, give, holder, open_lock, take

HEAD_FILE = "head"


def entry_name(accepted: str, session: str) -> str:
    """Return the name of a session's entry; the instants sort as text."""
    return f"{accepted}.{session}"


def enter(queue: str, name: str) -> None:
    """Make an entry; a second one of the same name is the same."""
    os.close(os.open(f"{queue}/{name}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def leave(queue: str, name: str) -> None:
    """Remove an entry, if it is there."""
    try:
        os.unlink(f"{queue}/{name}")
    except FileNotFoundError:
        return


def first(queue: str) -> str:
    """Return the name of the entry that is next, empty for none."""
    return min((name for name in os.listdir(queue) if name != HEAD_FILE), default="")


def session_of(name: str) -> str:
    """Return the session that an entry stands for."""
    return name.rpartition(".")[2]


def head(queue: str) -> int:
    """Return the pid of the supervisor that waits as head, 0 for none."""
    return holder(f"{queue}/{HEAD_FILE}", HEAD)


class Turn:
    """One supervisor's place at the head of the queue."""

    def __init__(self, queue: str) -> None:
        self._fd = open_lock(f"{queue}/{HEAD_FILE}")

    def take(self) -> bool:
        """Become head, or return False where another is."""
        return take(self._fd, HEAD)

    def give(self) -> None:
        """Stop being head."""
        give(self._fd, HEAD)


class Share:
    """The cores and GiB of memory that one session holds while it has any."""

    def __init__(self, capacity: str) -> None:
        self._cores = open_lock(f"{capacity}/cores")
        self._memory = open_lock(f"{capacity}/memory")
        self.cpus: list[int] = []

    def take(self, cpus: list[int], cores: int, gibibytes: int, memory: int) -> str:
        """Take all of it or nothing; return what is short, empty for success.

        ``cores`` of ``cpus`` and ``memory`` of ``gibibytes`` are taken. Only
        the head of the queue may call this.
        """
        self.cpus = _take_some(self._cores, cpus, cores)
        taken = _take_some(self._memory, list(range(gibibytes)), memory)
        short = [
            f"{wanted} {what} asked for, {len(got)} free now"
            for what, wanted, got in (("cores", cores, self.cpus), ("GiB of memory", memory, taken))
            if len(got) < wanted
        ]
        if short:
            _give_all(self._cores, self.cpus)
            _give_all(self._memory, taken)
            self.cpus = []
        return " and ".join(short)

    def give(self) -> None:
        """Give all of it back."""
        os.close(self._cores)
        os.close(self._memory)


def _take_some(fd: int, bytes_: list[int], count: int) -> list[int]:
    taken: list[int] = []
    for byte in bytes_:
        if len(taken) == count:
            break
        if take(fd, byte):
            taken.append(byte)
    return taken


def _give_all(fd: int, bytes_: list[int]) -> None:
    for byte in bytes_:
        give(fd, byte)
