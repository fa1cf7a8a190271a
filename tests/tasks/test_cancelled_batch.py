# SPDX-License-Identifier: Apache-2.0
"""Many sessions of one task run on a real broker, cancelled in the middle."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.runtime import flow_run

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.ending import StepsCancelledError
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.compute import SimpleCompute
from eb_prefect.model.executable import Program
from eb_prefect.model.parts import Range
from eb_prefect.model.phase import FINAL
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.step import StepOptions
from provenance.store import Store
from provenance.tasks import Keeping, recorded_steps, recorded_steps_async
from tests.tasks.test_cancelled_run import cancel, state_of, task_runs, until
from tests.tasks.test_steps_task import tables
from tests.tasks.test_steps_task import until as eventually

COUNT, SHORT = 30, 4
QUICK_AND_LONG = 'for n in 1 2 3 4; do mkdir "$1/$n" 2>/dev/null && exit 0; done; exec sleep 900'
COMPUTE = SimpleCompute(cores=Range(min=1, max=1), memory=Range(min=1, max=1))

pytestmark = pytest.mark.usefixtures("prefect_api")


def requests(tally: Path) -> dict[str, ExecutionRequest]:
    """The first that run are done at once; of the rest as many run as the machine has cores."""
    tally.mkdir()
    command = ("sh", "-c", QUICK_AND_LONG, "sort", str(tally))
    wanted = ExecutionRequest(executable=Program(command=command), compute=COMPUTE)
    return {f"sort {n}": wanted for n in range(COUNT)}


def phases(home: Path) -> dict[str, str]:
    """The phases of all sessions of the broker."""
    broker = EmbeddedBroker(home)
    return {
        path.name: str(broker.session(path.name).phase)
        for path in (home / "sessions").glob("[!.]*")
        if path.is_dir()
    }


def is_amid(home: Path) -> bool:
    found = Counter(phases(home).values())
    return found["COMPLETED"] == SHORT and found["RUNNING"] > 0


@pytest.mark.parametrize("at_once", [None, 10])
@pytest.mark.parametrize("form", ["async", "sync"])
async def test_all_sessions_of_a_batch_end_with_its_cancelled_run(
    tmp_path: Path, form: str, at_once: int | None
) -> None:
    home, store = tmp_path / "home", Store(tmp_path / "records.db")
    runs: list[str] = []
    given: dict[str, Any] = {
        "name": "Sort",
        "options": StepOptions(journal=DirectoryJournal(tmp_path / "journal")),
        "keeping": Keeping(store=store),
        "at_once": at_once,
    }

    @flow
    async def awaiting() -> None:
        runs.append(flow_run.id)
        await recorded_steps_async(EmbeddedBroker(home), requests(tmp_path / "tally"), **given)

    @flow
    def calling() -> None:
        runs.append(flow_run.id)
        recorded_steps(EmbeddedBroker(home), requests(tmp_path / "tally"), **given)

    running = asyncio.create_task(awaiting() if form == "async" else asyncio.to_thread(calling))
    await until(lambda: is_amid(home))
    await cancel(runs[0])
    with pytest.raises(StepsCancelledError) as told:
        await running
    sessions = phases(home)
    # none begins to ask any more; who loses an offer just before it is accepted asks once more
    assert len(sessions) <= (SHORT + 2 * at_once if at_once else 2 * COUNT)
    assert set(sessions.values()) <= {"COMPLETED", "CANCELLED", "OFFERED"}
    recorded = {entry.session: str(entry.phase) for entry in store.history()}
    assert recorded == {session: sessions[session] for session in sessions if has_begun(home, session)}
    found = Counter(recorded.values())
    assert found["COMPLETED"] == len(told.value.made) == SHORT
    assert len(told.value.failed) == COUNT - SHORT
    assert await state_of(runs[0]) == "Cancelled"
    name = f"Sort x{COUNT}: {COUNT} of {COUNT}, {COUNT - SHORT} cancelled"
    assert await task_runs(runs[0], 1) == {name: "Cancelled"}
    assert await table(runs[0]) == found + Counter({"NOT BEGUN": COUNT - found.total()})


def has_begun(home: Path, session: str) -> bool:
    """Whether it is more than an offer; one that is cancelled just before its accept never begins."""
    log = home / "sessions" / session / "log"
    return log.exists() and bool(log.read_text())


async def table(run: str) -> Counter[str]:
    """How many rows have which phase, when all have one that is final."""

    async def rows() -> list[dict[str, str]]:
        return [row for each in await tables("eb-steps-sort", run) for row in json.loads(each.data)]

    ended = {*FINAL, "NOT BEGUN"}
    found = await eventually(rows, lambda rows: rows and {row["phase"] for row in rows} <= ended)
    return Counter(row["phase"] for row in found)
