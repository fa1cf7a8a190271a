# SPDX-License-Identifier: Apache-2.0
"""What a dialect can express comes back from it as it was."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eb_prefect.errors import NotExpressibleError
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.document import (
    inspect,
    read_offer_set,
    read_request,
    read_session,
    write_offer_set,
    write_request,
    write_session,
)
from eb_prefect.wire.text import to_text
from eb_prefect.wire.write import Style
from tests.wire.generated import requests

DOCUMENTS = Path(__file__).parent / "documents"
WRITTEN = [Dialect.A, Dialect.B1, Dialect.B2, Dialect.NEUTRAL]

slow = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def again(request: ExecutionRequest, dialect: Dialect, style: Style, form: str) -> ExecutionRequest:
    text = to_text(write_request(request, dialect, style), "yaml" if form == "yaml" else "json")
    seen = inspect(text)
    # a program's URN is the same everywhere, so alone it tells no dialect
    assert seen.recognised.dialect in (dialect, Dialect.NEUTRAL, Dialect.B2)
    return read_request(text)


@pytest.mark.parametrize("dialect", WRITTEN)
@slow
@given(content=st.data(), form=st.sampled_from(["json", "yaml"]))
def test_any_request_that_a_dialect_can_express_round_trips(
    dialect: Dialect, content: st.DataObject, form: str
) -> None:
    request = content.draw(requests(dialect))
    assert again(request, dialect, Style(), form) == request


@slow
@given(request=requests(Dialect.A))
def test_any_request_round_trips_with_volumes_in_place(request: ExecutionRequest) -> None:
    assert again(request, Dialect.A, Style(inline_volumes=True), "yaml") == request


@pytest.mark.parametrize("dialect", [Dialect.A, Dialect.B1, Dialect.B2])
@slow
@given(request=requests(Dialect.NEUTRAL))
def test_any_request_either_round_trips_or_names_what_can_not(
    dialect: Dialect, request: ExecutionRequest
) -> None:
    try:
        written = write_request(request, dialect)
    except NotExpressibleError as refused:
        gaps = refused.fields
        written = {}
    else:
        gaps = ()
    if gaps:
        assert all(gap.reason for gap in gaps)
        return
    back = read_request(to_text(written))
    # B writes an INSTANCE of one resource as a mount, which is what it is
    assert without_plain_cardinality(back) == without_plain_cardinality(request)


def without_plain_cardinality(request: ExecutionRequest) -> object:
    document = request.neutral()
    for volume in document.get("compute", {}).get("volumes", ()):
        if volume.get("cardinality") == "INSTANCE" and len(volume["resources"]) == 1:
            del volume["cardinality"]
    return document


@pytest.mark.parametrize("name", ["a-named-request.yaml", "a-inline-request.json", "a0-request.yaml"])
def test_requests_of_a_round_trip_in_a(name: str) -> None:
    request = read_request((DOCUMENTS / name).read_bytes())
    assert again(request, Dialect.A, Style(), "yaml") == request


def test_an_inline_request_is_written_as_it_was() -> None:
    text = (DOCUMENTS / "a-inline-request.json").read_text()
    request = read_request(text)
    written = write_request(request, Dialect.A, Style(inline_volumes=True))
    assert read_request(to_text(written)) == request
    assert list(written["compute"]["volumes"][0]) == ["type", "name", "path", "mode", "resources"]


def test_a_named_request_lists_its_volumes_at_the_top() -> None:
    request = read_request((DOCUMENTS / "a-named-request.yaml").read_bytes())
    written = write_request(request, Dialect.A)
    assert written["compute"]["volumes"] == ["pointings", "work"]
    assert [volume["name"] for volume in written["volumes"]] == ["pointings", "work", "spare"]


@pytest.mark.parametrize("dialect", [Dialect.B2, Dialect.NEUTRAL])
def test_a_full_request_of_b2_round_trips(dialect: Dialect) -> None:
    request = read_request((DOCUMENTS / "b2-request.yaml").read_bytes())
    assert again(request, dialect, Style(), "json") == request


@pytest.mark.parametrize("dialect", [Dialect.B2, Dialect.NEUTRAL])
def test_an_offer_set_round_trips(dialect: Dialect) -> None:
    offers = read_offer_set((DOCUMENTS / "b2-offers.yaml").read_bytes())
    back = read_offer_set(to_text(write_offer_set(offers, dialect), "yaml"))
    # a schedule without a known time is written as none at all
    assert meaning(back) == meaning(offers)


@pytest.mark.parametrize("dialect", WRITTEN)
def test_a_session_round_trips(dialect: Dialect) -> None:
    session = read_session((DOCUMENTS / "a-session.json").read_bytes())
    back = read_session(to_text(write_session(session, dialect), "yaml"))
    assert meaning(back) == meaning(session)


def meaning(answer: OfferSet | Session) -> object:
    """Return the neutral form without the kind of the document, which each dialect has its own name for."""
    document = answer.neutral()
    for session in (document, *document.get("offers", ())):
        session.pop("kind", None)
    return document
