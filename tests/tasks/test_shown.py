# SPDX-License-Identifier: Apache-2.0
import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import TaskRun
from prefect.context import FlowRunContext
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from eb_prefect.brokers.several import SeveralBrokers
from eb_prefect.choice.policies import cheapest
from eb_prefect.ending import StepFailedError
from eb_prefect.errors import NoOfferError
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.runs import shown
from eb_prefect.runs.here import Here
from eb_prefect.runs.report import ShownReport
from eb_prefect.step import StepOptions, run_step_async
from eb_prefect.tasks import step, step_async
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.testing.terms import Terms, costs

REQUEST = ExecutionRequest(executable=Program(command=("true",), environment={"API_TOKEN": "swordfish-1"}))
SHORT = ((0, "RUNNING"), (0.05, "COMPLETED"))
FAILING = ((0, "RUNNING"), (0.05, "FAILED"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EB_HOME", str(tmp_path / "home"))


async def artifacts(run: str) -> dict[str, Any]:
    """Return what is shown of a flow run, by key."""
    assert shown.all_shown(60)
    async with get_client() as client:
        only = FlowRunFilter(id=FlowRunFilterId(any_=[run]))  # type: ignore[list-item]  # takes its text
        found = await client.read_artifacts(flow_run_filter=only)
    return {each.key: each for each in found if each.key}


async def test_a_step_shows_its_offers_and_how_it_went(prefect_api: str) -> None:
    @flow
    async def one_step() -> tuple[str, str]:
        run = await step_async(ScriptedBroker(SHORT), REQUEST, name="smooth it")
        return str(flow_run.id), run.session.uuid

    run, session = await one_step()
    found = await artifacts(run)
    assert set(found) == {"eb-offers-smooth-it", "eb-report-smooth-it"}
    (row,) = json.loads(found["eb-offers-smooth-it"].data)
    assert (row["chosen"], row["broker"]) == ("yes", "scripted")
    page = found["eb-report-smooth-it"]
    assert page.task_run_id is not None
    assert "## smooth it: COMPLETED" in page.data
    assert "data:image/svg+xml;base64," in page.data
    assert session in page.data
    assert "swordfish-1" not in page.data


async def test_the_chosen_one_of_several_offers_is_marked(prefect_api: str) -> None:
    prices = {"a": 3.0, "b": 1.0, "c": 2.0}
    brokers = [
        ScriptedBroker(SHORT, name=n, offers=[Terms(costs=costs(monetary=p))]) for n, p in prices.items()
    ]
    brokers.append(ScriptedBroker(name="d", refusal=["no <b>room</b>"]))

    @flow
    async def choosing() -> str:
        await step_async(SeveralBrokers(brokers, policy=cheapest), REQUEST, name="choose")
        return str(flow_run.id)

    shown_table = (await artifacts(await choosing()))["eb-offers-choose"]
    table = json.loads(shown_table.data)
    assert [(row["chosen"], row["broker"], row["monetary"]) for row in table] == [
        ("yes", "b", "1"),
        ("", "c", "2"),
        ("", "a", "3"),
    ]
    assert r"- d: no \<b\>room\</b\>" in shown_table.description


def test_why_there_was_no_offer_is_in_the_table(prefect_api: str) -> None:
    seen: list[str] = []

    @flow
    def refused() -> None:
        seen.append(str(flow_run.id))
        step(ScriptedBroker(refusal=["no room"]), REQUEST, name="refused")

    with pytest.raises(NoOfferError):
        refused()
    found = asyncio.run(artifacts(seen[0]))
    assert set(found) == {"eb-offers-refused"}
    assert json.loads(found["eb-offers-refused"].data)[0] == {"no offer": "scripted: no room"}


async def test_a_step_that_fails_has_a_report(prefect_api: str) -> None:
    seen: list[str] = []

    @flow
    async def failing() -> None:
        seen.append(str(flow_run.id))
        await step_async(ScriptedBroker(FAILING), REQUEST, name="bad")

    with pytest.raises(StepFailedError):
        await failing()
    assert "## bad: FAILED" in (await artifacts(seen[0]))["eb-report-bad"].data


async def test_only_the_first_steps_of_a_flow_run_are_shown(
    prefect_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_EB_REPORTS", "1")

    @flow
    async def two_steps() -> str:
        broker = ScriptedBroker(SHORT)
        await step_async(broker, REQUEST, name="one")
        await step_async(broker, REQUEST, name="two")
        return str(flow_run.id)

    assert set(await artifacts(await two_steps())) == {"eb-offers-one", "eb-report-one"}


async def test_a_server_that_takes_nothing_fails_no_step(prefect_api: str, tmp_path: Path) -> None:
    gone = {PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}

    @flow
    async def in_the_dark() -> str:
        options = StepOptions(onlookers=(ShownReport(_at("dark")),))
        with temporary_settings(gone):
            run = await run_step_async(ScriptedBroker(SHORT), REQUEST, name="dark", options=options)
            assert await asyncio.to_thread(shown.all_shown, 60)
        return str(run.session.phase)

    assert await in_the_dark() == "COMPLETED"


def _at(name: str) -> Here:
    around = FlowRunContext.get()
    assert around is not None
    return Here(name, TaskRun(id=uuid4(), task_key="t", dynamic_key="0"), around.flow_run, "in-the-dark")
