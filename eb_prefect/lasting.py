# SPDX-License-Identifier: Apache-2.0
"""Acting on what lasts: what is replaced soon is never acted on."""

import threading
import time
from collections.abc import Callable, Hashable


class Lasting:
    """Acts for each party on what it put last, once that has stood for ``seconds``.

    It acts ``rate`` times a second at most: the more parties there are, the
    longer a thing has to last. One thread serves all parties, and only while
    something is waiting.
    """

    def __init__(self, seconds: float, *, rate: float = float("inf")) -> None:
        self._seconds = seconds
        self._pause = 1 / rate
        self._next = 0.0
        self._waiting: dict[Hashable, tuple[float, Callable[[], None]]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, party: Hashable, act: Callable[[], None]) -> None:
        """Let ``act`` be called later, in place of what the party put before."""
        with self._lock:
            self._waiting.pop(party, None)  # the order of the dictionary is that of the due times
            self._waiting[party] = (time.monotonic() + self._seconds, act)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name="eb-lasting", daemon=True)
                self._thread.start()

    def drop(self, party: Hashable) -> None:
        """Forget what the party put; when this returns it is not being acted on either."""
        with self._lock:
            self._waiting.pop(party, None)

    def _serve(self) -> None:
        while (wait := self._act_on_first()) is not None:
            time.sleep(wait)

    def _act_on_first(self) -> float | None:
        """Return how long to wait for the next; None, and no thread any more, if there is none."""
        with self._lock:
            if not self._waiting:
                self._thread = None
                return None
            party, (due, act) = next(iter(self._waiting.items()))
            now = time.monotonic()
            if (left := max(due, self._next) - now) > 0:
                return left
            self._next = now + self._pause
            del self._waiting[party]
            act()
            return 0.0
