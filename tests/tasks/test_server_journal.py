# SPDX-License-Identifier: Apache-2.0
import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prefect import flow
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings

from eb_prefect.errors import StepTimeoutError, UnknownSessionError
from eb_prefect.journal import Call, Handle
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet
from eb_prefect.model.steprun import PhaseChange
from eb_prefect.onlooking import Hearing
from eb_prefect.runs.notes import Notes
from eb_prefect.runs.server_journal import ServerJournal, _aside
from eb_prefect.step import StepOptions, run_step, run_step_async
from eb_prefect.tasks import step_async
from eb_prefect.testing.scripted import ScriptedBroker
from tests.tasks.cut import line

REQUEST = ExecutionRequest(name="nothing", executable=Program(command=("true",)))
LONG = ((0.0, "RUNNING"), (60.0, "COMPLETED"))

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.fixture
def run() -> str:
    return str(uuid4())


def machine(folder: Path, **given: object) -> StepOptions:
    """The options of a machine with a directory of its own."""
    return StepOptions(journal=ServerJournal(DirectoryJournal(folder), Notes()))._replace(**given)


def all_told() -> None:
    """Wait until the server has heard what was to be told beside the steps."""
    assert _aside.finish(60)


@pytest.mark.parametrize("by", ["run", "key"])
def test_another_machine_goes_on_with_the_session(tmp_path: Path, run: str, by: str) -> None:
    broker, short = ScriptedBroker(LONG), timedelta(seconds=0.05)
    with pytest.raises(StepTimeoutError) as left:
        run_step(broker, REQUEST, name="one", options=machine(tmp_path / "a", timeout=short, **{by: run}))
    broker.script = ((0.0, "COMPLETED"),)
    there = machine(tmp_path / "b", **{by: run})
    found = run_step(broker, REQUEST, name="one", options=there)
    again = run_step(broker, REQUEST, name="one", options=there)
    assert found.chosen == again.chosen == left.value.session
    assert found.offers.offers[0].uuid == found.chosen
    assert [change.phase for change in found.changes] == ["OFFERED", "COMPLETED"]
    assert broker.runs == 1


def test_what_did_not_complete_elsewhere_is_begun_anew(tmp_path: Path, run: str) -> None:
    broker = ScriptedBroker(((0.0, "FAILED"),))
    here, there = machine(tmp_path / "a", key=run), machine(tmp_path / "b", key=run)
    first = run_step(broker, REQUEST, name="one", options=here)
    all_told()
    second = run_step(broker, REQUEST, name="one", options=there)
    all_told()
    broker.script = ((0.0, "COMPLETED"),)
    third = run_step(broker, REQUEST, name="one", options=here)
    all_told()
    again = run_step(broker, REQUEST, name="one", options=there)
    assert len({first.chosen, second.chosen, third.chosen}) == 3
    assert again.chosen == third.chosen


def test_machines_that_begin_at_once_have_one_session(tmp_path: Path, run: str) -> None:
    broker, all_offered = ScriptedBroker(((0.0, "RUNNING"), (0.2, "COMPLETED"))), threading.Barrier(4)

    class Together(ScriptedBroker):
        def request_offers(self, request: ExecutionRequest) -> OfferSet:
            offers = broker.request_offers(request)
            all_offered.wait()
            return offers

    together = Together()
    together.accept, together.session = broker.accept, broker.session

    def begin(n: int) -> str:
        return run_step(together, REQUEST, name="one", options=machine(tmp_path / str(n), key=run)).chosen

    contexts = [copy_context() for _ in range(4)]  # the server in force is in them
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda n: contexts[n].run(begin, n), range(4)))) == 1
    assert broker.runs == 1


def test_a_lost_session_is_an_error_once(tmp_path: Path, run: str) -> None:
    broker = ScriptedBroker(LONG)

    def lose(session: object, change: object) -> None:
        if getattr(change, "phase", "") == "RUNNING":
            broker.forget()

    options = machine(tmp_path, run=run)
    with pytest.raises(UnknownSessionError):
        run_step(broker, REQUEST, name="one", options=options._replace(onlookers=(Hearing(lose),)))
    with pytest.raises(UnknownSessionError):
        run_step(broker, REQUEST, name="one", options=options)
    broker.script = ((0.0, "COMPLETED"),)
    assert run_step(broker, REQUEST, name="one", options=options).session.phase == "COMPLETED"


def test_offers_that_are_gone_are_asked_for_again(tmp_path: Path, run: str) -> None:
    broker = ScriptedBroker()
    expired: list[object] = []

    def expire(session: object, change: object) -> None:
        if not expired:
            expired.append(session)
            broker.expire()

    options = machine(tmp_path, run=run, onlookers=(Hearing(expire),))
    found = run_step(broker, REQUEST, name="one", options=options)
    assert [kept.handle.session for kept in options.journal.sessions_of(run)] == [found.chosen]
    assert broker.calls["request_offers"] == 2


@pytest.mark.parametrize("by", ["run", "key"])
def test_another_machine_tells_the_sessions_of_a_run(tmp_path: Path, run: str, by: str) -> None:
    broker = ScriptedBroker()
    here = machine(tmp_path / "a", run=run, key="key" + run if by == "key" else None)
    found = run_step(broker, REQUEST, name="one", options=here)
    all_told()
    (kept,) = machine(tmp_path / "b").journal.sessions_of(run)
    assert (kept.handle.session, kept.phase, kept.delivered) == (found.chosen, "COMPLETED", True)
    assert kept.handle.broker == broker.identity


def test_notes_that_ended_long_ago_are_removed(run: str) -> None:
    seen = PhaseChange(phase="OFFERED", seen=datetime.now(UTC))
    call = Call(scope="s", name="n", broker="b", request="r", run=run)
    handle = Handle(call=call, owner="", offers=OfferSet(result="YES"), session="one")
    notes, title = Notes(), f"eb-run-{run}"
    note = notes.make(title, 1, handle, [seen])
    assert notes.make(title, 1, handle.model_copy(update={"session": "two"}), [seen]) == note
    notes.sweep(title, timedelta(0), timedelta(days=1))
    assert notes.newest(title) == note
    notes.end(note, "COMPLETED")
    notes.sweep(title, timedelta(days=1), timedelta(days=1))
    assert notes.newest(title) is not None
    notes.sweep(title, timedelta(0), timedelta(days=1))
    assert notes.newest(title) is None


async def test_nothing_is_accepted_while_the_server_is_away(
    tmp_path: Path, run: str, prefect_api: str
) -> None:
    broker = ScriptedBroker(((0.0, "COMPLETED"),))
    with line(prefect_api) as to_server:
        with temporary_settings({PREFECT_API_URL: to_server.url}):
            options = machine(tmp_path, run=run)
        first = await run_step_async(broker, REQUEST, name="one", options=options)
        to_server.cut()
        second = asyncio.create_task(run_step_async(broker, REQUEST, name="two", options=options))
        for _ in range(30):  # the event loop goes on meanwhile
            await asyncio.sleep(0.1)
        assert broker.runs == 1
        assert not second.done()
        to_server.mend()
        assert (await second).session.phase == first.session.phase == "COMPLETED"
    assert broker.runs == 2


async def test_a_step_that_waits_for_the_server_can_be_cancelled(
    tmp_path: Path, run: str, prefect_api: str
) -> None:
    broker = ScriptedBroker(((0.0, "COMPLETED"),))
    with line(prefect_api) as to_server:
        with temporary_settings({PREFECT_API_URL: to_server.url}):
            options = machine(tmp_path, run=run)
        to_server.cut()
        waiting = asyncio.create_task(run_step_async(broker, REQUEST, name="one", options=options))
        await asyncio.sleep(1.0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert broker.runs == 0


@pytest.mark.parametrize(
    ("setting", "key", "is_on_server"),
    [("auto", None, False), ("auto", "mine", True), ("server", None, True), ("local", "mine", False)],
)
async def test_the_setting_says_where_sessions_are_put_down(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: str,
    setting: str,
    key: str | None,
    is_on_server: bool,
) -> None:
    monkeypatch.setenv("EB_HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_INTEGRATIONS_EB_JOURNAL", setting)
    broker = ScriptedBroker(((0.0, "COMPLETED"),))

    @flow
    async def one() -> str:
        await step_async(broker, REQUEST, name="one", options=StepOptions(key=key and key + run))
        return str(flow_run.id)

    of = await one()
    there = list(machine(tmp_path / "another").journal.sessions_of(of))
    assert len(there) == is_on_server


async def test_a_directory_that_machines_share_is_a_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_EB_JOURNAL", str(tmp_path / "shared"))
    broker = ScriptedBroker(((0.0, "COMPLETED"),))

    @flow
    async def one() -> str:
        await step_async(broker, REQUEST, name="one", options=StepOptions(key="mine"))
        return str(flow_run.id)

    for n in range(2):
        monkeypatch.setenv("EB_HOME", str(tmp_path / str(n)))
        of = await one()
        assert len(list(DirectoryJournal(tmp_path / "shared").sessions_of(of))) == 1
    assert broker.runs == 1


async def test_a_subflow_is_told_by_its_place_on_another_machine(tmp_path: Path) -> None:
    broker, ids, journal = ScriptedBroker(((0.0, "COMPLETED"),)), [], machine(tmp_path / "a").journal

    @flow
    async def child() -> None:
        await step_async(broker, REQUEST, name="one", options=StepOptions(journal=journal))

    @flow(retries=1)
    async def parent() -> None:
        await child()
        ids.append(flow_run.id)
        if len(ids) == 1:
            raise ConnectionError("once")

    await parent()
    assert broker.runs == 1
