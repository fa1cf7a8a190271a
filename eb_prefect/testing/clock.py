# SPDX-License-Identifier: Apache-2.0
"""Clocks for scripted brokers: one that a test turns, one that runs fast.

Any callable that returns seconds will do as a clock, `time.monotonic` too.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import RLock


class Clock:
    """Stands still until a test advances it; may be used from several threads.

    Example::

        clock = Clock()
        broker = ScriptedBroker(((0, "RUNNING"), (3600, "COMPLETED")), clock=clock)
        ...
        clock.advance(3600)  # an hour that costs the test nothing
    """

    factor = 1.0

    def __init__(self, start: float = 0.0) -> None:
        self._seconds = start
        self._lock = RLock()
        self._followers: list[Callable[[], None]] = []

    def __call__(self) -> float:
        """Return the seconds on the clock."""
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once; whoever follows has been called on return.

        Raises
        ------
        ValueError
            The seconds are negative: no clock goes back.
        """
        if seconds < 0:
            raise ValueError(f"a clock can't be advanced by {seconds} s")
        with self._lock:
            self._seconds += seconds
            followers = tuple(self._followers)
        for follower in followers:
            follower()

    def follow(self, follower: Callable[[], None]) -> Callable[[], None]:
        """Let ``follower`` be called after each advance, by the thread that advances.

        The function that is returned ends it.
        """
        with self._lock:
            self._followers.append(follower)
        return lambda: self._leave(follower)

    def _leave(self, follower: Callable[[], None]) -> None:
        with self._lock:
            if follower in self._followers:
                self._followers.remove(follower)


class FastClock:
    """Runs by itself from 0; each of its seconds lasts ``1 / factor`` real ones."""

    def __init__(self, factor: float = 1.0) -> None:
        if factor <= 0:
            raise ValueError(f"a clock can't run {factor} times as fast")
        self.factor = factor
        self._began = time.monotonic()

    def __call__(self) -> float:
        """Return the seconds on the clock."""
        return (time.monotonic() - self._began) * self.factor


class Calendar:
    """The date and time that belong to the seconds of a clock.

    What a broker tells of times is of the real world: an hour on a clock that
    runs sixty times as fast is told as a minute.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.factor = float(getattr(clock, "factor", 1.0))
        self._seconds = clock()
        self._moment = datetime.now(UTC)

    def moment(self, seconds: float) -> datetime:
        """Return when the clock shows so many seconds."""
        return self._moment + self.length(seconds - self._seconds)

    def length(self, seconds: float) -> timedelta:
        """Return how long so many seconds of the clock last."""
        return timedelta(seconds=seconds / self.factor)
