# SPDX-License-Identifier: Apache-2.0
"""Watching over what a supervisor started: limits, cancellation, and the end of all of it."""

import os
import time
from _signal import (
    SIG_BLOCK,
    SIGHUP,
    SIGINT,
    SIGKILL,
    SIGTERM,
    SIGUSR1,
    pthread_sigmask,
    sigtimedwait,
)

from .cgroup import MemoryGroup
from .spawn import SIGNALS
from .tree import descendants, inside, proportional, resident, signal_all

GRACE = 5.0
"""Seconds that a program is given to end when it is told to."""
_LEFTOVERS = 0.2
LOOK = SIGUSR1
"""The signal that makes a supervisor look around at once; it means nothing by itself."""

CANCELLED = "cancelled"
TOLD = "told"
RELEASED = "released"
DURATION = "duration"
MEMORY = "memory"


class Watch:
    """One supervisor's eyes: whether it is to stop, and what its children do and use.

    ``stop`` is why everything is to end: `CANCELLED`, `TOLD` (a signal from
    the machine), `RELEASED`, `DURATION` or `MEMORY`; empty as long as nothing is.
    ``counts`` says whose memory is measured, see `launch.Launch`; the kernel
    has an eye on that of ``group``, and may kill just one of its processes.
    """

    def __init__(self, cancelled: str, released: str = "") -> None:
        pthread_sigmask(SIG_BLOCK, SIGNALS)
        self._cancelled = cancelled
        self._released = released
        self._told = False
        self.stop = ""
        self.cpu = 0.0
        self.peak = 0
        self.counts = "all"
        self.group: MemoryGroup | None = None

    def sleep(self, seconds: float) -> None:
        """Wait for a signal, at most so long, and look whether all is to stop."""
        found = sigtimedwait(SIGNALS, max(seconds, 0.0))
        if found is not None and found.si_signo in (SIGHUP, SIGINT, SIGTERM):
            self._told = True
        self.look()

    def look(self) -> None:
        """See whether the session was cancelled, or this process told to end."""
        if os.path.lexists(self._cancelled):
            self.stop = self.stop or CANCELLED
        elif self._told:
            self.stop = self.stop or TOLD
        elif self._released and os.path.lexists(self._released):
            self.stop = self.stop or RELEASED

    def go_on(self) -> None:
        """Forget what ended the program alone: what is left to do with its products goes on."""
        self._released = ""
        if self.stop in (RELEASED, DURATION, MEMORY):
            self.stop = ""

    def over(self, pid: int, *, duration: float = 0, memory: int = 0, grace: float = GRACE) -> int:
        """Watch a child until it and all its descendants have ended; return its wait status.

        ``duration`` in seconds and ``memory`` in bytes are limits, 0 for
        none. What stops is told so, and killed after ``grace`` seconds;
        memory is not waited for.
        """
        status = None
        while status is None:
            status = self._until_over(pid, duration, memory, grace)
        return status

    def up(self, pid: int, path: str, *, seconds: float, memory: int) -> int | None:
        """Watch a child until it has made a file; return its wait status if all of it has ended before.

        It is stopped as one that lasts too long if that takes more than so many seconds.
        """
        return self._until_over(pid, seconds, memory, GRACE, path)

    def _until_over(self, pid: int, duration: float, memory: int, grace: float, made: str = "") -> int | None:
        began = time.monotonic()
        ending = 0.0
        while (status := self._reap(pid)) is None:
            if made and not self.stop and os.path.exists(made):
                return None
            age = time.monotonic() - began
            self._check(age, duration, memory)
            if self.stop and not ending:
                ending = time.monotonic() + (0 if self.stop == MEMORY else grace)
                signal_all(descendants(os.getpid()), SIGTERM)
            if ending and time.monotonic() >= ending:
                signal_all(descendants(os.getpid()), SIGKILL)
            self.sleep(_pause(age, duration, ending))
        self._end_the_rest()
        if self.group is not None and self.group.has_killed:
            self.stop = self.stop or MEMORY
        return status

    def outlast(self, pid: int, seconds: float) -> None:
        """Watch a child to its end though all is to stop; it is killed after ``seconds``."""
        ends = time.monotonic() + seconds
        while self._reap(pid) is None:
            if time.monotonic() >= ends:
                signal_all(descendants(os.getpid()), SIGKILL)
            self.sleep(0.05)

    def _check(self, age: float, duration: float, memory: int) -> None:
        self.look()
        if duration and age >= duration:
            self.stop = self.stop or DURATION
        pids = descendants(os.getpid())
        if self.counts != "all":
            pids = inside(pids)
        used = resident(pids)
        if memory and used > memory:
            used = proportional(pids)
            if used > memory:
                self.stop = self.stop or MEMORY
        self.peak = max(self.peak, used)
        if self.group is not None and self.group.has_killed:
            self.stop = self.stop or MEMORY

    def _reap(self, pid: int) -> int | None:
        """Collect all children that ended; return the status of ``pid`` if it is one of them."""
        status = None
        while True:
            try:
                found, code, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return status
            if found == 0:
                return status
            self.cpu += usage.ru_utime + usage.ru_stime
            if self.counts == "all":
                self.peak = max(self.peak, usage.ru_maxrss * 1024)
            if found == pid:
                status = code

    def _end_the_rest(self) -> None:
        """End what the child left behind: after a moment asked to, then killed."""
        began = time.monotonic()
        asked = False
        while left := descendants(os.getpid()):
            self._reap(0)
            age = time.monotonic() - began
            if age > _LEFTOVERS and not asked:
                signal_all(left, SIGTERM)
                asked = True
            if age > _LEFTOVERS * 5 or self.stop == MEMORY:
                signal_all(left, SIGKILL)
            self.sleep(0.02)
        self._reap(0)


def _pause(age: float, duration: float, ending: float) -> float:
    """Return how long to wait for a signal: samples are dense at first, then rarer."""
    pause = 0.05 if age < 1 else 0.1 if age < 30 else 0.25
    if ending:
        return min(pause, max(ending - time.monotonic(), 0.01))
    return min(pause, max(duration - age, 0.0)) if duration else pause
