# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar

from eb_prefect.paced import Paced

LONG = 30


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG
    while not done():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_few_things_are_done_at_once() -> None:
    done: list[int] = []
    paced = Paced(1.0, burst=10)
    for n in range(10):
        paced.put(lambda n=n: done.append(n))
        assert done[-1] == n


def test_more_are_done_later_in_their_order_and_context() -> None:
    where: ContextVar[int] = ContextVar("where")
    done: list[tuple[int, float]] = []
    paced = Paced(50.0, burst=5)
    for n in range(25):
        where.set(n)
        paced.put(lambda: done.append((where.get(), time.monotonic())))
    where.set(99)
    until(lambda: len(done) == 25)
    assert [n for n, _ in done] == list(range(25))
    assert done[-1][1] - done[0][1] > 0.3


def test_it_serves_again_after_a_rest() -> None:
    done: list[int] = []
    paced = Paced(100.0, burst=1)
    for _ in range(2):
        for n in range(4):
            paced.put(lambda n=n: done.append(n))
        until(lambda: len(done) % 4 == 0)
        time.sleep(0.1)
    assert done == [0, 1, 2, 3] * 2


def test_one_that_fails_stops_no_other() -> None:
    done: list[str] = []
    paced = Paced(100.0, burst=1)

    def fail() -> None:
        raise ValueError

    for thing in (fail, fail, lambda: done.append("last")):
        paced.put(thing)
    until(lambda: done == ["last"])


def test_threads_that_put_at_the_same_time_lose_nothing() -> None:
    done: list[int] = []
    paced = Paced(5000.0, burst=3)
    threads = [
        threading.Thread(target=lambda: [paced.put(lambda: done.append(1)) for _ in range(100)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(done) == 800)


ENDS = """
from eb_prefect.paced import Paced
paced = Paced(0.1, burst=1)
for n in range(5):
    paced.put(lambda n=n: print(n, flush=True))
"""


def test_what_waits_is_done_when_the_process_ends() -> None:
    told = subprocess.run(
        [sys.executable, "-c", ENDS], capture_output=True, text=True, timeout=LONG, check=True
    )
    assert told.stdout.split() == ["0", "1", "2", "3", "4"]
