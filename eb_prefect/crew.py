# SPDX-License-Identifier: Apache-2.0
"""A few threads that advance many steps, none of which holds one while it waits."""

import os
import resource
import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from heapq import heappop, heappush
from itertools import count
from time import monotonic
from typing import Any, Generic, TypeVar

from eb_prefect.room import Room
from eb_prefect.watching.follow import Wait

V = TypeVar("V")

_FEW = 2
_MOST = 16
_LATE = 0.1
_IDLE = 2.0


class Running(Generic[V]):
    """A step that a crew advances; ``ended`` has what it returns or raises."""

    __slots__ = ("_crew", "context", "ended", "is_in_hand", "reason", "step", "turn")

    def __init__(self, crew: "Crew", step: Generator[Wait, None, V]) -> None:
        self.step = step
        self.ended: Future[V] = Future()
        self.ended.set_running_or_notify_cancel()  # it ends when the step has, and not before
        self.context = copy_context()  # loggers and settings are those of who starts it
        self.turn = 0
        self.is_in_hand = False
        self.reason: BaseException | None = None
        self._crew = crew

    def stop(self, reason: BaseException) -> None:
        """Throw the reason into the step where it waits, or as soon as it waits again."""
        self._crew.stop(self, reason)


class Crew:
    """Advances steps; ten thousand that wait cost no more threads than ten.

    A hand is a thread. There are two; and up to ``most`` while steps are
    kept waiting though the process is not busy, as where a broker takes its
    time to accept.
    """

    def __init__(self, most: int = _MOST, *, idle: float = _IDLE, room: Room | None = None) -> None:
        self._most = most
        self._idle_for = idle
        self._ready: deque[tuple[float, Running[Any]]] = deque()
        self._timed: list[tuple[float, int, int, Running[Any]]] = []
        self._order = count()
        self._wake = threading.Condition()
        self._hands = 0
        self._idle = 0
        self._room = room or Room()

    def start(self, step: Generator[Wait, None, V]) -> Running[V]:
        """Advance a step from now on, in the context of the caller."""
        running = Running(self, step)
        with self._wake:
            self._put(running)
        return running

    def stop(self, running: Running[Any], reason: BaseException) -> None:
        """See `Running.stop`; a step that has ended stays as it is."""
        with self._wake:
            if running.ended.done() or running.reason is not None:
                return
            running.reason = reason
            if not running.is_in_hand:
                self._put(running)

    def _put(self, running: Running[Any]) -> None:
        running.turn += 1
        running.is_in_hand = True
        self._ready.append((monotonic(), running))
        if self._idle >= len(self._ready):
            self._wake.notify()
        elif self._hands < _FEW or self._needs_hand():
            self._start_hand()

    def _arrived(self, running: Running[Any], turn: int, _: object = None) -> None:
        with self._wake:
            if running.turn == turn and not running.is_in_hand:
                self._put(running)

    def _start_hand(self) -> None:
        threading.Thread(target=self._serve, name="eb-step", daemon=True).start()
        self._hands += 1

    def _serve(self) -> None:
        while (running := self._next()) is not None:
            self._room.begin()
            self._advance(running)
            self._room.end()

    def _next(self) -> Running[Any] | None:
        """Return a step to advance as soon as there is one; None when the hand is not needed."""
        with self._wake:
            leaves = monotonic() + self._idle_for
            while True:
                now = monotonic()
                self._put_due(now)
                if self._ready:
                    return self._taken()
                if now >= leaves and (self._idle or not self._timed):
                    self._hands -= 1
                    return None
                until = min(self._timed[0][0], leaves) if self._timed else leaves
                if now >= leaves:  # the last hand stays for what is timed
                    until = self._timed[0][0]
                self._idle += 1
                self._wake.wait(until - now)
                self._idle -= 1

    def _taken(self) -> Running[Any]:
        running = self._ready.popleft()[1]
        if self._ready and self._needs_hand():
            self._start_hand()
        return running

    def _needs_hand(self) -> bool:
        if self._idle or self._hands >= self._most or monotonic() - self._ready[0][0] <= _LATE:
            return False
        return self._room.for_another()

    def _put_due(self, now: float) -> None:
        while self._timed and self._timed[0][0] <= now:
            _, _, turn, running = heappop(self._timed)
            if running.turn == turn and not running.is_in_hand:
                self._put(running)

    def _advance(self, running: Running[Any]) -> None:
        step = running.step
        reason, running.reason = running.reason, None
        turn = partial(next, step) if reason is None else partial(step.throw, reason)
        try:
            wait = running.context.run(turn)
        except StopIteration as end:
            running.ended.set_result(end.value)
        except BaseException as reason:  # noqa: BLE001 -- whoever waits for the step gets it
            running.ended.set_exception(reason)
        else:
            self._park(running, wait)

    def _park(self, running: Running[Any], wait: Wait) -> None:
        with self._wake:
            running.is_in_hand = False
            turn = running.turn
            if running.reason is not None:
                self._put(running)
                return
            if wait.seconds is not None:
                heappush(self._timed, (monotonic() + wait.seconds, next(self._order), turn, running))
                if self._timed[0][3] is running:
                    self._wake.notify()
        if wait.arrival is not None:
            wait.arrival.add_done_callback(partial(self._arrived, running, turn))


_crews: dict[int, Crew] = {}


def default_crew() -> Crew:
    """Return the crew of this process; a process that was forked has its own."""
    if (found := _crews.get(os.getpid())) is not None:
        return found
    _make_room()
    return _crews.setdefault(os.getpid(), Crew())


def _make_room() -> None:
    """Let this process open as many files as it may: each step holds some, and shells begin with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # it stays as it is
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
