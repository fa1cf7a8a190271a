# SPDX-License-Identifier: Apache-2.0
"""The demo's pipeline on a broker over HTTP: nothing of it changes but the broker's name."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from astropy.table import Table

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.server.run import serving
from flows.sources import Sources, detect_sources
from provenance.products.extract import extract
from provenance.products.found import Binding
from provenance.store import Store
from tests.cli.walking import Eb, calling
from tests.serving import in_force

FIVE = ("--set", "executable.environment.THRESHOLD=5", "--yes", "--json")


class Made(NamedTuple):
    """What the pipeline made on a served broker, and the command of who ran it."""

    url: str
    sources: Sources
    store: Store
    eb: Eb

    @property
    def catalogue(self) -> Path:
        return Path(self.sources.catalogue.products["sources.fits"])


@pytest.fixture(scope="module", params=["neutral", "B2"])
def made(
    request: pytest.FixtureRequest,
    frame: Path,
    prefect_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp(request.param)
    with (
        serving(EmbeddedBroker(folder / "server"), home=folder / "server") as root,
        in_force(prefect_environment),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("EB_HOME", str(folder / "caller"))
        at = root if request.param == "neutral" else f"{root}/B2"
        sources = asyncio.run(detect_sources(str(frame), into=folder / "made", broker=at))
        store = Store(folder / "caller" / "records.db")
        yield Made(at, sources, store, calling(folder, folder / "caller"))


def test_products_arrive_with_their_records(made: Made) -> None:
    for step, name in ((made.sources.smoothed, "smoothed.fits"), (made.sources.catalogue, "sources.fits")):
        found = extract(Path(step.products[name]))
        assert (found.binding, found.digest) == (Binding.BOUND, step.record)
        assert made.eb("show", step.products[name]).returncode == 0
    assert 10 < len(Table.read(made.catalogue, hdu="SOURCES")) < 100


def test_nothing_is_left_where_they_were_fetched_to(made: Made) -> None:
    fetched = made.catalogue.parents[1] / "caller" / "fetched"
    assert list(fetched.iterdir()) == []


def test_the_catalogue_knows_the_image_that_it_came_of(made: Made) -> None:
    origins = made.store.ancestors(made.sources.catalogue.record)
    records = {made.sources.catalogue.record, made.sources.smoothed.record}
    assert {entry.digest for entry in origins.records} == records
    told = made.eb("lineage", made.catalogue).stdout
    assert ("made by smooth" in told, "a8280271.fits" in told) == (True, True)


def test_the_record_has_what_was_worked_on_and_how_it_ended(made: Made) -> None:
    record = made.store.find(made.sources.catalogue.record)
    assert record.missing == ()
    assert {data.name: data.file is not None for data in record.inputs} == {"program": True, "image": True}
    assert record.session.outcome is not None
    assert record.session.outcome.exit_code == 0
    assert record.session.messages == ()


@pytest.mark.parametrize("where", ["embedded", "there"])
def test_the_file_alone_runs_again_there_and_here(made: Made, where: str, tmp_path: Path) -> None:
    broker = made.url if where == "there" else where
    told = made.eb("rerun", made.catalogue, *FIVE, "--out", tmp_path, "--broker", broker)
    assert told.returncode == 0, told.stderr
    [again] = json.loads(told.stdout)["products"]
    assert Table.read(again, hdu="SOURCES").meta["THRESHLD"] == 5
    assert extract(Path(again)).record["based_on"]["record"] == made.sources.catalogue.record
    assert "data[image] is pinned" in told.stderr


def test_a_pin_that_the_dialect_has_no_place_for_is_told(made: Made, tmp_path: Path) -> None:
    broker = f"{made.url.removesuffix('/B2')}/A"
    told = json.loads(made.eb("rerun", made.catalogue, *FIVE, "--out", tmp_path, "--broker", broker).stdout)
    assert "data[1].checksum: left out; A has no place for it" in told["messages"]


def test_a_pin_that_nobody_held_is_seen_all_the_same(made: Made, tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    folder.mkdir()
    image = Path(made.sources.smoothed.products["smoothed.fits"])
    before = image.read_bytes()
    try:
        image.write_bytes(before + bytes(2880))
        told = made.eb("rerun", made.catalogue, *FIVE, "--out", folder, "--broker", made.url)
    finally:
        image.write_bytes(before)
    if made.url.endswith("B2"):
        messages = json.loads(told.stdout)["messages"]
        assert "data[image]: it was worked on something else than it was pinned to" in messages
    else:
        assert told.returncode == 1
