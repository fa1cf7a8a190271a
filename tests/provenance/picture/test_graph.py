# SPDX-License-Identifier: Apache-2.0
"""What is drawn of a record, and of those that the store has before it."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from eb_prefect.model.parts import Checksum
from provenance.canonical import ni
from provenance.capture import capture
from provenance.parts import Input, Link, Maker, ProductEntry
from provenance.picture.graph import LIMIT, Edge, Graph, Kind, graph_of, graph_of_product
from provenance.products.extract import extract
from provenance.record import StepRecord
from provenance.store import Store
from tests.provenance.conftest import RunOf


def labels(graph: Graph, kind: Kind) -> list[str]:
    return sorted(node.label for node in graph.nodes.values() if node.kind is kind)


def named(graph: Graph, edge: Edge) -> tuple[str, str]:
    return graph.nodes[edge.start].label, graph.nodes[edge.end].label


@pytest.fixture
def pair(run_of: RunOf, store: Store, tmp_path: Path) -> tuple[StepRecord, Path]:
    """Return the record of a first step, and the product of a second that worked on its product."""
    for name in ("first.fits", "second.fits"):
        fits.writeto(tmp_path / name, np.full(4, len(name)))
    first = capture(run_of(tmp_path / "first.fits"), store).record
    checksum = hashlib.sha256((tmp_path / "first.fits").read_bytes()).hexdigest()
    location = (tmp_path / "first.fits").as_uri()
    capture(run_of(tmp_path / "second.fits", location=location, checksum=checksum), store)
    return first, tmp_path / "second.fits"


def test_a_file_alone_shows_its_step_and_names_the_one_before(pair: tuple[StepRecord, Path]) -> None:
    graph = graph_of_product(extract(pair[1]))
    assert labels(graph, Kind.ACTIVITY) == ["smooth"]
    assert labels(graph, Kind.ELSEWHERE) == ["a step before"]
    assert [node.label for node in graph.nodes.values() if node.is_this] == ["second.fits"]
    assert {named(graph, edge) for edge in graph.edges} == {
        ("image", "smooth"),
        ("smooth", "second.fits"),
        ("a step before", "image"),
    }


def test_the_store_adds_the_steps_before(pair: tuple[StepRecord, Path], store: Store) -> None:
    graph = graph_of_product(extract(pair[1]), store)
    assert labels(graph, Kind.ACTIVITY) == ["smooth", "smooth"]
    assert labels(graph, Kind.ENTITY) == ["first.fits", "image", "second.fits"]
    assert ("first.fits", "smooth") in {named(graph, edge) for edge in graph.edges}


def test_a_file_that_the_store_knows_by_its_digest_alone_leads_to_its_step(
    run_of: RunOf, store: Store, tmp_path: Path, pair: tuple[StepRecord, Path]
) -> None:
    record = extract(pair[1])
    unlinked = StepRecord.model_validate(record.record)
    data = tuple(one.model_copy(update={"made_by": None}) for one in unlinked.inputs)
    graph = graph_of(unlinked.model_copy(update={"inputs": data}), source=store)
    assert labels(graph, Kind.ACTIVITY) == ["smooth", "smooth"]


def test_a_rerun_is_linked_with_what_it_was_taken_from(run_of: RunOf, store: Store, image: Path) -> None:
    link = Link(record=ni(b"old"), verb="revise")
    record = capture(run_of(image), store, based_on=link).record
    graph = graph_of(record)
    (rerun,) = [edge for edge in graph.edges if edge.is_rerun]
    assert named(graph, rerun) == ("an earlier run", "smooth")
    assert graph.nodes[record.digest].note == "COMPLETED, revise"


def test_the_step_that_it_was_taken_from_is_named_by_the_store(
    run_of: RunOf, store: Store, image: Path, tmp_path: Path
) -> None:
    old = capture(run_of(image), store).record
    fits.writeto(tmp_path / "again.fits", np.zeros(3))
    link = Link(record=old.digest, verb="repeat")
    capture(run_of(tmp_path / "again.fits"), store, based_on=link)
    graph = graph_of_product(extract(tmp_path / "again.fits"), store)
    assert graph.nodes[old.digest][:3] == (Kind.ELSEWHERE, "smooth", "COMPLETED, earlier run")


@pytest.fixture
def many(run_of: RunOf, store: Store, image: Path) -> StepRecord:
    """Return a record with a hundred inputs and products."""
    record = capture(run_of(image), store).record
    data = tuple(Input(name=f"in{n}", location=f"file:///in{n}") for n in range(100))
    made = tuple(ProductEntry(name=f"out{n}", path=f"out{n}") for n in range(100))
    return record.model_copy(update={"inputs": data, "products": made})


def test_many_inputs_and_products_are_folded(many: StepRecord) -> None:
    graph = graph_of(many, this="out77")
    assert labels(graph, Kind.MORE) == ["92 more inputs", "96 more products"]
    assert "out77" in labels(graph, Kind.ENTITY)


def test_one_more_is_not_folded(many: StepRecord) -> None:
    few = many.model_copy(update={"inputs": many.inputs[:9], "products": many.products[:4]})
    assert labels(graph_of(few), Kind.MORE) == []


def test_a_long_ancestry_is_cut_off_and_counted(run_of: RunOf, store: Store, image: Path) -> None:
    record = capture(run_of(image), store).record
    for number in range(150):
        data = Input(name="image", made_by=Maker(record=record.digest, product="image.fits"))
        record = record.model_copy(update={"name": f"step {number}", "inputs": (data,)})
        record = StepRecord.model_validate(record.neutral())
        store.add(record)
    graph = graph_of(record, source=store)
    assert len(graph.nodes) <= LIMIT
    drawn = len(labels(graph, Kind.ACTIVITY))
    assert graph.note == f"and {151 - drawn} earlier steps that are not shown"


def test_steps_that_make_each_others_inputs_can_be_drawn(run_of: RunOf, store: Store, image: Path) -> None:
    record = capture(run_of(image), store).record
    file = Checksum(type="sha-256", value=hashlib.sha256(image.read_bytes()).hexdigest())
    itself = record.model_copy(update={"inputs": (Input(name="image", checksum=file),), "name": "again"})
    graph = graph_of(StepRecord.model_validate(itself.neutral()), source=store)
    assert labels(graph, Kind.ACTIVITY) == ["again", "smooth"]
