# SPDX-License-Identifier: Apache-2.0
"""One question for many: what a batch system is asked about all sessions at once, and not too often."""

import time
from collections.abc import Callable, Collection, Mapping
from threading import Lock
from typing import Generic, TypeVar

from eb_prefect.errors import BrokerUnavailableError

T = TypeVar("T")

_FORGOTTEN = 600.0


class Shared(Generic[T]):
    """Answers of ``ask`` about handles, asked at most every ``interval`` seconds for all of them.

    May be used from several threads; those that come while one asks wait for its answer.
    """

    def __init__(self, ask: Callable[[Collection[str]], Mapping[str, T]], interval: float) -> None:
        self._ask = ask
        self._interval = interval
        self._lock = Lock()
        self._wanted: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self._answers: Mapping[str, T] = {}
        self._asked = -float("inf")
        self._silence: BrokerUnavailableError | None = None

    def __getstate__(self) -> tuple[Callable[[Collection[str]], Mapping[str, T]], float]:
        return self._ask, self._interval

    def __setstate__(self, state: tuple[Callable[[Collection[str]], Mapping[str, T]], float]) -> None:
        self.__init__(*state)  # type: ignore[misc]  # a lock can't be pickled, and answers get old

    def about(self, handle: str) -> tuple[bool, T | None]:
        """Return whether there is an answer from after the first question about it, and that answer.

        An answer of None is that it is not known.

        Raises
        ------
        BrokerUnavailableError
            It was time to ask, and there was no answer.
        """
        with self._lock:
            now = time.monotonic()
            self._wanted[handle] = now
            since = self._since.setdefault(handle, now)
            if now - self._asked >= self._interval:
                self._ask_now(now)
            if self._silence is not None:
                raise self._silence
            is_fresh = self._asked >= since
            return is_fresh, self._answers.get(handle) if is_fresh else None

    def _ask_now(self, now: float) -> None:
        """Ask, and keep that there was no answer too: the next who comes does not wait for none again."""
        self._asked, self._silence = now, None
        try:
            self._answers = self._ask(self._recent(now))
        except BrokerUnavailableError as silence:
            self._asked, self._silence = time.monotonic(), silence

    def forget(self, handle: str) -> None:
        """Ask about it no more."""
        with self._lock:
            self._wanted.pop(handle, None)
            self._since.pop(handle, None)

    def _recent(self, now: float) -> list[str]:
        for handle in [handle for handle, last in self._wanted.items() if now - last > _FORGOTTEN]:
            del self._wanted[handle], self._since[handle]
        return list(self._wanted)
