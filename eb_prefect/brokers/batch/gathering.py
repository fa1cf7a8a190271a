# SPDX-License-Identifier: Apache-2.0
"""Doing for many at once what each wants done for one."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Condition, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

_MORE = 4.0
"""By what the wait for others grows with each round that finds some."""
_PAUSE = 8.0
"""What part of the wait may pass without one that comes; who has few threads sends no more until we go on."""


class Place(Generic[T]):
    """One item's place among those that are done together; ``arrival`` is done when it is."""

    def __init__(self, item: T) -> None:
        self.item = item
        self.arrival: Future[None] = Future()
        self._error: BaseException | None = None

    def result(self) -> None:
        """Wait until it is done.

        Raises
        ------
        BaseException
            What was raised for all that were done together.
        """
        self.arrival.result()
        if self._error is not None:
            raise self._error

    def end(self, error: BaseException | None) -> None:
        """Let whoever waits go on; who waits in an event loop may have left."""
        self._error = error
        if self.arrival.set_running_or_notify_cancel():
            self.arrival.set_result(None)


class Gathering(Generic[T]):
    """Calls ``together`` with all items that came within ``linger`` seconds, or while it was at work.

    While more and more come it waits for them longer, up to ``longest``
    seconds, and no longer than they keep coming: a thousand that take a
    minute to come are a few calls, and one alone hardly waits. A thread is
    there as long as there is something to do.
    """

    def __init__(self, together: Callable[[Sequence[T]], None], linger: float, longest: float) -> None:
        self._together = together
        self._linger = linger
        self._longest = max(linger, longest)
        self._came = Condition()
        self._waiting: list[Place[T]] = []
        self._is_led = False
        self._last = (-float("inf"), linger)

    def __getstate__(self) -> tuple[Callable[[Sequence[T]], None], float, float]:
        return self._together, self._linger, self._longest

    def __setstate__(self, state: tuple[Callable[[Sequence[T]], None], float, float]) -> None:
        self.__init__(*state)  # type: ignore[misc]  # locks can't be pickled

    def put(self, item: T) -> Place[T]:
        """Return the item's place; nothing is waited for."""
        place = Place(item)
        with self._came:
            self._waiting.append(place)
            leads, self._is_led = not self._is_led, True
            self._came.notify()
        if leads:
            Thread(target=self._lead, name="eb submitting").start()
        return place

    def _lead(self) -> None:
        at, wait = self._last
        if time.monotonic() - at > self._longest:
            wait = self._linger
        while some := self._gathered(wait):
            self._do(some)
            wait = min(wait * _MORE, self._longest)

    def _gathered(self, wait: float) -> list[Place[T]]:
        with self._came:
            if self._waiting:
                self._await_more(wait)
            some, self._waiting = self._waiting, []
            self._is_led = bool(some)
            self._last = (time.monotonic(), wait)
            return some

    def _await_more(self, wait: float) -> None:
        end, pause = time.monotonic() + wait, max(self._linger, wait / _PAUSE)
        while (left := end - time.monotonic()) > 0:
            if not self._came.wait(min(left, pause)):
                return

    def _do(self, some: list[Place[T]]) -> None:
        error: BaseException | None = None
        try:
            self._together([place.item for place in some])
        except BaseException as reason:  # noqa: BLE001 - whoever waits gets it
            error = reason
        for place in some:
            place.end(error)
