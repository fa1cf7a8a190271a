# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest
from prefect import flow

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.ending import StepCancelledError, StepFailedError
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.compute import SimpleCompute, VolumeMount
from eb_prefect.model.executable import Program
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange
from eb_prefect.model.storage import SimpleStorage
from eb_prefect.onlooking import Hearing
from eb_prefect.step import StepOptions
from provenance.products.extract import extract
from provenance.store import Store
from provenance.tasks import Keeping, Recorded, recorded_step, recorded_step_async

pytestmark = pytest.mark.usefixtures("prefect_api")


def shell(script: str) -> ExecutionRequest:
    output = VolumeMount(name="output", path="/output", mode="READWRITE", resources=("products",))
    return ExecutionRequest(
        executable=Program(command=("sh", "-c", script, "sh", "/output")),
        compute=SimpleCompute(volumes=(output,)),
        storage=(SimpleStorage(name="products"),),
    )


def contents(made: Recorded) -> dict[str, str]:
    return {name: Path(path).read_text() for name, path in made.products.items()}


@pytest.fixture
def broker(tmp_path: Path) -> EmbeddedBroker:
    return EmbeddedBroker(tmp_path)


@pytest.fixture
def options(tmp_path: Path) -> StepOptions:
    return StepOptions(journal=DirectoryJournal(tmp_path / "journal"))


@pytest.fixture
def keeping(tmp_path: Path) -> Keeping:
    return Keeping(store=Store(tmp_path / "records.db"), into=tmp_path / "products")


async def test_a_recorded_step_hands_on_what_the_next_one_needs(
    broker: EmbeddedBroker, options: StepOptions, keeping: Keeping
) -> None:
    request = shell('mkdir "$1/a"; echo 1 > "$1/a/one.txt"; echo 2 > "$1/one.txt"')

    @flow
    async def pipeline() -> Recorded:
        return await recorded_step_async(broker, request, name="one", keeping=keeping, options=options)

    made = await pipeline()
    assert Recorded.model_validate(json.loads(json.dumps(made.neutral()))) == made
    assert (made.name, made.phase) == ("one", "COMPLETED")
    assert contents(made) == {"a/one.txt": "1\n", "one.txt": "2\n"}
    assert {extract(Path(path)).digest for path in made.products.values()} == {made.record}
    assert keeping.store is not None
    assert keeping.store.find(made.record).session.uuid == made.session


async def test_a_failed_step_is_recorded_before_the_error_is_raised(
    broker: EmbeddedBroker, options: StepOptions, keeping: Keeping
) -> None:
    request = shell('echo half > "$1/half.txt"; echo no more >&2; exit 3')

    @flow
    async def pipeline() -> None:
        await recorded_step_async(broker, request, name="one", keeping=keeping, options=options)

    with pytest.raises(StepFailedError, match="one") as raised:
        await pipeline()
    assert raised.value.run.session.outcome is not None
    assert raised.value.run.session.outcome.exit_code == 3
    assert keeping.store is not None
    (entry,) = keeping.store.history()
    assert (entry.session, entry.phase) == (raised.value.run.session.uuid, "FAILED")


def test_a_cancelled_step_is_recorded_before_the_error_is_raised(
    broker: EmbeddedBroker, options: StepOptions, keeping: Keeping
) -> None:
    def cancel(session: Session, change: PhaseChange) -> None:
        if change.phase == Phase.RUNNING:
            broker.cancel(session.uuid)

    @flow
    def pipeline() -> None:
        waiting = options._replace(onlookers=(Hearing(cancel),))
        recorded_step(broker, shell("sleep 60"), name="one", keeping=keeping, options=waiting)

    with pytest.raises(StepCancelledError):
        pipeline()
    assert keeping.store is not None
    assert [entry.phase for entry in keeping.store.history()] == ["CANCELLED"]
