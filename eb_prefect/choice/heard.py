# SPDX-License-Identifier: Apache-2.0
"""Many slow calls at once, each heard of as soon as it ends."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import TypeVar

T = TypeVar("T")

HANDS = 32
"""How many calls are made at the same time."""


def heard(calls: Sequence[Callable[[], T]], *, within: float) -> Iterator[tuple[int, T]]:
    """Yield the number of each call and what it returned, in the order they end.

    What has not ended within so many seconds is not heard of: it goes on by
    itself, and keeps no program from ending. What a call raises is raised
    here.
    """
    todo = deque(enumerate(calls))
    ended: SimpleQueue[tuple[int, Future[T]]] = SimpleQueue()
    for n in range(min(HANDS, len(calls))):
        # those of an executor would be waited for when the program ends
        Thread(target=_work, args=(todo, ended), name=f"asking-{n}", daemon=True).start()
    until = monotonic() + within
    try:
        for _ in calls:
            n, future = ended.get(timeout=max(until - monotonic(), 0.0))
            yield n, future.result()
    except Empty:
        return
    finally:
        todo.clear()


def _work(todo: deque[tuple[int, Callable[[], T]]], ended: SimpleQueue[tuple[int, Future[T]]]) -> None:
    while True:
        try:
            n, call = todo.popleft()
        except IndexError:
            return
        ended.put((n, _outcome(call)))


def _outcome(call: Callable[[], T]) -> Future[T]:
    outcome: Future[T] = Future()
    try:
        outcome.set_result(call())
    except BaseException as broken:  # noqa: BLE001 -- raised again in the thread that waits
        outcome.set_exception(broken)
    return outcome
