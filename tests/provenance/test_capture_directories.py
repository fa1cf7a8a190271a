# SPDX-License-Identifier: Apache-2.0
"""Real steps that write a Zarr store and read one, remembered as one product each."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.model.compute import SimpleCompute, VolumeMount
from eb_prefect.model.data import SimpleData
from eb_prefect.model.executable import Program
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.steprun import BrokerIdentity, StepRun
from eb_prefect.model.storage import SimpleStorage
from eb_prefect.outputs import fetched
from eb_prefect.step import run_step
from provenance.capture import capture
from provenance.entries import Step
from provenance.errors import ProductExistsError
from provenance.products.extract import extract
from provenance.products.found import Binding, Rung
from provenance.record import read_record
from provenance.rerun import plan
from provenance.store import Store
from provenance.trees import as_directories
from tests.provenance.test_kill import _CAPTURER, killed_after

pytestmark = pytest.mark.filterwarnings("ignore:Object at eb.prov.json is not recognized")

_MAKE = """
import json, os
for name, value in (("sky.zarr", 1), ("deep/two.zarr", 2)):
    os.makedirs(f"/eb-out/{name}/flux/c")
    node = {"zarr_format": 3, "node_type": "group", "attributes": {"value": value}}
    json.dump(node, open(f"/eb-out/{name}/zarr.json", "w"))
    node = {
        "zarr_format": 3, "node_type": "array", "shape": [40], "data_type": "uint8", "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}},
        "chunk_key_encoding": {"name": "default"}, "codecs": [{"name": "bytes"}], "attributes": {},
    }
    json.dump(node, open(f"/eb-out/{name}/flux/zarr.json", "w"))
    for chunk in range(20):
        open(f"/eb-out/{name}/flux/c/{chunk}", "wb").write(bytes([chunk, value]))
os.makedirs("/eb-out/plain")
open("/eb-out/plain/a.txt", "w").write("a")
open("/eb-out/plain/b.txt", "w").write("b")
"""
_READ = """
import os
total = sum(sum(open(f"/eb-in/flux/c/{n}", "rb").read()) for n in range(20))
open("/eb-out/total.txt", "w").write(str(total))
"""
_FLAG = "open('/eb-in/flux/c/0', 'wb').write(b'zz')"


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedBroker:
    monkeypatch.setenv("EB_HOME", str(tmp_path / "home"))
    return EmbeddedBroker(tmp_path / "home")


def request(program: str, store: Path | None = None, mode: str = "READONLY") -> ExecutionRequest:
    out = VolumeMount(path="/eb-out", mode="READWRITE", resources=("room",))
    read = VolumeMount(path="/eb-in", mode=mode, resources=("cube",))
    return ExecutionRequest(
        name="step",
        executable=Program(command=(sys.executable, "-c", program)),
        compute=SimpleCompute(volumes=(out, read) if store else (out,)),
        storage=(SimpleStorage(name="room"),),
        data=(SimpleData(name="cube", location=store.as_uri()),) if store else (),
    )


def ran(broker: EmbeddedBroker, asked: ExecutionRequest) -> StepRun:
    run = run_step(broker, asked, name="step")
    assert run.session.phase == Phase.COMPLETED, run.session.messages
    return run


def test_each_store_is_one_product_and_other_files_are_their_own(
    broker: EmbeddedBroker, store: Store, tmp_path: Path
) -> None:
    done = capture(ran(broker, request(_MAKE)), store, into=tmp_path / "kept")
    names = ["deep/two.zarr", "plain/a.txt", "plain/b.txt", "sky.zarr"]
    assert sorted(one.name for one in done.record.products) == names
    assert len(done.record.session.products) == 4
    kept = tmp_path / "kept" / "sky.zarr"
    found = extract(kept)
    assert (found.rung, found.binding, found.digest) == (Rung.EMBEDDED, Binding.BOUND, done.record.digest)
    assert (zarr.open(kept, mode="r")["flux"][:4] == [0, 1, 1, 1]).all()
    assert not list((tmp_path / "kept").glob(".*"))


def test_a_step_reads_the_store_of_another_and_its_record_knows(
    broker: EmbeddedBroker, store: Store, tmp_path: Path
) -> None:
    first = capture(ran(broker, request(_MAKE)), store, into=tmp_path / "kept")
    second = capture(
        ran(broker, request(_READ, tmp_path / "kept" / "sky.zarr")), store, into=tmp_path / "two"
    )
    (given,) = second.record.inputs
    assert given.made_by is not None
    assert (given.made_by.record, given.made_by.product) == (first.record.digest, "sky.zarr")
    assert (tmp_path / "two" / "total.txt").read_text() == "210"
    assert (
        Step(second.record.digest, first.record.digest, "used") in store.ancestors(second.record.digest).steps
    )


def test_a_rerun_pins_the_store_and_notices_that_it_has_changed(
    broker: EmbeddedBroker, store: Store, tmp_path: Path
) -> None:
    capture(ran(broker, request(_MAKE)), store, into=tmp_path / "kept")
    cube = tmp_path / "kept" / "sky.zarr"
    record = capture(ran(broker, request(_READ, cube)), store, into=tmp_path / "two").record
    copy = Path(shutil.copytree(cube, tmp_path / "moved.zarr"))
    again = plan(read_record(record.text), inputs={"cube": str(copy)})
    assert (again.verb, again.warnings) == ("repeat", ())
    (copy / "flux" / "c" / "0").write_bytes(b"\7\7")
    assert plan(record, inputs={"cube": str(copy)}).verb == "apply"
    pinned = plan(record).ready()
    assert run_step(broker, pinned, name="again").session.phase == Phase.COMPLETED
    (cube / "flux" / "c" / "0").write_bytes(b"\7\7")
    assert plan(record).warnings == (f"data[cube]: {cube} has changed since",)
    failed = run_step(broker, pinned, name="more").session
    assert failed.phase == Phase.FAILED
    assert any("was declared" in message.text for message in failed.messages)


def test_a_store_that_the_step_changed_is_its_product_and_one_that_it_did_not_is_none(
    broker: EmbeddedBroker, store: Store, tmp_path: Path
) -> None:
    capture(ran(broker, request(_MAKE)), store, into=tmp_path / "kept")
    cube = tmp_path / "kept" / "sky.zarr"
    flagged = capture(ran(broker, request(_FLAG, cube, "READWRITE")), store, into=tmp_path / "two")
    assert [path.name for path in flagged.products] == ["eb-in"]
    assert extract(flagged.products[0]).digest == flagged.record.digest
    assert extract(flagged.products[0]).binding is Binding.BOUND
    assert ran(broker, request("pass", cube, "READWRITE")).session.products == ()


def test_a_directory_in_the_way_is_left_alone(broker: EmbeddedBroker, store: Store, tmp_path: Path) -> None:
    run = ran(broker, request(_MAKE))
    (tmp_path / "kept" / "sky.zarr").mkdir(parents=True)
    with pytest.raises(ProductExistsError, match=r"sky\.zarr"):
        capture(run, store, into=tmp_path / "kept")
    assert list((tmp_path / "kept").rglob("*")) == [tmp_path / "kept" / "sky.zarr"]
    again = capture(run, store, into=tmp_path / "elsewhere")
    assert {extract(path).digest for path in again.products} == {again.record.digest}


def fetched_from_elsewhere(run: StepRun, home: Path) -> StepRun:
    """Return the run as that of a broker on another machine, its products fetched one by one."""
    run = run.model_copy(update={"broker": BrokerIdentity(kind="http", name="far", url="http://far.example")})
    folder = fetched(home / "fetched", run)
    folder.mkdir(parents=True)
    copies = {}
    for number, product in enumerate(run.session.products):
        copies[product.location] = folder / f"{number}.x"
        shutil.copyfile(product.location.removeprefix("file://"), copies[product.location])
    return run.model_copy(update={"copies": copies})


def test_a_store_is_put_together_from_what_was_fetched(
    broker: EmbeddedBroker, store: Store, tmp_path: Path
) -> None:
    run = fetched_from_elsewhere(ran(broker, request(_MAKE)), tmp_path / "home")
    assert as_directories(run) == as_directories(run)
    done = capture(run, store, into=tmp_path / "kept")
    assert extract(tmp_path / "kept" / "sky.zarr").binding is Binding.BOUND
    assert len(done.products) == 4
    assert not list((tmp_path / "home" / "fetched").iterdir())


@pytest.mark.parametrize("trial", range(5))
def test_a_delivery_that_was_killed_is_finished_by_the_next(
    trial: int, run_of: object, tmp_path: Path
) -> None:
    cube = tmp_path / "cube.zarr"
    zarr.create_array(cube, shape=(600,), chunks=(1,), dtype="i4")[:] = np.arange(600)
    run = run_of(cube)  # type: ignore[operator] # a fixture
    (tmp_path / "run.json").write_text(run.model_dump_json())
    database, kept = tmp_path / "records.db", tmp_path / "kept"
    killed_after(0.02 + trial * 0.04, _CAPTURER, tmp_path / "run.json", database, kept)
    for path in kept.glob("[!.]*"):
        assert extract(path).binding is Binding.BOUND
    done = capture(run, Store(database), into=kept)
    assert [path.name for path in kept.iterdir()] == ["cube.zarr"]
    assert extract(kept / "cube.zarr").digest == done.record.digest
