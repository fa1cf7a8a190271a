# SPDX-License-Identifier: Apache-2.0
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from eb_prefect.errors import NoOfferError, StepTimeoutError, UnknownSessionError
from eb_prefect.journal import Journal
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.step import StepOptions, run_step, run_step_async
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.watch import Pace

REQUEST = ExecutionRequest(name="nothing", executable=Program(command=("true",)))
LONG = ((0.0, "RUNNING"), (60.0, "COMPLETED"))


def options(folder: Path, **given: object) -> StepOptions:
    return StepOptions(journal=Journal(folder), pace=Pace(longest=0.01, settle=0.1))._replace(**given)


def test_a_step_tells_its_phases_in_order(tmp_path: Path) -> None:
    run = run_step(ScriptedBroker(), REQUEST, name="one", options=options(tmp_path))
    assert run.changes[0].phase == "OFFERED"
    assert run.session.phase == "COMPLETED"
    assert run.chosen == run.session.uuid == run.offers.offers[0].uuid
    seen = [change.seen for change in run.changes]
    assert seen == sorted(seen)
    assert all(change.after is None or change.after <= change.seen for change in run.changes)


def test_changes_are_heard_as_they_come(tmp_path: Path) -> None:
    heard: list[str] = []
    hear = options(tmp_path, on_change=lambda session, change: heard.append(change.phase))
    run = run_step(ScriptedBroker(), REQUEST, name="one", options=hear)
    assert heard == [change.phase for change in run.changes]


async def test_many_steps_wait_side_by_side(tmp_path: Path) -> None:
    broker = ScriptedBroker(((0.0, "RUNNING"), (0.3, "COMPLETED")))
    both = options(tmp_path)
    started = time.monotonic()
    runs = await asyncio.gather(
        *(run_step_async(broker, REQUEST, name=f"step {n}", options=both) for n in range(50))
    )
    assert time.monotonic() - started < 0.3 * 10
    assert {run.session.phase for run in runs} == {"COMPLETED"}
    assert broker.runs == 50


def test_a_refusal_carries_the_brokers_reasons(tmp_path: Path) -> None:
    broker = ScriptedBroker(refusal=["no room", "no time"])
    with pytest.raises(NoOfferError, match="no room; no time"):
        run_step(broker, REQUEST, name="one", options=options(tmp_path))


def test_a_failed_session_is_a_result(tmp_path: Path) -> None:
    broker = ScriptedBroker(((0.0, "RUNNING"), (0.01, "FAILED")))
    assert run_step(broker, REQUEST, name="one", options=options(tmp_path)).session.phase == "FAILED"


def test_the_wait_survives_an_outage(tmp_path: Path) -> None:
    broker = ScriptedBroker()

    def leave(session: object, change: object) -> None:
        broker.outages = 3

    run = run_step(broker, REQUEST, name="one", options=options(tmp_path, on_change=leave))
    assert run.session.phase == "COMPLETED"


def test_a_lost_answer_to_an_accept_starts_nothing_twice(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    broker.lost_answers = 1
    run_step(broker, REQUEST, name="one", options=options(tmp_path))
    assert (broker.runs, broker.calls["accept"]) == (1, 2)


def test_an_expired_offer_is_asked_for_again(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    expired: list[object] = []

    def expire(session: object, change: object) -> None:
        if not expired:
            expired.append(session)
            broker.expire()

    run = run_step(broker, REQUEST, name="one", options=options(tmp_path, on_change=expire))
    assert run.session.phase == "COMPLETED"
    assert broker.calls["request_offers"] == 2


def test_a_session_the_broker_lost_is_an_error_once(tmp_path: Path) -> None:
    broker = ScriptedBroker(LONG)

    def lose(session: object, change: object) -> None:
        if getattr(change, "phase", "") == "RUNNING":
            broker.forget()

    with pytest.raises(UnknownSessionError):
        run_step(broker, REQUEST, name="one", options=options(tmp_path, on_change=lose))
    with pytest.raises(UnknownSessionError):
        run_step(broker, REQUEST, name="one", options=options(tmp_path))
    broker.script = ((0.0, "COMPLETED"),)
    assert run_step(broker, REQUEST, name="one", options=options(tmp_path)).session.phase == "COMPLETED"


def test_a_step_that_was_not_waited_for_is_found_again(tmp_path: Path) -> None:
    broker = ScriptedBroker(LONG)
    short = options(tmp_path, timeout=timedelta(seconds=0.05))
    with pytest.raises(StepTimeoutError) as raised:
        run_step(broker, REQUEST, name="one", options=short)
    broker.script = ((0.0, "COMPLETED"),)
    run = run_step(broker, REQUEST, name="one", options=short)
    assert run.session.uuid == raised.value.session
    assert broker.runs == 1


async def test_a_cancelled_task_lets_its_session_be_found_again(tmp_path: Path) -> None:
    broker = ScriptedBroker(LONG)
    task = asyncio.create_task(run_step_async(broker, REQUEST, name="one", options=options(tmp_path)))
    while not broker.runs:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    broker.script = ((0.0, "COMPLETED"),)
    await run_step_async(broker, REQUEST, name="one", options=options(tmp_path))
    assert broker.runs == 1


def test_a_step_done_in_order_runs_anew_the_next_time(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    first = run_step(broker, REQUEST, name="one", options=options(tmp_path))
    second = run_step(broker, REQUEST, name="one", options=options(tmp_path))
    assert first.chosen != second.chosen


def test_a_retry_of_the_same_flow_run_gets_the_same_session(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    first = run_step(broker, REQUEST, name="one", options=options(tmp_path, run="a flow run"))
    again = run_step(broker, REQUEST, name="one", options=options(tmp_path, run="a flow run"))
    assert (again.chosen, again.changes) == (first.chosen, first.changes)
    assert (
        run_step(broker, REQUEST, name="one", options=options(tmp_path, run="another")).chosen != first.chosen
    )


@pytest.mark.parametrize("differs", ["name", "request", "scope"])
def test_another_step_gets_a_session_of_its_own(tmp_path: Path, differs: str) -> None:
    broker = ScriptedBroker()
    same = options(tmp_path, run="a flow run")
    run_step(broker, REQUEST, name="one", options=same)
    name = "two" if differs == "name" else "one"
    request = REQUEST.model_copy(update={"name": "other"}) if differs == "request" else REQUEST
    scope = "elsewhere" if differs == "scope" else same.scope
    run_step(broker, request, name=name, options=same._replace(scope=scope))
    assert broker.runs == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from eb_prefect.journal import Call, Journal
from eb_prefect.model.session import OfferSet
journal = Journal(Path(sys.argv[1]))
call = Call(scope="s", name="n", broker="b", request="r")
with journal.write(call, OfferSet(result="YES"), "the-session") as entry:
    if sys.argv[2] == "delivered":
        journal.deliver(entry)
    if sys.argv[2] == "in mid-line":
        entry._file.write('{"change": {"pha')
        entry._file.flush()
if sys.argv[3] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("state", "end", "found"),
    [
        ("watched", "killed", True),
        ("delivered", "killed", True),
        ("in mid-line", "killed", True),
        ("watched", "ended", True),
        ("delivered", "ended", False),
    ],
)
def test_what_another_process_left_is_taken_over(tmp_path: Path, state: str, end: str, found: bool) -> None:
    from eb_prefect.journal import Call

    root = Path(__file__).parents[1]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), state, end],
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
    )
    assert ended.returncode == (-signal.SIGKILL if end == "killed" else 0)
    journal = Journal(tmp_path)
    with journal.take(Call(scope="s", name="n", broker="b", request="r")) as entry:
        assert (entry is not None) is found
        if entry is not None:
            assert entry.handle.session == "the-session"
            path = entry.path
    if found:
        for line in path.read_text().splitlines():
            json.loads(line)


def test_an_entry_that_is_being_watched_is_left_alone(tmp_path: Path) -> None:
    from eb_prefect.journal import Call
    from eb_prefect.model.session import OfferSet

    call = Call(scope="s", name="n", broker="b", request="r")
    with Journal(tmp_path).write(call, OfferSet(result="YES"), "one"), Journal(tmp_path).take(call) as entry:
        assert entry is None
