# SPDX-License-Identifier: Apache-2.0
import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eb_prefect.errors import (
    BrokerUnavailableError,
    NoOfferError,
    OfferGoneError,
    StepTimeoutError,
    UnknownSessionError,
    UnusableAnswerError,
)
from eb_prefect.journal import Call, Handle
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity, PhaseChange, StepRun
from eb_prefect.onlooking import Hearing
from eb_prefect.pace import LOCAL, REMOTE
from eb_prefect.step import StepOptions, run_step, run_step_async
from eb_prefect.testing.scripted import ScriptedBroker

REQUEST = ExecutionRequest(name="nothing", executable=Program(command=("true",)))
LONG = ((0.0, "RUNNING"), (60.0, "COMPLETED"))


def options(folder: Path, **given: object) -> StepOptions:
    return StepOptions(
        journal=DirectoryJournal(folder), pace=LOCAL._replace(longest=0.01, settle=0.1)
    )._replace(**given)


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
    hear = options(tmp_path, onlookers=(Hearing(lambda session, change: heard.append(change.phase)),))
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

    run = run_step(broker, REQUEST, name="one", options=options(tmp_path, onlookers=(Hearing(leave),)))
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

    run = run_step(broker, REQUEST, name="one", options=options(tmp_path, onlookers=(Hearing(expire),)))
    assert run.session.phase == "COMPLETED"
    assert broker.calls["request_offers"] == 2


def test_a_session_the_broker_lost_is_an_error_once(tmp_path: Path) -> None:
    broker = ScriptedBroker(LONG)

    def lose(session: object, change: object) -> None:
        if getattr(change, "phase", "") == "RUNNING":
            broker.forget()

    with pytest.raises(UnknownSessionError):
        run_step(broker, REQUEST, name="one", options=options(tmp_path, onlookers=(Hearing(lose),)))
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


async def test_a_task_that_is_cancelled_again_and_again_is_found_again_too(tmp_path: Path) -> None:
    class Slow(ScriptedBroker):
        def accept(self, session: str) -> Session:
            told = super().accept(session)
            time.sleep(0.3)
            return told

    broker = Slow(LONG)
    task = asyncio.create_task(run_step_async(broker, REQUEST, name="one", options=options(tmp_path)))
    while not task.done():
        await asyncio.sleep(0.05)
        if broker.runs:
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


@pytest.mark.parametrize("phase", ["FAILED", "CANCELLED"])
@pytest.mark.parametrize("same", [{"run": "a flow run"}, {"key": "mine"}], ids=["run", "key"])
def test_what_did_not_complete_is_begun_anew(tmp_path: Path, phase: str, same: dict[str, str]) -> None:
    broker = ScriptedBroker(((0.0, phase),))
    first = run_step(broker, REQUEST, name="one", options=options(tmp_path, **same))
    second = run_step(broker, REQUEST, name="one", options=options(tmp_path, **same))
    broker.script = ((0.0, "COMPLETED"),)
    third = run_step(broker, REQUEST, name="one", options=options(tmp_path, **same))
    again = run_step(broker, REQUEST, name="one", options=options(tmp_path, **same))
    assert len({first.chosen, second.chosen, third.chosen}) == 3
    assert again.chosen == third.chosen


def test_a_failure_that_nobody_was_told_of_is_told_first(tmp_path: Path) -> None:
    class BrokenOffError(Exception):
        pass

    def break_off(broker: object, run: object) -> StepRun:
        raise BrokenOffError

    broker = ScriptedBroker(((0.0, "FAILED"),))
    with pytest.raises(BrokenOffError):
        run_step(broker, REQUEST, name="one", options=options(tmp_path, run="r", finish=break_off))
    assert run_step(broker, REQUEST, name="one", options=options(tmp_path, run="r")).session.phase == "FAILED"
    assert broker.runs == 1
    run_step(broker, REQUEST, name="one", options=options(tmp_path, run="r"))
    assert broker.runs == 2


def test_a_key_finds_the_session_in_any_run(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    keyed = options(tmp_path, key="mine")
    chosen = {
        run_step(broker, REQUEST, name="one", options=keyed._replace(**there)).chosen
        for there in ({}, {"scope": "flow a", "run": "1"}, {"scope": "flow b", "run": "2"})
    }
    assert len(chosen) == broker.runs == 1
    run_step(broker, REQUEST, name="one", options=keyed._replace(key="another"))
    run_step(broker, REQUEST, name="two", options=keyed)
    run_step(broker, REQUEST.model_copy(update={"name": "other"}), name="one", options=keyed)
    assert broker.runs == 4


@pytest.mark.parametrize("same", [{"run": "a flow run"}, {"key": "mine"}], ids=["run", "key"])
def test_one_call_made_by_many_at_once_is_one_session(tmp_path: Path, same: dict[str, str]) -> None:
    broker = ScriptedBroker(((0.0, "RUNNING"), (0.2, "COMPLETED")))
    all_here = threading.Barrier(5)

    def run(_: int) -> str:
        all_here.wait()
        return run_step(broker, REQUEST, name="one", options=options(tmp_path, **same)).chosen

    with ThreadPoolExecutor(5) as pool:
        assert len(set(pool.map(run, range(5)))) == 1
    assert broker.runs == 1
    assert not list(tmp_path.rglob("*.turn"))


def test_a_journal_tells_the_sessions_of_a_flow_run(tmp_path: Path) -> None:
    broker, journal = ScriptedBroker(), DirectoryJournal(tmp_path)
    one = run_step(broker, REQUEST, name="one", options=options(tmp_path, run="a/run"))
    call = Call(scope="s", name="two", broker="b", request="r", run="a/run")
    seen = PhaseChange(phase="OFFERED", seen=datetime.now(UTC))
    with journal.write(handle(call, "the second"), seen):
        told = list(journal.sessions_of("a/run"))
        assert [(kept.handle.session, kept.phase, kept.delivered) for kept in told] == [
            (one.chosen, "COMPLETED", True),
            ("the second", "OFFERED", False),
        ]
    assert told[0].handle.broker == broker.identity
    assert list(journal.sessions_of("another")) == []


def test_a_run_that_takes_a_session_over_has_it_too(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    run_step(broker, REQUEST, name="one", options=options(tmp_path, key="mine", run="first"))
    run_step(broker, REQUEST, name="one", options=options(tmp_path, key="mine", run="second"))
    journal = DirectoryJournal(tmp_path)
    assert list(journal.sessions_of("first")) == list(journal.sessions_of("second")) != []


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


def handle(call: Call, session: str) -> Handle:
    return Handle(call=call, owner="", offers=OfferSet(result="YES"), session=session)


KILLED = """
import os, signal, sys
from pathlib import Path
from eb_prefect.journal import Call, Handle
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.session import OfferSet
from eb_prefect.model.steprun import PhaseChange
journal = DirectoryJournal(Path(sys.argv[1]))
seen = PhaseChange(phase="OFFERED", seen="2026-11-24T10:40:41Z")
call = Call(scope="s", name="n", broker="b", request="r")
handle = Handle(call=call, owner="", offers=OfferSet(result="YES"), session="the-session")
with journal.write(handle, seen) as entry:
    if sys.argv[2] == "delivered":
        entry.note(seen.model_copy(update={"phase": "COMPLETED"}))
        entry.deliver()
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
    root = Path(__file__).parents[1]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), state, end],
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
    )
    assert ended.returncode == (-signal.SIGKILL if end == "killed" else 0)
    journal = DirectoryJournal(tmp_path)
    with journal.take(Call(scope="s", name="n", broker="b", request="r")) as entry:
        assert (entry is not None) is found
        if entry is not None:
            assert entry.handle.session == "the-session"
            assert entry.changes[0].phase == "OFFERED"
            path = entry.path
    if found:
        for line in path.read_text().splitlines():
            json.loads(line)


def test_an_entry_that_is_being_watched_is_left_alone(tmp_path: Path) -> None:
    call = Call(scope="s", name="n", broker="b", request="r")
    seen = PhaseChange(phase="OFFERED", seen=datetime.now(UTC))
    writing = DirectoryJournal(tmp_path).write(handle(call, "one"), seen)
    with writing, DirectoryJournal(tmp_path).take(call) as entry:
        assert entry is None


def test_steps_of_many_threads_belong_to_one_process(tmp_path: Path) -> None:
    journal, all_here = DirectoryJournal(tmp_path), threading.Barrier(20)

    def write(n: int) -> str:
        call = Call(scope="s", name=f"step {n}", broker="b", request="r")
        seen = PhaseChange(phase="OFFERED", seen=datetime.now(UTC))
        all_here.wait()
        with journal.write(handle(call, f"session {n}"), seen) as entry:
            return entry.handle.owner

    with ThreadPoolExecutor(20) as pool:
        owners = set(pool.map(write, range(20)))
    assert owners == {path.name for path in (tmp_path / "owners").iterdir()}
    assert len(owners) == 1


def test_a_process_that_runs_ever_more_steps_keeps_its_memory(tmp_path: Path) -> None:
    broker, quick = ScriptedBroker(((0.0, "COMPLETED"),)), options(tmp_path)

    def run(count: int) -> int:
        for _ in range(count):
            run_step(broker, REQUEST, name="one", options=quick)
        broker.forget()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    before = run(10)
    grown = run(40) - before
    tracemalloc.stop()
    assert grown < 40 * 3000


class Hours(ScriptedBroker):
    """Over a network, so it is asked again while it can't be reached."""

    pace = REMOTE._replace(shortest=0.01)


def test_offers_are_asked_for_again_while_a_remote_broker_is_away(tmp_path: Path) -> None:
    broker = Hours()
    broker.outages = 1
    run = run_step(broker, REQUEST, name="one", options=options(tmp_path, pace=None))
    assert run.session.phase == "COMPLETED"
    assert broker.calls["request_offers"] == 2


def test_a_broker_of_this_machine_that_fails_is_told_at_once(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    broker.outages = 1
    with pytest.raises(BrokerUnavailableError):
        run_step(broker, REQUEST, name="one", options=options(tmp_path))


class Lax(ScriptedBroker):
    """Its offers are over when they are made, and it would accept them all the same."""

    lives = timedelta(seconds=-1)

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        offers = super().request_offers(request)
        expires = datetime.now(UTC) + self.lives
        self.lives = timedelta(minutes=5)
        return offers.model_copy(
            update={"offers": tuple(o.model_copy(update={"expires": expires}) for o in offers.offers)}
        )


def test_an_offer_whose_time_is_over_is_not_accepted(tmp_path: Path) -> None:
    broker = Lax()
    run_step(broker, REQUEST, name="one", options=options(tmp_path))
    assert broker.calls["request_offers"] == 2
    assert (broker.calls["accept"], broker.runs) == (1, 1)


def test_a_session_accepted_in_time_is_gone_on_with_later(tmp_path: Path) -> None:
    broker = Lax(LONG)
    broker.lives = timedelta(seconds=0.2)
    with pytest.raises(StepTimeoutError):
        run_step(broker, REQUEST, name="one", options=options(tmp_path, timeout=timedelta(seconds=0.05)))
    time.sleep(0.3)
    broker.script = ((0.0, "COMPLETED"),)
    run_step(broker, REQUEST, name="one", options=options(tmp_path))
    assert (broker.calls["request_offers"], broker.runs) == (1, 1)


class Standing:
    """Stands for another broker."""

    identity = BrokerIdentity(kind="several", name="several")

    def __init__(self, broker: ScriptedBroker) -> None:
        self._broker = broker
        self.request_offers, self.accept = broker.request_offers, broker.accept
        self.session, self.cancel = broker.session, broker.cancel

    def owner(self, session: str) -> ScriptedBroker:
        return self._broker


def test_a_step_names_the_broker_that_ran_it(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    run = run_step(Standing(broker), REQUEST, name="one", options=options(tmp_path))
    assert run.broker == broker.identity


class Late(Lax):
    """Its clock differs from ours by more than its offers live."""

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        self.lives = timedelta(minutes=-1)
        return super().request_offers(request)


def test_a_broker_whose_clock_differs_is_asked_once_more_and_believed(tmp_path: Path) -> None:
    broker = Late()
    run_step(broker, REQUEST, name="one", options=options(tmp_path))
    assert (broker.calls["request_offers"], broker.runs) == (2, 1)


class Fickle(ScriptedBroker):
    """Its offers are gone when they are to be accepted."""

    def accept(self, session: str) -> Session:
        self.expire()
        return super().accept(session)


def test_offers_that_are_always_gone_are_an_error_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    broker = Fickle()
    with pytest.raises(OfferGoneError):
        run_step(broker, REQUEST, name="one", options=options(tmp_path))
    assert broker.calls["request_offers"] == 8
    assert not list(tmp_path.rglob("*.jsonl"))


def test_what_may_have_been_accepted_and_is_lost_is_not_run_again(tmp_path: Path) -> None:
    class Restarting(ScriptedBroker):
        def accept(self, session: str) -> Session:
            try:
                return super().accept(session)
            finally:
                self.forget()

    broker = Restarting()
    broker.lost_answers = 1
    with pytest.raises(UnknownSessionError):
        run_step(broker, REQUEST, name="one", options=options(tmp_path))
    assert broker.runs == 1


def test_an_offer_that_a_broker_lost_before_it_was_asked_is_asked_for_again(tmp_path: Path) -> None:
    broker = ScriptedBroker()

    def restart(session: Session, change: object) -> None:
        if session.phase == "OFFERED" and not broker.calls["accept"]:
            broker.forget()
            broker.outages = 1

    run_step(broker, REQUEST, name="one", options=options(tmp_path, onlookers=(Hearing(restart),)))
    assert (broker.calls["request_offers"], broker.runs) == (2, 1)


def test_the_time_limit_counts_while_nothing_can_be_accepted(tmp_path: Path) -> None:
    broker = ScriptedBroker()

    def leave(session: object, change: object) -> None:
        broker.outages = 1000

    short = options(tmp_path, timeout=timedelta(seconds=0.3), onlookers=(Hearing(leave),))
    started = time.monotonic()
    with pytest.raises(StepTimeoutError, match="OFFERED"):
        run_step(broker, REQUEST, name="one", options=short)
    assert time.monotonic() - started < 3


def test_a_session_that_is_offered_twice_is_an_error_of_the_brokers(tmp_path: Path) -> None:
    class Repeating(ScriptedBroker):
        made: OfferSet | None = None

        def request_offers(self, request: ExecutionRequest) -> OfferSet:
            self.made = self.made or super().request_offers(request)
            return self.made

    broker = Repeating()
    run_step(broker, REQUEST, name="one", options=options(tmp_path))
    with pytest.raises(UnusableAnswerError, match="again"):
        run_step(broker, REQUEST, name="one", options=options(tmp_path))
    assert broker.runs == 1
