# SPDX-License-Identifier: Apache-2.0
"""Records that a stranger wrote, in every format."""

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import caom2
import pytest
import rdflib
from astropy.io import votable
from caom2.obs_reader_writer import ObservationReader
from google.protobuf.json_format import ParseDict
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from prov.model import ProvDocument, ProvEntity

from provenance.canonical import canonical
from provenance.exports.export import FORMATS, export
from provenance.exports.story import for_xml
from provenance.record import StepRecord, read_record

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # rdflib uses what it deprecates

NASTY = (
    "", " ", "\0", "\x1b[2J", "\x85\x9b\u2028", "\ufffe\uffff", "]]>", "<!DOCTYPE x [<!ENTITY a 'b'>]>&a;",
    '"""\n\\"', "\\", "'; DROP", "a\r\nb\rc", "../../etc", "http://[::1", "https://x/ <b>", "urn:x:%z#%",
    "prov:Entity", "javascript:alert(1)//", 'file:///a b\t<>"{}|\\^`', "caom:a/b/c", "caom:../../..",
    "\U0001f52d" * 9, "ni:///sha-256;" + "A" * 43, "ni:///sha-256;<&>", "sha256:" + "f" * 64, "x" * 3000,
    "%41%", "-1",
)  # fmt: skip
TEXT = st.sampled_from(NASTY) | st.text(max_size=30).map(
    lambda text: text.encode("utf-8", "replace").decode()
)
BROKEN = TEXT | st.sampled_from(["\ud800", "a\udfffb"])
WHOLE = st.integers(-(2**70), 2**70)
Given = st.SearchStrategy[Any]


def table(needed: dict[str, Given], **more: Given) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(needed, optional=more)


def few(of: Given) -> Given:
    return st.lists(of, max_size=3)


CHECKSUM = table({}, type=TEXT | st.just("sha-256"), value=TEXT | st.just("0" * 64))
MAKER = table({"record": TEXT, "product": TEXT})
OTHER = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | BROKEN,
    lambda below: few(below) | st.dictionaries(TEXT, below, max_size=3),
    max_leaves=8,
)
VALUES = st.dictionaries(TEXT, TEXT, max_size=3)
PROGRAM = table({"kind": st.just("executable/program")}, command=few(TEXT), environment=VALUES, x=OTHER)
IMAGE = table({}, locations=few(TEXT), digest=TEXT)
CONTAINER = table({"kind": st.just("executable/docker-container")}, image=IMAGE, name=TEXT)
NOTEBOOK = table(
    {"kind": st.just("executable/jupyter-notebook")},
    location=TEXT,
    checksum=CHECKSUM,
    parameters=st.dictionaries(TEXT, OTHER, max_size=3),
)
STRANGE = st.dictionaries(TEXT, OTHER, max_size=3).map(
    lambda given: {**given, "kind": "https://no.where/kind"}
)
EXECUTABLE = PROGRAM | CONTAINER | NOTEBOOK | STRANGE
TIMES = {"started": st.just("0001-01-01T00:00:00Z"), "ended": st.just("9999-12-31T23:59:59.999999Z")}
SESSION = table(
    {"uuid": TEXT, "phase": TEXT | st.sampled_from(["COMPLETED", "FAILED"])},
    executable=EXECUTABLE,
    messages=few(table({"message": TEXT})),
    outcome=table({}, exit_code=WHOLE, **TIMES),
)
INPUT = table(
    {"name": TEXT}, mount=TEXT, location=TEXT, size=WHOLE, checksum=CHECKSUM, content=TEXT, made_by=MAKER
)
PRODUCT = table(
    {"name": TEXT, "path": TEXT}, volume=TEXT, media_type=TEXT, size=WHOLE, checksum=CHECKSUM, content=TEXT
)
VERB = st.sampled_from(["repeat", "revise", "apply"])
RECORD = table(
    {"name": TEXT, "broker": table({"kind": TEXT, "name": TEXT}, url=TEXT, version=TEXT), "session": SESSION},
    request=table({"executable": EXECUTABLE}, name=TEXT),
    request_digest=TEXT,
    agents=few(table({"kind": TEXT | st.just("person"), "name": TEXT})),
    software=few(table({"name": TEXT}, version=TEXT, location=TEXT, digest=TEXT)),
    inputs=few(INPUT),
    products=few(PRODUCT),
    based_on=table({"record": TEXT, "verb": VERB}, session=TEXT, request=TEXT, products=few(TEXT)),
    missing=few(TEXT),
).map(lambda given: read_record(json.dumps(given)))


def prov(syntax: str) -> Callable[[bytes, StepRecord], None]:
    def judge(text: bytes, record: StepRecord) -> None:
        again = ProvDocument.deserialize(content=text.decode(), format=syntax)
        values = {value for entity in again.get_records(ProvEntity) for value in entity.value}
        told = for_xml(record.text) if syntax == "xml" else record.text
        assert told in values
        assert canonical(json.loads(told)).decode() == record.text

    return judge


def ivoa(syntax: str) -> Callable[[bytes, StepRecord], None]:
    return lambda text, record: ProvDocument.deserialize(content=text.decode(), format=syntax)


def rdf(syntax: str) -> Callable[[bytes, StepRecord], None]:
    def judge(text: bytes, record: StepRecord) -> None:
        graph = rdflib.Dataset(default_union=True).parse(data=text, format=syntax)
        value = rdflib.URIRef("http://www.w3.org/ns/prov#value")
        assert record.text in {str(one) for one in graph.objects(None, value)}

    return judge


def crate(text: bytes, record: StepRecord) -> None:
    graph = json.loads(text)["@graph"]
    names = [one["@id"] for one in graph]
    assert len(names) == len(set(names))
    assert record.text in [one.get("text") for one in graph]


def tables(text: bytes, record: StepRecord) -> None:
    assert len(list(votable.parse(io.BytesIO(text), verify="exception").iter_tables())) == 13


def planes(text: bytes, record: StepRecord) -> None:
    observation = ObservationReader(True).read(io.BytesIO(text))
    assert isinstance(observation, caom2.DerivedObservation)
    assert len(observation.planes) == max(1, len({one.name for one in record.products}))


def statement(text: bytes, record: StepRecord) -> None:
    Statement.copy_from_pb(ParseDict(json.loads(text), statement_pb2.Statement())).validate()


JUDGES: Mapping[str, Callable[[bytes, StepRecord], Any]] = {
    "prov-json": prov("json"),
    "prov-n": prov("provn"),
    "prov-xml": prov("xml"),
    "prov-jsonld": prov("jsonld"),
    "turtle": rdf("turtle"),
    "trig": rdf("trig"),
    "ro-crate": crate,
    "ivoa-prov": ivoa("json"),
    "ivoa-prov-n": ivoa("provn"),
    "ivoa-prov-xml": ivoa("xml"),
    "ivoa-votable": tables,
    "caom": planes,
    "in-toto": statement,
}


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(record=RECORD)
def test_a_hostile_record_breaks_no_format(form: str, record: StepRecord) -> None:
    JUDGES[form](export(record, form), record)


@pytest.mark.parametrize("form", FORMATS)
def test_half_a_character_and_an_empty_digest_break_no_format(form: str) -> None:
    notebook = {"kind": "executable/jupyter-notebook", "parameters": {"half \ud800": "\udfff"}}
    told = {
        "name": "\ud83d\udd2d",
        "broker": {"kind": "http", "name": ""},
        "session": {"uuid": "", "phase": "FAILED"},
        "request": {"executable": notebook},
        "based_on": {"record": "", "verb": "repeat"},
    }
    record = read_record(json.dumps(told))
    JUDGES[form](export(record, form), record)
