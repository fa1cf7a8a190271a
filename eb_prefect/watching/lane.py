# SPDX-License-Identifier: Apache-2.0
"""The looks at one broker: in the order in which they are due, within its budget.

Threads, called hands, take the looks. The lead takes each as it becomes due;
another stands by and takes over where the lead is held up by a slow answer,
so that there are as many hands as the broker's answers need, and two where
the process is busy. A broker that can't be reached is tried by one hand, less
and less often, and by another where that one hears nothing for long. A session
that is never answered while others are is put off alone.
"""

import threading
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from time import monotonic, thread_time

from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.pace import Pace
from eb_prefect.room import Room
from eb_prefect.watching.watched import Watched

_FEW = 2
_GRACE = 0.02
_LATE = 0.25
_MOSTLY_WORK = 0.6
_IDLE = 5.0
_BURST = 1.0
_LONGEST_AWAY = 60.0
_NEVER = float("inf")


class Lane:
    """The sessions of one broker that are watched; all methods may be called from any thread."""

    def __init__(self, pace: Pace, name: str, *, idle: float = _IDLE) -> None:
        self._pace = pace
        self._name = name
        self._idle_for = idle
        self._longest_away = min(pace.longest, _LONGEST_AWAY)
        self._due: list[tuple[float, int, Watched]] = []
        self._turns = count(1)
        self._sessions: dict[str, list[Watched]] = {}
        self._wake = threading.Condition()
        self._hands = 0
        self._idle = 0
        self._lead: int | None = None
        self._taken = 0.0
        self._work = 0.0
        self._slot = 0.0
        self._answers = 0
        self._was_answered = False
        self._failures = 0
        self._away = 0.0
        self._is_probing = False
        self._room = Room()

    def put(self, watched: Watched) -> None:
        """Watch a session from now on.

        Raises
        ------
        RuntimeError
            The system gives no thread to look at it. It is not watched.
        """
        wait = watched.first_wait()
        with self._wake:
            self._sessions.setdefault(watched.session, []).append(watched)
            try:
                self._push(watched, wait)
            except RuntimeError:
                self._forget(watched)
                raise

    def drop(self, watched: Watched) -> None:
        """Look at the session no more; a look that is under way tells nothing of it."""
        with self._wake:
            watched.is_left = True
            self._forget(watched)

    def hurry(self, session: str) -> None:
        """Look at a session now, as it is said to have changed."""
        with self._wake:
            for watched in self._sessions.get(session, ()):
                watched.is_hurried = True
                if watched.turn:
                    self._push(watched, 0.0)

    def _push(self, watched: Watched, wait: float) -> None:
        watched.turn = next(self._turns)
        heappush(self._due, (monotonic() + wait, watched.turn, watched))
        if not self._hands:
            self._start_hand()
        elif self._due[0][2] is watched:
            self._wake.notify_all()

    def _forget(self, watched: Watched) -> None:
        watched.turn = 0
        same = self._sessions.get(watched.session, [])
        if watched in same:
            same.remove(watched)
        if not same:
            self._sessions.pop(watched.session, None)

    def _start_hand(self) -> None:
        threading.Thread(target=self._serve, name=f"eb-watch {self._name}", daemon=True).start()
        self._hands += 1

    def _serve(self) -> None:
        while (watched := self._next()) is not None:
            self._room.begin()
            try:
                wait = self._look(watched)
            except BaseException as mistake:
                self._break_off(watched, mistake)
                raise
            finally:
                self._room.end()
            self._done(watched, wait)

    def _break_off(self, watched: Watched, mistake: BaseException) -> None:
        """End with a mistake of ours or of the broker's code, which the session's watcher is to hear of."""
        with self._wake:
            self._is_probing = False
            self._forget(watched)
            self._leave()
            if self._due and not self._hands:
                with suppress(RuntimeError):  # the next session that is put starts one
                    self._start_hand()
        watched.lose(mistake)

    def _leave(self) -> None:
        self._hands -= 1
        self._lead = None if self._lead == threading.get_ident() else self._lead
        self._wake.notify_all()

    def _next(self) -> Watched | None:
        """Return the session to look at as soon as there is one; None when the hand is not needed.

        It has left then, under the same lock: what is put from there on starts another.
        """
        with self._wake:
            leaves = monotonic() + self._idle_for
            while True:
                now, ready = monotonic(), self._ready()
                if ready <= now:
                    return self._take(now)
                if now >= leaves and (self._idle or not self._due):
                    self._leave()
                    return None
                self._idle += 1
                until = min(ready, leaves) if leaves > now else ready
                self._wake.wait(None if until == _NEVER else until - now)
                self._idle -= 1

    def _ready(self) -> float:
        """Return when the next look may be taken by the hand that asks."""
        while self._due and self._due[0][1] != self._due[0][2].turn:
            heappop(self._due)  # it was hurried or dropped
        if not self._due:
            return _NEVER
        ready = max(self._due[0][0], self._slot, self._away)
        if self._is_probing:  # by another hand, which may hang
            ready = max(ready, self._taken + self._longest_away)
        if self._lead in (None, threading.get_ident()):
            return ready
        late = ready + _LATE if self._work < _MOSTLY_WORK else _NEVER
        return min(max(ready, self._taken) + _GRACE, late)

    def _take(self, now: float) -> Watched:
        watched = heappop(self._due)[2]
        watched.turn = 0
        watched.is_hurried = False
        self._lead, self._taken = threading.get_ident(), now
        self._slot = max(self._slot, now - _BURST) + 1 / self._pace.budget
        self._is_probing = self._failures > 0
        if self._due and not self._idle and self._has_room():
            with suppress(RuntimeError):  # the system has no thread left: one hand does it all, later
                self._start_hand()
        return watched

    def _has_room(self) -> bool:
        return self._hands < self._pace.hands and (self._hands < _FEW or self._room.for_another())

    def _look(self, watched: Watched) -> float | None:
        started, worked = monotonic(), thread_time()
        try:
            wait = watched.look()
        except BrokerUnavailableError as error:
            self._stay_away(watched, error.retry_after)
            return watched.put_off(error)
        took = monotonic() - started
        with self._wake:
            self._failures = 0
            self._answers += 1
            self._was_answered = True
            self._work += 0.1 * (min((thread_time() - worked) / took, 1.0) - self._work) if took else 0.0
        watched.failed_at = None
        return wait

    def _stay_away(self, watched: Watched, asked: float | None) -> None:
        """Leave the broker alone, unless it answers for others in between, and for this session never."""
        with self._wake:
            is_its_own = self._was_answered and watched.failed_at not in (None, self._answers)
            watched.failed_at, self._was_answered = self._answers, False
            if is_its_own:
                return
            self._failures += 1
            wait = min(self._pace.shortest * 2.0 ** min(self._failures, 20), self._longest_away)
            self._away = monotonic() + max(wait, asked or 0.0)

    def _done(self, watched: Watched, wait: float | None) -> None:
        with self._wake:
            if self._is_probing:
                self._is_probing = False
                self._wake.notify_all()
            if wait is None or watched.is_left:
                self._forget(watched)
            else:
                self._push(watched, 0.0 if watched.is_hurried else wait)
