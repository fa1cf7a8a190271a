# SPDX-License-Identifier: Apache-2.0
import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from eb_prefect.ending import StepEndedError
from eb_prefect.errors import NoOfferError
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import StepRun
from eb_prefect.onlooking import Onlooker
from eb_prefect.pace import LOCAL
from eb_prefect.step import StepOptions
from eb_prefect.steps import made, run_steps, run_steps_async
from eb_prefect.testing.script import Script
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.testing.wireserver import ScriptedServer

REQUEST = ExecutionRequest(name="good", executable=Program(command=("true",)))
BAD = ExecutionRequest(name="bad", executable=Program(command=("false",)))
LONG = ((0.0, "RUNNING"), (3600.0, "COMPLETED"))


def script(request: ExecutionRequest) -> Script:
    return ((0.0, "RUNNING"), (0.02, "FAILED" if request.name == "bad" else "COMPLETED"))


def options(folder: Path) -> StepOptions:
    return StepOptions(journal=DirectoryJournal(folder), pace=LOCAL._replace(longest=0.05, settle=0.1))


def good(run: StepRun) -> str:
    if run.session.phase != "COMPLETED":
        raise StepEndedError(run)
    return run.name


def test_each_step_is_told_by_its_name_in_the_order_of_the_requests(tmp_path: Path) -> None:
    broker = ScriptedBroker(script)
    many = run_steps(broker, {f"step {n}": REQUEST for n in range(50)}, keep=made, options=options(tmp_path))
    assert list(many.made) == [f"step {n}" for n in range(50)]
    assert {each.phase for each in many.made.values()} == {"COMPLETED"}
    assert (many.failed, broker.runs) == ({}, 50)


def test_one_that_fails_stops_no_other(tmp_path: Path) -> None:
    wanted = {"one": REQUEST, "two": BAD, "three": REQUEST}
    many = run_steps(ScriptedBroker(script), wanted, keep=good, options=options(tmp_path))
    assert list(many.made) == ["one", "three"]
    (failed,) = many.failed.values()
    assert isinstance(failed, StepEndedError)
    assert failed.run.name == "two"


def test_what_nobody_offers_is_told_of_each(tmp_path: Path) -> None:
    wanted = dict.fromkeys(("one", "two"), REQUEST)
    many = run_steps(ScriptedBroker(refusal=["no room"]), wanted, keep=good, options=options(tmp_path))
    assert {name: type(reason) for name, reason in many.failed.items()} == dict.fromkeys(
        ("one", "two"), NoOfferError
    )


def test_no_steps_are_none(tmp_path: Path) -> None:
    assert run_steps(ScriptedBroker(), {}, keep=good, options=options(tmp_path)) == ({}, {})


class Open(Onlooker):
    def __init__(self) -> None:
        self.now: set[str] = set()
        self.most = 0

    def changed(self, broker: object, session: Session, change: object) -> None:
        self.now.add(session.uuid)
        self.most = max(self.most, len(self.now))

    def ended(self, run: StepRun) -> None:
        self.now.discard(run.session.uuid)


async def test_no_more_are_open_than_are_wanted(tmp_path: Path) -> None:
    broker, watch = ScriptedBroker(script), Open()
    some = options(tmp_path)._replace(onlookers=(watch,))
    wanted = {f"step {n}": REQUEST for n in range(30)}
    many = await run_steps_async(broker, wanted, keep=good, options=some, at_once=4)
    assert (len(many.made), watch.most) == (30, 4)


class Accepting(ScriptedBroker):
    """A broker that is asked to accept many."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.together: list[int] = []

    def accept_all(self, sessions: Sequence[str]) -> list[Session]:
        self.together.append(len(sessions))
        return [self.accept(session) for session in sessions]


def test_offers_are_accepted_together_where_the_broker_can(tmp_path: Path) -> None:
    broker = Accepting(script)
    wanted = {**{f"step {n}": REQUEST for n in range(40)}, "bad": BAD}
    many = run_steps(broker, wanted, keep=good, options=options(tmp_path))
    assert (broker.together, broker.runs, len(many.made)) == ([41], 41, 40)


def test_those_beyond_the_first_are_accepted_as_others_end(tmp_path: Path) -> None:
    broker = Accepting(script)
    wanted = {f"step {n}": REQUEST for n in range(20)}
    many = run_steps(broker, wanted, keep=good, options=options(tmp_path), at_once=8)
    assert (broker.together, broker.runs, len(many.made)) == ([8], 20, 20)


async def test_many_that_wait_hold_few_threads(tmp_path: Path) -> None:
    broker = ScriptedBroker(((0.0, "RUNNING"), (2.0, "COMPLETED")))
    before = threading.active_count()
    wanted = {f"step {n}": REQUEST for n in range(300)}
    running = asyncio.create_task(run_steps_async(broker, wanted, keep=good, options=options(tmp_path)))
    most = 0
    while not running.done():
        most = max(most, threading.active_count() - before)
        await asyncio.sleep(0.05)
    assert len((await running).made) == 300
    assert most < 30


async def test_a_cancelled_call_lets_its_sessions_go_on_and_the_next_takes_them(tmp_path: Path) -> None:
    now = [0.0]
    broker = ScriptedBroker(LONG, clock=lambda: now[0])
    wanted = {f"step {n}": REQUEST for n in range(20)}
    running = asyncio.create_task(run_steps_async(broker, wanted, keep=good, options=options(tmp_path)))
    while broker.runs < 20:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    now[0] = 3600.0
    many = await run_steps_async(broker, wanted, keep=good, options=options(tmp_path))
    assert (len(many.made), broker.runs) == (20, 20)


KILLED = """
import sys
from pathlib import Path
from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.pace import LOCAL
from eb_prefect.step import StepOptions
from eb_prefect.steps import made, run_steps
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.wire.dialect import Dialect

url, folder = sys.argv[1:]
broker = HTTPBroker(url, dialect=Dialect.B2, pace=LOCAL._replace(longest=0.1, settle=0.1))
request = ExecutionRequest(executable=Program(command=("true",)))
wanted = {f"step {n}": request for n in range(60)}
options = StepOptions(journal=DirectoryJournal(Path(folder)))
many = run_steps(broker, wanted, keep=made, options=options, at_once=20)
print(len(many.made), len({each.session for each in many.made.values()}))
"""


@pytest.mark.parametrize("trial", range(int(os.environ.get("EB_KILL_TRIALS", "3")) // 3 + 1))
def test_a_killed_call_made_again_repeats_nothing(tmp_path: Path, trial: int) -> None:

    broker = ScriptedBroker(((0.0, "RUNNING"), (0.3, "COMPLETED")))
    with ScriptedServer(broker) as server:
        command = [sys.executable, "-c", KILLED, server.url, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as first:
            end = time.monotonic() + 60
            while broker.runs < 10 + 13 * trial % 50 and time.monotonic() < end:
                time.sleep(0.005)
            first.send_signal(signal.SIGKILL)
        again = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    assert again.stdout.split() == ["60", "60"]
    assert broker.runs == 60
