# SPDX-License-Identifier: Apache-2.0
"""Whether one thread more would help: where answers are slow, and not where the process works all it can."""

from threading import get_ident
from time import monotonic, process_time

_SHORTEST = 0.05
_PERIOD = 1.0
_LONGEST = 2.0
_BUSY = 0.6
_SLOW = 0.05
_WEIGHT = 0.1


class Room:
    """Tells whether to start another thread, of which Python lets one at a time work.

    ``slow`` is how many seconds what the threads do must take, in the mean or
    one of them now, for more of them to be worth it; ``busy`` is the share of
    a processor beyond which the process is.
    """

    def __init__(self, slow: float = _SLOW, busy: float = _BUSY) -> None:
        self._slow, self._busy = slow, busy
        self._begun: dict[int, float] = {}
        self._takes = 0.0
        self._is_busy = False
        self._since, self._used = monotonic(), process_time()

    def begin(self) -> None:
        """Hear that this thread begins to do something."""
        now = self._begun[get_ident()] = monotonic()
        if now - self._since > _LONGEST:
            self._measure(now)  # what was before says nothing of what begins

    def end(self) -> None:
        """Hear that it has done it."""
        took = monotonic() - self._begun.pop(get_ident())
        self._takes += _WEIGHT * (took - self._takes)

    def for_another(self) -> bool:
        """Ask whether to start one now."""
        return self._is_slow() and not self._works()

    def _is_slow(self) -> bool:
        now = monotonic()
        return self._takes > self._slow or any(now - at > self._slow for at in [*self._begun.values()])

    def _works(self) -> bool:
        """Whether the process is busy, by the last second at most."""
        now = monotonic()
        passed, used = now - self._since, process_time() - self._used
        if passed >= _SHORTEST:
            self._is_busy = used / passed > self._busy
        if passed >= _PERIOD:
            self._measure(now)
        return self._is_busy

    def _measure(self, now: float) -> None:
        self._since, self._used = now, process_time()
