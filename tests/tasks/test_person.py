# SPDX-License-Identifier: Apache-2.0
"""A person chooses the offer of a step."""

import asyncio
from contextvars import copy_context
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Cancelling

from eb_prefect.choice.constraints import constraints
from eb_prefect.choice.policies import cheapest
from eb_prefect.errors import NotAnsweredError
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.person import Asking, choose_offer, choose_offer_async
from eb_prefect.step import StepOptions
from eb_prefect.tasks import step, step_async
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.testing.terms import Terms, costs
from tests.tasks.answering import answer, paused

REQUEST = ExecutionRequest(name="nothing", executable=Program(command=("true",)))
SCRIPT = ((0.0, "RUNNING"), (0.02, "COMPLETED"))

pytestmark = pytest.mark.usefixtures("prefect_api")


def priced(name: str, *prices: float) -> ScriptedBroker:
    return ScriptedBroker(SCRIPT, name=name, offers=[Terms(costs=costs(monetary=price)) for price in prices])


@pytest.fixture
def options(tmp_path: Path) -> StepOptions:
    return StepOptions(journal=DirectoryJournal(tmp_path / "journal"))


def this() -> dict[str, object]:
    return {"id": {"any_": [flow_run.id]}}


async def test_the_step_accepts_the_very_offer_that_was_chosen(options: StepOptions) -> None:
    north, south = priced("north|", 3.0, 5.0), priced("south", 1.0)

    @flow
    async def choosing() -> tuple[str, str]:
        person = asyncio.create_task(answer(this(), "north| offer 2"))
        chosen = await choose_offer_async([north, south], REQUEST, name="a step", options=options)
        form, _ = await person
        assert r"| **2** | north\| | 2 | 5 |" in form["shown"]
        assert form["choices"][:3] == ["1: north| offer 1", "2: north| offer 2", "3: south offer 1"]
        run = await step_async(chosen.broker, REQUEST, name="a step", options=chosen.options(options))
        return chosen.candidate.offer.uuid, run.session.uuid

    wanted, got = await choosing()
    assert wanted == got
    assert (north.calls["request_offers"], north.runs, south.runs) == (1, 1, 0)


def test_a_sync_flow_can_ask_too(options: StepOptions) -> None:
    north = priced("north", 3.0, 5.0)

    def answered(of: str) -> None:
        asyncio.run(answer({"id": {"any_": [of]}}, "offer 2"))

    @flow
    def choosing() -> int:
        person = Thread(target=copy_context().run, args=(answered, flow_run.id))
        person.start()
        chosen = choose_offer([north], REQUEST, name="one", options=options)
        person.join()
        step(chosen.broker, REQUEST, name="one", options=chosen.options(options))
        return chosen.candidate.number

    assert choosing() == 2


@pytest.mark.parametrize(("later", "asked"), [(5.0, 1), (9.0, 2)])
async def test_an_offer_that_is_gone_is_found_again_or_the_person_is_asked_again(
    options: StepOptions, later: float, asked: int
) -> None:
    broker = priced("north", 3.0, 5.0)

    @flow
    async def choosing() -> float:
        async def person() -> None:
            async with get_client() as client:
                await paused(client, this())
            broker.expire()
            broker.offers = [Terms(costs=costs(monetary=price)) for price in (3.0, later)]
            _, key = await answer(this(), "offer 2")
            if asked == 2:
                form, _ = await answer(this(), "offer 1", but=key)
                assert "north offer 2 is gone" in form["shown"]

        answering = asyncio.create_task(person())
        chosen = await choose_offer_async([broker], REQUEST, name="one", options=options)
        await answering
        run = await step_async(chosen.broker, REQUEST, name="one", options=chosen.options(options))
        assert run.session.uuid == chosen.candidate.offer.uuid
        told = chosen.candidate.told("monetary")
        assert told is not None
        return told.high

    assert await choosing() == {1: 5.0, 2: 3.0}[asked]


@pytest.mark.parametrize("fails", ["before the step", "after the step"])
async def test_a_retry_does_not_ask_again(options: StepOptions, fails: str) -> None:
    broker = priced("north", 3.0, 5.0)
    people: list[asyncio.Task[object]] = []

    @flow(retries=2)  # the server counts a run that is resumed as another run
    async def failing_once() -> str:
        is_first = not people
        if is_first:
            people.append(asyncio.create_task(answer(this(), "offer 2")))
        chosen = await choose_offer_async([broker], REQUEST, name="one", options=options)
        if is_first and fails == "before the step":
            raise ConnectionError("once")
        run = await step_async(chosen.broker, REQUEST, name="one", options=chosen.options(options))
        if is_first:
            raise ConnectionError("once")
        return run.chosen

    chosen = await failing_once()
    assert broker.runs == 1
    assert broker.look(chosen).phase == "COMPLETED"


async def test_when_the_time_is_over_a_policy_chooses_or_it_is_an_error(options: StepOptions) -> None:
    broker, states = priced("north", 3.0, 1.0), []
    brief = Asking(within=timedelta(seconds=0.5))

    @flow
    async def waiting() -> int:
        with pytest.raises(NotAnsweredError, match=r"not within 0:00:00\.5"):
            await choose_offer_async([broker], REQUEST, name="none", asking=brief, options=options)
        chosen = await choose_offer_async(
            [broker], REQUEST, name="one", asking=brief._replace(policy=cheapest), options=options
        )
        async with get_client() as client:
            states.append((await client.read_flow_run(flow_run.id)).state.name)
        return chosen.candidate.number

    assert await waiting() == 2
    assert states == ["Running"]


async def test_what_is_sent_without_a_choice_is_the_policys(options: StepOptions) -> None:
    broker = priced("north", 3.0, 1.0, 0.1)
    asking = Asking(policy=cheapest, constraints=constraints("monetary >= 1"))

    @flow
    async def waiting() -> int:
        person = asyncio.create_task(answer(this(), None))
        chosen = await choose_offer_async([broker], REQUEST, name="one", asking=asking, options=options)
        form, _ = await person
        assert "offer 3: monetary" in form["shown"]
        return chosen.candidate.number

    assert await waiting() == 2


async def test_a_run_that_is_cancelled_does_not_wait_for_the_person(options: StepOptions) -> None:
    broker = priced("north", 3.0)

    @flow
    async def waiting() -> None:
        async def cancelling() -> None:
            async with get_client() as client:
                await paused(client, this())
                await client.set_flow_run_state(flow_run.id, Cancelling())

        cancelled = asyncio.create_task(cancelling())
        with pytest.raises(NotAnsweredError, match="Cancelling"):
            await choose_offer_async([broker], REQUEST, name="one", options=options)
        await cancelled

    await waiting(return_state=True)
    assert broker.runs == 0


def test_a_person_is_asked_in_a_flow_only(options: StepOptions) -> None:
    with pytest.raises(NotAnsweredError, match="in a flow run only"):
        choose_offer([priced("north", 3.0)], REQUEST, name="one", options=options)
