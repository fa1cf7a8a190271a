# SPDX-License-Identifier: Apache-2.0
"""A program run by a real broker, remembered, and run again from its product alone."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.model.compute import SimpleCompute, VolumeMount
from eb_prefect.model.data import SimpleData
from eb_prefect.model.executable import Program
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.storage import SimpleStorage
from eb_prefect.step import run_step
from provenance.capture import Captured, capture
from provenance.entries import Step
from provenance.products.extract import extract
from provenance.products.found import Binding
from provenance.record import read_record
from provenance.rerun import Plan, plan
from provenance.store import Store

_SCALE = """
import os
from astropy.io import fits
with fits.open("/eb-in") as hdus:
    hdus[0].data = hdus[0].data * float(os.environ["FACTOR"])
    hdus.writeto("/eb-out/scaled.fits")
"""


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedBroker:
    monkeypatch.setenv("EB_HOME", str(tmp_path / "home"))
    return EmbeddedBroker(tmp_path / "home")


def request(image: Path, factor: str = "2") -> ExecutionRequest:
    return ExecutionRequest(
        name="scale",
        executable=Program(command=("python3", "-c", _SCALE), environment={"FACTOR": factor}),
        compute=SimpleCompute(
            volumes=(
                VolumeMount(path="/eb-in", mode="READONLY", resources=("image",)),
                VolumeMount(path="/eb-out", mode="READWRITE", resources=("room",)),
            )
        ),
        storage=(SimpleStorage(name="room"),),
        data=(SimpleData(name="image", location=image.as_uri()),),
    )


def again(broker: EmbeddedBroker, store: Store, planned: Plan, into: Path) -> Captured:
    return capture(run_step(broker, planned.ready(), name="again"), store, based_on=planned.link, into=into)


def test_a_step_runs_again_from_its_product_alone(
    broker: EmbeddedBroker, image: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path / "records.db")
    first = capture(run_step(broker, request(image), name="scale"), store, into=tmp_path / "one")
    assert first.record.session.phase == Phase.COMPLETED, first.record.session.messages
    found = extract(first.products[0])
    assert found.binding is Binding.BOUND

    planned = plan(read_record(found.text), settings=["executable.environment.FACTOR=3"])
    second = again(broker, Store(tmp_path / "elsewhere.db"), planned, tmp_path / "two")
    assert second.record.session.phase == Phase.COMPLETED, second.record.session.messages
    assert (fits.getdata(second.products[0]) == np.arange(12).reshape(3, 4) * 3).all()
    assert second.record.based_on is not None
    assert second.record.based_on.record == first.record.digest


def test_a_repeat_makes_the_same_content(broker: EmbeddedBroker, image: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "records.db")
    first = capture(run_step(broker, request(image), name="scale"), store, into=tmp_path / "one")
    second = again(broker, store, plan(first.record), tmp_path / "two")
    assert second.record.products[0].content == first.record.products[0].content
    assert second.record.digest != first.record.digest


def test_a_second_step_knows_the_first_by_the_file_it_read(
    broker: EmbeddedBroker, image: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path / "records.db")
    first = capture(run_step(broker, request(image), name="scale"), store, into=tmp_path / "one")
    second = capture(run_step(broker, request(first.products[0]), name="more"), store, into=tmp_path / "two")
    lineage = store.ancestors(second.record.digest)
    assert Step(second.record.digest, first.record.digest, "used") in lineage.steps
    # its input's record came along in the copy, and does not count
    assert extract(second.products[0]).digest == second.record.digest
    assert extract(second.products[0]).binding is Binding.BOUND


def test_a_changed_input_is_refused_where_it_is_pinned(
    broker: EmbeddedBroker, image: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path / "records.db")
    first = capture(run_step(broker, request(image), name="scale"), store, into=tmp_path / "one")
    with fits.open(image, mode="update") as hdus:
        hdus[0].data[0, 0] = 99
    planned = plan(first.record)
    assert planned.warnings == (f"data[image]: {image} has changed since",)
    second = again(broker, store, planned, tmp_path / "two")
    assert second.record.session.phase == Phase.FAILED
    assert second.products == ()


def test_a_step_that_fails_is_remembered_with_its_exit_code(
    broker: EmbeddedBroker, image: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path / "records.db")
    run = run_step(broker, request(image, factor="not a number"), name="scale")
    record = capture(run, store).record
    assert record.session.outcome is not None
    assert (record.session.phase, record.session.outcome.exit_code) == (Phase.FAILED, 1)
    assert [entry.phase for entry in store.history()] == ["FAILED"]
