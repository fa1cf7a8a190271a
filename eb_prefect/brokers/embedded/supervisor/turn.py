# SPDX-License-Identifier: Apache-2.0
"""A supervisor's way through the queue: until it has its cores and memory."""

import os
import time

from .diary import Diary, has_ended
from .plan import Plan
from .queue import Share, Turn, enter, entry_name, first, head, leave, session_of
from .spawn import spawn
from .verdict import COMPUTE, failed
from .watching import LOOK, Watch

_LOOK_AGAIN = 0.25


class Queued(Exception):  # noqa: N818 - the session goes on, without this process
    """Another session is head; that one's supervisor starts ours when it is our turn."""


class Waiting:
    """The entry of one session, and what it holds once it is through."""

    def __init__(self, plan: Plan, accepted: str) -> None:
        self._plan = plan
        self._queue = f"{plan.pool}/queue"
        self._name = entry_name(accepted, plan.session)
        self._turn = Turn(self._queue)
        self._share = Share(f"{plan.pool}/capacity")

    @property
    def cpus(self) -> list[int]:
        """The cores that the session has."""
        return self._share.cpus

    def until_start(self, diary: Diary, watch: Watch) -> None:
        """Wait until the session may start at the earliest, or is to stop."""
        while not watch.stop and (left := self._plan.start - time.time()) > 0:
            diary.enter("WAITING", why="its start lies in the future")
            watch.sleep(min(left, 3600.0))

    def until_served(self, diary: Diary, watch: Watch) -> None:
        """Wait until the session has its share, or is to stop.

        Raises
        ------
        Queued
            It is somebody else's turn.
        Verdict
            The time in which it was to start is over.
        """
        enter(self._queue, self._name)
        if not self._is_next():
            diary.enter("WAITING", why="other sessions are before it")
            raise Queued
        plan = self._plan
        while not watch.stop:
            short = self._share.take(plan.cpus, plan.cores, plan.gibibytes, plan.memory)
            if not short:
                break
            diary.enter("WAITING", why=short)
            if plan.until and time.time() > plan.until:
                raise failed(COMPUTE, f"it could not start in the interval that was asked for: {short}")
            watch.sleep(_LOOK_AGAIN)
        self._make_way()

    def end(self) -> None:
        """Give all back, and see to it that the next session gets on."""
        self._make_way()
        self._share.give()
        if pid := head(self._queue):
            _poke(pid)

    def _is_next(self) -> bool:
        """Become head; whoever is before this one is started instead."""
        if not self._turn.take():
            return False
        before = self._first()
        if before == self._name:
            return True
        self._turn.give()
        self._start(before)
        return False

    def _first(self) -> str:
        """Return the first entry; those of sessions that have ended are removed on the way."""
        while (name := first(self._queue)) and has_ended(self._directory(name)):
            leave(self._queue, name)
        return name

    def _directory(self, name: str) -> str:
        return f"{self._plan.home}/sessions/{session_of(name)}"

    def _start(self, name: str) -> None:
        spawn(self._directory(name), dict(os.environ))

    def _make_way(self) -> None:
        leave(self._queue, self._name)
        self._turn.give()
        if (following := self._first()) and not head(self._queue):
            self._start(following)


def _poke(pid: int) -> None:
    try:
        os.kill(pid, LOOK)
    except ProcessLookupError:  # it has its share already
        return
