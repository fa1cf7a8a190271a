# SPDX-License-Identifier: Apache-2.0
"""The demo's pipeline on a Slurm cluster: nothing of it changes but the broker's name."""

import asyncio
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from astropy.table import Table
from prefect import flow, unmapped

from eb_prefect.brokers.named import broker_named
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.tasks import step, step_async
from flows.sources import Sources, detect_sources
from provenance.products.extract import extract
from provenance.products.found import Binding
from provenance.store import Store
from tests.brokers.embedded.bench import program
from tests.cli.walking import Eb, calling
from tests.serving import in_force
from tests.slurm import Slurm

STEPS = 100


class Made(NamedTuple):
    """What the pipeline made, on which broker, and the command of who ran it."""

    broker: str
    sources: Sources
    store: Store
    eb: Eb

    @property
    def catalogue(self) -> Path:
        return Path(self.sources.catalogue.products["sources.fits"])

    @property
    def other(self) -> str:
        return "embedded" if self.broker == "slurm" else "slurm"


@pytest.fixture(scope="module", params=["slurm", "embedded"])
def made(
    request: pytest.FixtureRequest,
    frame: Path,
    slurm: Slurm,
    prefect_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp(request.param)
    with (
        in_force(prefect_environment),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("EB_HOME", str(folder / "home"))
        patch.delenv("EB_CONFIG", raising=False)
        sources = asyncio.run(detect_sources(str(frame), into=folder / "made", broker=request.param))
        yield Made(
            request.param, sources, Store(folder / "home" / "records.db"), calling(folder, folder / "home")
        )


def test_products_arrive_with_their_records(made: Made) -> None:
    for step_, name in ((made.sources.smoothed, "smoothed.fits"), (made.sources.catalogue, "sources.fits")):
        found = extract(Path(step_.products[name]))
        assert (found.binding, found.digest) == (Binding.BOUND, step_.record)
    assert 10 < len(Table.read(made.catalogue, hdu="SOURCES")) < 100


def test_the_record_is_complete_and_tells_of_the_broker(made: Made) -> None:
    record = made.store.find(made.sources.catalogue.record)
    assert (record.missing, record.broker.kind) == ((), made.broker)
    assert {data.name: data.file is not None for data in record.inputs} == {"program": True, "image": True}
    outcome = record.session.outcome
    assert outcome is not None
    assert (outcome.exit_code, outcome.state) == (0, "COMPLETED" if made.broker == "slurm" else None)
    assert bool(outcome.nodes and outcome.identifier) == (made.broker == "slurm")
    assert "made by smooth" in made.eb("lineage", made.catalogue).stdout


def test_the_file_alone_makes_the_same_on_the_other(made: Made, tmp_path: Path) -> None:
    words = ("--yes", "--json", "--out", tmp_path, "--broker", made.other)
    told = made.eb("rerun", made.catalogue, *words)
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    [again] = answer["products"]
    record = made.store.find(answer["record"])
    assert (record.broker.kind, record.based_on.record) == (made.other, made.sources.catalogue.record)
    before = made.store.find(made.sources.catalogue.record)
    assert [each.content for each in record.products] == [each.content for each in before.products]
    assert (Table.read(again, hdu="SOURCES") == Table.read(made.catalogue, hdu="SOURCES")).all()


def test_the_file_alone_runs_otherwise_on_the_other(made: Made, tmp_path: Path) -> None:
    words = ("--set", "executable.environment.THRESHOLD=5", "--yes", "--json", "--out", tmp_path)
    told = made.eb("rerun", made.catalogue, *words, "--broker", made.other)
    assert told.returncode == 0, told.stderr
    [again] = json.loads(told.stdout)["products"]
    assert Table.read(again, hdu="SOURCES").meta["THRESHLD"] == 5


class Counting(NamedTuple):
    """Slurm's commands, each noted before it runs, and steps that note that they ran."""

    folder: Path

    def requests(self) -> list[ExecutionRequest]:
        return [program("sh", "-c", f"echo {n} >> {self.folder}/ran") for n in range(STEPS)]

    def calls(self) -> Counter[str]:
        return Counter((self.folder / "calls").read_text().split())

    def ran(self) -> Counter[str]:
        return Counter((self.folder / "ran").read_text().split())


@pytest.fixture
def counting(tmp_path: Path, slurm: Slurm, prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> Counting:
    (tmp_path / "bin").mkdir()
    for name in ("sbatch", "squeue", "sacct", "scontrol", "sinfo"):
        shim = tmp_path / "bin" / name
        shim.write_text(f'#!/bin/sh\necho {name} >> {tmp_path}/calls\nexec {shutil.which(name)} "$@"\n')
        shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("EB_HOME", str(tmp_path / "home"))
    return Counting(tmp_path)


NAMES = [f"step {n}" for n in range(STEPS)]


@flow
def mapped(requests: list[ExecutionRequest]) -> list[str]:
    """Run each request in a thread of Prefect's."""
    futures = step.map(unmapped(broker_named("slurm")), requests, name=NAMES)
    return [future.result().session.phase for future in futures]


@flow
async def gathered(requests: list[ExecutionRequest]) -> list[str]:
    """Run each request without a thread for each."""
    broker = broker_named("slurm")
    steps = [step_async(broker, request, name=name) for name, request in zip(NAMES, requests, strict=True)]
    return [run.session.phase for run in await asyncio.gather(*steps)]


@pytest.mark.parametrize("kind", ["mapped", "gathered"])
def test_a_hundred_steps_are_a_few_submissions_and_each_runs_once(counting: Counting, kind: str) -> None:
    wanted = counting.requests()
    phases = mapped(wanted) if kind == "mapped" else asyncio.run(gathered(wanted))
    assert Counter(phases) == {"COMPLETED": STEPS}
    assert counting.ran() == {str(n): 1 for n in range(STEPS)}
    assert counting.calls()["sbatch"] <= STEPS / 5  # a few where the machine has nothing else to do
