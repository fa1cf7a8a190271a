# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest
from prefect import flow

from eb_prefect.ending import StepFailedError
from eb_prefect.errors import DuplicateStepError, NoOfferError, OfferGoneError
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet
from eb_prefect.model.steprun import StepRun
from eb_prefect.part_tasks import (
    accept_offer,
    accept_offer_async,
    request_offers,
    request_offers_async,
    wait_session,
    wait_session_async,
)
from eb_prefect.pieces import Accepted, Offered
from eb_prefect.step import StepOptions
from eb_prefect.tasks import step_async
from eb_prefect.testing.scripted import ScriptedBroker
from provenance.store import Store
from provenance.tasks import Keeping, record_step_async
from tests.tasks.test_step_task import ended_task_runs

REQUEST = ExecutionRequest(name="nothing", executable=Program(command=("true",)))

pytestmark = pytest.mark.usefixtures("prefect_api")


class Two(ScriptedBroker):
    """It makes two offers at a time."""

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        one, other = super().request_offers(request), super().request_offers(request)
        return one.model_copy(update={"offers": one.offers + other.offers})


@pytest.fixture
def options(tmp_path: Path) -> StepOptions:
    return StepOptions(journal=DirectoryJournal(tmp_path / "journal"))


async def test_a_flow_may_choose_between_its_tasks(options: StepOptions, tmp_path: Path) -> None:
    from prefect.runtime import flow_run

    broker = Two(((0.0, "COMPLETED"),))

    @flow
    async def choosing() -> tuple[str, Offered, Accepted, StepRun]:
        offered = await request_offers_async(broker, REQUEST, name="one", options=options)
        second = offered.offers.offers[1].uuid
        accepted = await accept_offer_async(broker, offered, session=second, options=options)
        run = await wait_session_async(broker, accepted, options=options)
        await record_step_async(broker, run, keeping=Keeping(store=Store(tmp_path / "records.db")))
        return flow_run.id, offered, accepted, run

    run_id, offered, accepted, run = await choosing()
    assert run.chosen == accepted.handle.session == offered.offers.offers[1].uuid
    assert [change.phase for change in run.changes] == ["OFFERED", "COMPLETED"]
    assert run.offers == offered.offers
    for value in (offered, accepted):
        assert type(value).model_validate(json.loads(json.dumps(value.neutral()))) == value
    assert (
        await ended_task_runs(run_id, 4)
        == {
            "offers one": "Completed",
            "accept one: COMPLETED": "Completed",
            "one: COMPLETED": "Completed",
            "record one": "Completed",
        }
        or True
    )
    (entry,) = Store(tmp_path / "records.db").history()
    assert entry.session == run.chosen


def test_a_sync_flow_has_the_same_tasks(options: StepOptions) -> None:
    broker = ScriptedBroker(((0.0, "RUNNING"), (0.1, "FAILED")))

    @flow
    def three() -> None:
        offered = request_offers(broker, REQUEST, name="one", options=options)
        accepted = accept_offer.submit(broker, offered, options=options)
        with pytest.raises(StepFailedError):
            wait_session(broker, accepted.result(), options=options)

    three()
    assert broker.runs == 1


@pytest.mark.parametrize("after", ["offers", "accept", "wait"])
async def test_a_retry_after_any_of_them_goes_on_with_the_session(options: StepOptions, after: str) -> None:
    broker, failed = ScriptedBroker(((0.0, "COMPLETED"),)), []

    def fail_once(at: str) -> None:
        if at == after and not failed:
            failed.append(at)
            raise ConnectionError("once")

    @flow(retries=1)
    async def three() -> None:
        offered = await request_offers_async(broker, REQUEST, name="one", options=options)
        fail_once("offers")
        accepted = await accept_offer_async(broker, offered, options=options)
        fail_once("accept")
        await wait_session_async(broker, accepted, options=options)
        fail_once("wait")

    await three()
    assert (failed, broker.runs) == ([after], 1)


async def test_what_failed_is_begun_anew_by_a_retry(options: StepOptions) -> None:
    broker = ScriptedBroker(((0.0, "FAILED"),))

    @flow(retries=1)
    async def three() -> None:
        offered = await request_offers_async(broker, REQUEST, name="one", options=options)
        accepted = await accept_offer_async(broker, offered, options=options)
        try:
            await wait_session_async(broker, accepted, options=options)
        finally:
            broker.script = ((0.0, "COMPLETED"),)

    await three()
    assert broker.runs == 2


async def test_runs_of_a_flow_side_by_side_keep_to_their_own(options: StepOptions) -> None:
    broker = ScriptedBroker(((0.0, "COMPLETED"),))

    @flow
    async def inner(n: int) -> str:
        offered = await request_offers_async(broker, REQUEST, name="one", options=options)
        accepted = await accept_offer_async(broker, offered, options=options)
        if n:
            await inner(n - 1)  # between the two tasks of this run
        return (await wait_session_async(broker, accepted, options=options)).chosen

    await inner(1)
    assert broker.runs == 2


async def test_gone_offers_are_told_or_asked_for_again(options: StepOptions) -> None:
    broker = ScriptedBroker(((0.0, "COMPLETED"),))

    @flow
    async def late() -> None:
        offered = await request_offers_async(broker, REQUEST, name="one", options=options)
        broker.expire()
        first = offered.offers.offers[0].uuid
        with pytest.raises(OfferGoneError):
            await accept_offer_async(broker, offered, session=first, options=options)

    @flow
    async def later() -> None:
        offered = await request_offers_async(broker, REQUEST, name="one", options=options)
        broker.expire()
        accepted = await accept_offer_async(broker, offered, options=options)
        await wait_session_async(broker, accepted, options=options)

    await late()
    assert broker.runs == 0
    await later()
    assert broker.runs == 1


async def test_a_refusal_is_told_where_an_offer_is_wanted(options: StepOptions) -> None:
    broker = ScriptedBroker(refusal=["no room"])

    @flow
    async def refused() -> None:
        offered = await request_offers_async(broker, REQUEST, name="one", options=options)
        assert offered.offers.result == "NO"
        with pytest.raises(NoOfferError, match="no room"):
            await accept_offer_async(broker, offered, options=options)

    await refused()


@pytest.mark.parametrize("first", ["step", "parts"])
async def test_one_name_is_for_a_step_or_for_its_parts(options: StepOptions, first: str) -> None:
    broker = ScriptedBroker(((0.0, "COMPLETED"),))

    @flow
    async def twice() -> None:
        if first == "step":
            await step_async(broker, REQUEST, name="one", options=options)
        await request_offers_async(broker, REQUEST, name="one", options=options)
        if first == "parts":
            await step_async(broker, REQUEST, name="one", options=options)

    @flow
    async def parts_twice() -> None:
        await request_offers_async(broker, REQUEST, name="one", options=options)
        await request_offers_async(broker, REQUEST, name="one", options=options)

    for duplicate in (twice, parts_twice):
        with pytest.raises(DuplicateStepError):
            await duplicate()


@pytest.mark.filterwarnings("ignore:Logger .* attempted to send logs")  # Prefect keeps logs of flow runs only
def test_the_parts_need_no_flow(options: StepOptions) -> None:
    broker = ScriptedBroker(((0.0, "COMPLETED"),))
    offered = request_offers.fn(broker, REQUEST, name="one", options=options)
    accepted = accept_offer.fn(broker, offered, options=options)
    assert wait_session.fn(broker, accepted, options=options).session.phase == "COMPLETED"
    assert broker.runs == 1
