# SPDX-License-Identifier: Apache-2.0
"""A scripted broker that calls when a session of its changes."""

import heapq
from collections.abc import Callable, Iterable, Sequence
from threading import Event, Thread
from uuid import uuid4

from eb_prefect.testing.clock import Clock
from eb_prefect.testing.scripted import ScriptedBroker

Heard = Callable[[str], None]

_LONGEST = 0.05


class PushingBroker(ScriptedBroker):
    """Does what `ScriptedBroker` does, and tells whoever listens.

    With a `Clock` its listeners have been called when ``advance`` returns,
    by the thread that advanced it. With any other clock a thread of its own
    calls them while somebody listens, at most 50 ms late. They are called
    for offers too, when these are made, accepted, rejected and expired.
    """

    def _made(self) -> None:
        self._listeners: list[Heard] = []
        self._due: list[tuple[float, str]] = []
        self._stop: Callable[[], None] = Event().set

    def listen(self, heard: Heard) -> Callable[[], None]:
        """Let ``heard`` be called with the identifier of each session that changes.

        The function that is returned ends it; called again it does nothing.
        """
        with self._lock:
            self._listeners.append(heard)
            if len(self._listeners) == 1:
                self._plan(self._lives)
                self._stop = self._start()
        return lambda: self._leave(heard)

    def announce(self) -> None:
        """Call the listeners for all changes that the clock has reached since the last time."""
        due = []
        with self._lock:
            now = self._now()
            while self._due and self._due[0][0] <= now:
                due.append(heapq.heappop(self._due)[1])
        self._tell(due)

    def _changed(self, sessions: Sequence[str]) -> None:
        with self._lock:
            if not self._listeners:
                return
            self._plan(sessions)
        self._tell(sessions)

    def _plan(self, sessions: Iterable[str]) -> None:
        now = self._now()
        for uuid in sessions:
            life = self._lives.get(uuid)
            for second in life.changes() if life else ():
                if second > now:
                    heapq.heappush(self._due, (second, uuid))

    def _tell(self, sessions: Sequence[str]) -> None:
        if self.faults.pushes_lost or not sessions:
            return
        told = [*sessions, *sessions, str(uuid4())] if self.faults.pushes_spurious else sessions
        for heard in tuple(self._listeners):
            for uuid in told:
                heard(uuid)

    def _start(self) -> Callable[[], None]:
        if isinstance(self.clock, Clock):
            return self.clock.follow(self.announce)
        stopping = Event()
        Thread(target=self._keep_announcing, args=(stopping,), daemon=True).start()
        return stopping.set

    def _keep_announcing(self, stopping: Event) -> None:
        while not stopping.wait(self._until_next()):
            self.announce()

    def _until_next(self) -> float:
        with self._lock:
            seconds = self._due[0][0] - self._now() if self._due else _LONGEST
        return min(max(seconds / self.calendar.factor, 0.0), _LONGEST)

    def _leave(self, heard: Heard) -> None:
        with self._lock:
            if heard not in self._listeners:
                return
            self._listeners.remove(heard)
            if not self._listeners:
                self._stop()
                self._due.clear()
