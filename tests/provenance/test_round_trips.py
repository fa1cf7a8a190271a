# SPDX-License-Identifier: Apache-2.0
"""Our documents in every form that the prov library writes, and back.

RDF is read here only because we wrote it: no other code reads it.
"""

import hashlib
from collections.abc import Callable
from typing import Any
from xml.sax import SAXParseException

import pytest
from prov.model import ProvDocument, ProvEntity

from eb_prefect.model.parts import Checksum
from eb_prefect.model.steprun import StepRun
from provenance.canonical import ni
from provenance.constraints.check import violations
from provenance.parts import Input, Link, ProductEntry
from provenance.record import StepRecord, make_record, record_from_session
from provenance.w3c import document

RunOf = Callable[..., StepRun]

RDF = ("nt", "nquads", "turtle", "trig", "xml", "json-ld")
FORMS = [
    ("json", {}),
    ("jsonld", {}),
    ("xml", {}),
    ("provn", {}),
    *(("rdf", {"rdf_format": one}) for one in RDF),
]
NAMES = [f"{form}-{options['rdf_format']}" if options else form for form, options in FORMS]

pytestmark = [
    pytest.mark.filterwarnings("error"),
    pytest.mark.filterwarnings("ignore:Dataset\\.:DeprecationWarning"),  # how prov 3.2 calls rdflib 7.6
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is:DeprecationWarning"),  # the same
    pytest.mark.filterwarnings("ignore:NTSerializer always uses UTF-8:UserWarning"),  # the same
]

ODD = '\u00e9\r\n\t"q" \\ <&> \x00\x1f\x7f\x85\u2028 \'\'\'""" ]]> %% \U0001f600'

LOSSES = {
    ("xml", "\ufffe"): "XML 1.0 has no way to write it, so the library refuses to (ValueError)",
    ("xml", "\uffff"): "the same",
    ("rdf-xml", "\ufffe"): "the library writes what no reader of XML takes",
    ("rdf-xml", "\uffff"): "the same",
}
"""What a form can not hold of a record, and why; in all others it is there byte for byte."""


def whole(run_of: RunOf, text: str) -> StepRecord:
    """Return a record that has everything, with the text wherever one may be."""
    run = run_of(environment={"TEXT": text}).model_copy(update={"name": text})
    made = ProductEntry(name=text, path="out", volume="/out", content=ni(b"pixels"), size=2**70)
    checksum = Checksum(type="sha-256", value=hashlib.sha256(b"in").hexdigest())
    used = Input(name=text, mount="/in", location=f"file:///a b{text}", checksum=checksum)
    patch = ({"op": "replace", "path": "/name", "value": text},)
    old = {"record": ni(b"old"), "session": run.chosen, "request": ni(b"request"), "products": (text,)}
    link = Link(verb="revise", patch=patch, **old)
    return make_record(run, products=(made,), inputs=(used,), based_on=link)


def shapes(run_of: RunOf) -> dict[str, StepRecord]:
    run = run_of()
    return {
        "whole": whole(run_of, ODD),
        "failed": make_record(run_of(phase="FAILED")),
        "alone": record_from_session(run.session, run.broker),
    }


def through(told: ProvDocument, form: str, options: dict[str, Any]) -> ProvDocument:
    text = told.serialize(format=form, **options)
    assert text is not None
    return ProvDocument.deserialize(content=text, format=form, **options)


@pytest.mark.parametrize(("form", "options"), FORMS, ids=NAMES)
@pytest.mark.parametrize("shape", ["whole", "failed", "alone"])
def test_a_document_comes_back_as_it_was_and_valid(
    run_of: RunOf, shape: str, form: str, options: dict[str, Any]
) -> None:
    record = shapes(run_of)[shape]
    told = document(record, parameters=True)
    again = through(told, form, options)
    texts = [value for entity in again.get_records(ProvEntity) for value in entity.value]
    assert record.text in texts
    assert again == told
    assert violations(again) == violations(told) == ()


@pytest.mark.parametrize(("form", "options"), FORMS, ids=NAMES)
@pytest.mark.parametrize("text", ["\ufffe", "\uffff"])
def test_what_is_lost_is_what_the_table_says(
    run_of: RunOf, text: str, form: str, options: dict[str, Any]
) -> None:
    told = document(make_record(run_of(environment={"TEXT": text})))
    name = f"rdf-{options['rdf_format']}" if options else form
    try:
        is_kept = through(told, form, options) == told
    except (ValueError, SAXParseException):
        is_kept = False
    assert is_kept is ((name, text) not in LOSSES)
