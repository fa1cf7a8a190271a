# SPDX-License-Identifier: Apache-2.0
"""Looking at many sessions with few calls."""

import threading
import time

from eb_prefect.brokers.panda.mode import Mode, Seen
from eb_prefect.brokers.panda.wire import Wire

_INTEREST = 600.0


class Looks:
    """What was seen, for so many seconds as ``fresh``.

    Whoever looks at one that is out of date looks at all that somebody was
    interested in lately, as far as the mode can take them together.
    """

    def __init__(self, wire: Wire, mode: Mode, fresh: float) -> None:
        self._wire = wire
        self._mode = mode
        self._fresh = fresh
        self._lock = threading.Lock()
        self._wanted: dict[str, float] = {}
        self._seen: dict[str, tuple[float, Seen | None]] = {}

    def look(self, handle: str) -> Seen | None:
        """Return how it is, None if PanDA does not know it.

        Raises what `Mode.look` raises.
        """
        if self._mode.together == 1:  # nobody waits for what others look at
            return self._mode.look(self._wire, [handle]).get(handle)
        with self._lock:
            now = time.monotonic()
            self._wanted[handle] = now
            known = self._seen.get(handle)
            if known is None or now - known[0] >= self._fresh:
                self._look(handle, now)
            return self._seen[handle][1]

    def expect(self, handle: str | None) -> None:
        """Take an interest in what will be looked at soon."""
        if handle is not None and self._mode.together > 1:
            with self._lock:
                self._wanted[handle] = time.monotonic()

    def forget(self, handle: str) -> None:
        """Look anew the next time, as it is not any more what it was."""
        with self._lock:
            self._seen.pop(handle, None)

    def drop(self, handle: str) -> None:
        """Take no more interest: it has ended."""
        with self._lock:
            self._seen.pop(handle, None)
            self._wanted.pop(handle, None)

    def _look(self, handle: str, now: float) -> None:
        self._wanted = {each: at for each, at in self._wanted.items() if now - at < _INTEREST}
        stale = [each for each in self._wanted if each != handle and self._is_stale(each, now)]
        together = [handle, *stale][: self._mode.together]
        found = self._mode.look(self._wire, together)
        kept = {each: seen for each, seen in self._seen.items() if each in self._wanted}
        self._seen = kept | {each: (now, found.get(each)) for each in together}

    def _is_stale(self, handle: str, now: float) -> bool:
        known = self._seen.get(handle)
        return known is None or now - known[0] >= self._fresh / 2
