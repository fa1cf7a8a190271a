# SPDX-License-Identifier: Apache-2.0
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import wait

from eb_prefect.crew import Crew
from eb_prefect.room import Room
from eb_prefect.watching.follow import Wait

LONG = 30


def hands() -> int:
    return sum(thread.name == "eb-step" for thread in threading.enumerate())


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG
    while not done():
        assert time.monotonic() < end
        time.sleep(0.005)


def holding(gate: threading.Event) -> Generator[Wait, None, None]:
    gate.wait(LONG)
    yield Wait(0.0)


def works(seconds: float) -> Generator[Wait, None, None]:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
    yield Wait(0.0)


def test_brokers_that_take_their_time_do_not_hold_up_the_others() -> None:
    crew, gate, before = Crew(), threading.Event(), hands()
    held = [crew.start(holding(gate)) for _ in range(6)]
    late = []
    try:
        while not any(each.ended.done() for each in late):
            late.append(crew.start(works(0.0)))
            assert len(late) < 10 * LONG
            time.sleep(0.1)
        assert hands() > before + 2
    finally:
        gate.set()
    assert not wait([each.ended for each in (*held, *late)], LONG).not_done


def test_where_answers_are_fast_there_are_few_hands() -> None:
    crew, before, most = Crew(idle=0.1, room=Room(slow=60.0)), hands(), 0
    running = [crew.start(works(0.05)) for _ in range(20)]
    while any(not each.ended.done() for each in running):
        most = max(most, hands() - before)
        time.sleep(0.02)
    assert most == 2


def test_hands_leave_where_there_is_nothing_to_do() -> None:
    crew, before = Crew(idle=0.05), hands()
    wait([crew.start(works(0.0)).ended], LONG)
    until(lambda: hands() <= before)


def test_there_is_room_while_one_waits_for_an_answer() -> None:
    room = Room()
    room.begin()
    assert not room.for_another()  # it has only begun
    time.sleep(0.1)
    assert room.for_another()
    room.end()
    assert not room.for_another()


def test_there_is_no_room_while_the_process_works() -> None:
    room = Room(busy=0.1)
    room.begin()
    wait([Crew().start(works(0.5)).ended], LONG)
    assert not room.for_another()
