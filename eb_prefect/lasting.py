# SPDX-License-Identifier: Apache-2.0
"""Acting on what lasts: what is replaced soon is never acted on."""

import logging
import threading
import time
from collections.abc import Callable, Generator, Hashable

from eb_prefect.crew import Crew, default_crew
from eb_prefect.watching.follow import Wait

_log = logging.getLogger("eb_prefect")


class Lasting:
    """Acts for each party on what it put last, once that has stood for ``seconds``.

    It acts ``rate`` times a second at most: the more parties there are, the
    longer a thing has to last. What fails is logged and forgotten. A hand of
    the crew that advances steps acts, and none is held while things wait.
    """

    def __init__(self, seconds: float, *, rate: float = float("inf")) -> None:
        self._seconds = seconds
        self._pause = 1 / rate
        self._next = 0.0
        self._waiting: dict[Hashable, tuple[float, Callable[[], None]]] = {}
        self._lock = threading.Lock()
        self._served_by: Crew | None = None

    def put(self, party: Hashable, act: Callable[[], None]) -> None:
        """Let ``act`` be called later, in place of what the party put before."""
        with self._lock:
            self._waiting.pop(party, None)  # the order of the dictionary is that of the due times
            self._waiting[party] = (time.monotonic() + self._seconds, act)
            if self._served_by is not (crew := default_crew()):  # a process that was forked has its own
                crew.start(self._serve())
                self._served_by = crew

    def drop(self, party: Hashable) -> None:
        """Forget what the party put; when this returns it is not being acted on either."""
        with self._lock:
            self._waiting.pop(party, None)

    def _serve(self) -> Generator[Wait, None, None]:
        while (wait := self._act_on_first()) is not None:
            yield Wait(wait)

    def _act_on_first(self) -> float | None:
        """Return how long to wait for the next; None, and nobody serves any more, if there is none."""
        with self._lock:
            if not self._waiting:
                self._served_by = None
                return None
            party, (due, act) = next(iter(self._waiting.items()))
            now = time.monotonic()
            if (left := max(due, self._next) - now) > 0:
                return left
            self._next = now + self._pause
            del self._waiting[party]
            try:
                act()
            except Exception as error:  # noqa: BLE001 -- whatever it is, others wait to be acted on
                _log.warning("%s", error)
            return 0.0
