# SPDX-License-Identifier: Apache-2.0
"""Doing things in order, and not faster than somebody else can take them."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextvars import Context, copy_context
from time import monotonic

from eb_prefect.at_end import at_end
from eb_prefect.crew import Crew, default_crew
from eb_prefect.watching.follow import Wait

_log = logging.getLogger("eb_prefect")


class Paced:
    """Does the first ``burst`` things at once, and of more than that ``rate`` a second.

    All are done in the order in which they were put, and in the context of
    who put them; what fails is logged and forgotten. What waits when the
    process ends in order is done then.
    """

    def __init__(self, rate: float, *, burst: int) -> None:
        self._pause, self._burst = 1 / rate, burst
        self._next = 0.0
        self._waiting: deque[tuple[Context, Callable[[], object]]] = deque()
        self._lock = threading.Lock()
        self._served_by: Crew | None = None
        self._is_awaited = False

    def put(self, thing: Callable[[], object]) -> None:
        """Do a thing, now if it is not too soon; it should be quick."""
        with self._lock:
            self._waiting.append((copy_context(), thing))
            if self._served_by is (crew := default_crew()):  # a process that was forked has its own
                return
            if self._wait() <= 0:
                self._do_first()
                return
            if not self._is_awaited:
                self._is_awaited = True
                at_end(self.finish)
            crew.start(self._serve())
            self._served_by = crew

    def finish(self) -> None:
        """Do at once what waits."""
        with self._lock:
            while self._waiting:
                self._do_first()

    def _serve(self) -> Generator[Wait, None, None]:
        while (wait := self._served()) is not None:
            yield Wait(wait)

    def _served(self) -> float | None:
        """Do what is due; return how long to wait for the next, None if there is none."""
        with self._lock:
            while self._waiting and self._wait() <= 0:
                self._do_first()
            if not self._waiting:
                self._served_by = None
                return None
            return self._wait()

    def _wait(self) -> float:
        return self._next - monotonic() - self._burst * self._pause

    def _do_first(self) -> None:
        context, thing = self._waiting.popleft()
        self._next = max(self._next, monotonic()) + self._pause
        try:
            context.run(thing)
        except Exception as error:  # noqa: BLE001 -- whatever it is, others wait to be done
            _log.warning("%s", error)
