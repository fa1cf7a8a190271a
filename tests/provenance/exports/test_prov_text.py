# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prov.model import ProvActivity, ProvDocument, ProvEntity

from provenance.canonical import ni
from provenance.exports.export import export
from provenance.exports.prov_text import cleaned
from provenance.exports.story import for_text
from provenance.record import StepRecord, read_record
from provenance.w3c import document

SYNTAXES = {"prov-json": "json", "prov-n": "provn", "prov-xml": "xml", "prov-jsonld": "jsonld"}
ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # rdflib uses what it deprecates


def read(text: bytes, syntax: str) -> ProvDocument:
    return ProvDocument.deserialize(content=text.decode(), format=syntax)


@pytest.mark.parametrize("form", SYNTAXES)
def test_what_is_written_is_read_back_as_the_same(record: StepRecord, form: str) -> None:
    again = read(export(record, form, carrier="out.fits"), SYNTAXES[form])
    assert again == cleaned(document(record, carrier="out.fits", parameters=True), for_text)


@pytest.mark.parametrize("form", SYNTAXES)
def test_the_records_text_comes_back_byte_for_byte(record: StepRecord, form: str) -> None:
    again = read(export(record, form), SYNTAXES[form])
    values = {value for entity in again.get_records(ProvEntity) for value in entity.value}
    assert record.text in values


def test_only_addresses_are_written_otherwise(program: StepRecord) -> None:
    told, clean = document(program), cleaned(document(program), for_text)
    differ = set(map(str, told.get_records())) ^ set(map(str, clean.get_records()))
    assert all("file:///a" in one for one in differ)


@pytest.mark.parametrize("form", [*SYNTAXES, "ivoa-prov"])
def test_an_ancestry_is_one_document(program: StepRecord, later: StepRecord, form: str) -> None:
    again = read(export(later, form, before=(program,)), SYNTAXES.get(form, "json"))
    told = {one.identifier.localpart for one in again.get_records(ProvActivity) if one.identifier}
    assert {program.session.uuid, later.session.uuid} <= told
    assert len(again.unified().get_records()) == len(again.get_records())


@pytest.mark.parametrize("form", ["turtle", "trig"])
def test_rdf_tells_of_the_session_and_has_the_records_text(record: StepRecord, form: str) -> None:
    from rdflib import Dataset, Namespace

    prov = Namespace("http://www.w3.org/ns/prov#")
    graph = Dataset(default_union=True).parse(data=export(record, form), format=form)
    assert record.text in {str(value) for value in graph.objects(None, prov.value)}
    assert any(graph.subjects(None, prov.Activity))


FORMS_IN_ANOTHER_PROCESS = """
import sys
from provenance.canonical import ni
from provenance.exports.export import FORMATS, export
from provenance.record import read_record
record = read_record(sys.stdin.read())
for form in FORMATS:
    print(form, ni(export(record, form)))
"""


def test_every_process_writes_the_same_bytes(records: dict[str, StepRecord]) -> None:
    told = set()
    for seed in ("1", "2"):
        command = [sys.executable, "-c", FORMS_IN_ANOTHER_PROCESS]
        own = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        text = records["again"].text
        told.add(
            subprocess.run(command, env=own, input=text, capture_output=True, text=True, check=True).stdout
        )
    assert len(told) == 1


def test_what_was_taken_out_of_a_record_stays_out(records: dict[str, StepRecord]) -> None:
    from provenance.exports.export import FORMATS

    for form in FORMATS:
        assert b"hush!" not in export(records["container"], form)
    assert read_record(records["container"].text).digest == ni(records["container"].text.encode())
