# SPDX-License-Identifier: Apache-2.0
import io
from pathlib import Path
from typing import Any

import caom2
import pytest
from caom2.obs_reader_writer import ObservationReader
from lxml import etree

from provenance.errors import CanNotExportError
from provenance.exports.export import export
from provenance.record import StepRecord

SCHEMA = Path(caom2.__file__).parent / "data" / "CAOM-2.4.xsd"


def observation(record: StepRecord) -> Any:
    return ObservationReader(True).read(io.BytesIO(export(record, "caom")))


def test_the_observation_is_valid_by_the_schema(record: StepRecord) -> None:
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(etree.fromstring(export(record, "caom")))


def test_each_product_is_a_plane_that_knows_how_it_was_made(program: StepRecord) -> None:
    planes = observation(program).planes
    assert len(planes) == 2
    told = planes["out.fits"].provenance
    assert (told.name, told.producer) == ("sh", "this machine")
    assert told.run_id == f"urn:uuid:{program.session.uuid}"
    assert told.last_executed.isoformat() == "2026-11-23T12:00:03"
    assert {"phase=COMPLETED", "executable.environment.SIGMA=3"} <= told.keywords


def test_a_later_step_names_the_plane_that_it_was_made_from(program: StepRecord, later: StepRecord) -> None:
    first = observation(program)
    expected = caom2.PlaneURI.get_plane_uri(first.get_uri(), "out.fits")
    assert expected in observation(later).planes["out.fits"].provenance.inputs


def test_a_session_without_products_is_told_all_the_same(records: dict[str, StepRecord]) -> None:
    (plane,) = observation(records["failed"]).planes.values()
    assert "phase=FAILED" in plane.provenance.keywords
    assert not plane.artifacts


def test_an_artifact_has_the_size_and_digest_of_the_product(program: StepRecord) -> None:
    (artifact,) = observation(program).planes["out.fits"].artifacts.values()
    assert artifact.content_length == 2**40
    assert artifact.content_checksum.uri == f"sha256:{'ab' * 32}"


def test_there_is_no_place_for_an_ancestry(program: StepRecord, later: StepRecord) -> None:
    with pytest.raises(CanNotExportError, match="one step"):
        export(later, "caom", before=(program,))
