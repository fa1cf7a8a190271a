# SPDX-License-Identifier: Apache-2.0
"""Which document and which dialect."""

from pathlib import Path

import pytest

from eb_prefect.errors import InvalidDocumentError
from eb_prefect.wire.document import inspect
from eb_prefect.wire.recognise import recognise

DOCUMENTS = Path(__file__).parent / "documents"

A = "https://www.purl.org/ivoa.net/EB/schema/types"
B1 = "https://www.purl.org/ivoa.net/EB/schema/v1.0/types"


@pytest.mark.parametrize(
    ("name", "document", "dialect"),
    [
        ("a0-request.yaml", "request", "A0"),
        ("a-named-request.yaml", "request", "A"),
        ("a-inline-request.json", "request", "A"),
        ("b1-named-request.yaml", "request", "B1"),
        ("b2-request.yaml", "request", "B2"),
        ("neutral-request.yaml", "request", "neutral"),
        ("b2-offers.yaml", "offer set", "B2"),
        ("a-session.json", "session", "A"),
        ("a-update.yaml", "update", "A"),
        ("b2-update.json", "update", "B2"),
        ("server-error.yaml", "server error", None),
    ],
)
def test_a_document_is_known_by_its_form(name: str, document: str, dialect: str | None) -> None:
    seen = inspect((DOCUMENTS / name).read_bytes())
    assert (seen.recognised.document, seen.recognised.dialect) == (document, dialect)
    assert seen.faults == ()
    assert all(seen.recognised.reasons)


def test_every_document_of_ours_is_among_the_cases() -> None:
    assert len(list(DOCUMENTS.iterdir())) == 11


@pytest.mark.parametrize(
    ("document", "dialect"),
    [
        ({"executable": {"meta": {"name": "x"}, "command": ["a"]}}, "B2"),
        ({"executable": {"type": "https://w3id.org/eb/kinds/executable/docker-container"}}, "A"),
        ({"executable": {"kind": "urn:eb-prefect:kind/executable/program", "command": ["a"]}}, "neutral"),
        ({"computer": {}}, "A0"),
    ],
)
def test_without_a_known_base_the_shape_decides(document: dict[str, object], dialect: str) -> None:
    assert recognise(document).dialect == dialect


def test_a_mix_of_bases_is_told() -> None:
    seen = recognise(
        {
            "executable": {"kind": f"{B1}/executable/jupyter-notebook-1.0"},
            "data": [{"type": f"{A}/data/simple-data-resource-1.0"}],
        }
    )
    assert (seen.dialect, seen.strangers) == ("B1", ("A",))


@pytest.mark.parametrize("document", [[], "text", 5, None, {}, {"hello": "world"}])
def test_what_is_no_document_of_the_protocol_is_refused(document: object) -> None:
    with pytest.raises(InvalidDocumentError):
        recognise(document)
