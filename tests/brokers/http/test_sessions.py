# SPDX-License-Identifier: Apache-2.0
"""Reading, accepting and ending sessions."""

import json
from typing import Any

import pytest

from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    NotABrokerError,
    OfferGoneError,
    UnknownSessionError,
    UnusableAnswerError,
)
from eb_prefect.model.phase import Phase
from eb_prefect.wire.dialect import Dialect
from tests.brokers.http.conftest import Client
from tests.brokers.http.served import FIRST, SECOND, Answer, Served, told

AT = f"/sessions/{FIRST}"
ENDINGS = ["accept", "cancel", "reject"]


@pytest.mark.parametrize(
    ("dialect", "due"),
    [
        (Dialect.A, {"update": {"type": "uri:enum-value-update", "path": "phase", "value": "ACCEPTED"}}),
        (Dialect.B1, {"kind": "uri:enum-value-update", "path": "phase", "value": "ACCEPTED"}),
        (Dialect.B2, {"kind": "uri:enum-value-update", "path": "phase", "value": "ACCEPTED"}),
        (Dialect.NEUTRAL, {"kind": "uri:enum-value-update", "path": "phase", "value": "ACCEPTED"}),
    ],
)
def test_an_update_has_the_form_of_the_dialect(
    served: Served, client: Client, dialect: Dialect, due: dict[str, Any]
) -> None:
    served.says = {"POST": told("ACCEPTED")}
    client(f"{served.url}/b", dialect=dialect).accept(FIRST)
    assert (str(served.seen[0]), json.loads(served.seen[0].body)) == (f"POST /b{AT}", due)


@pytest.mark.parametrize("phase", ["ACCEPTED", "PREPARING", "RUNNING", "COMPLETED", "CANCELLED", "SUSPENDED"])
def test_any_phase_past_the_offer_is_an_acceptance(served: Served, client: Client, phase: str) -> None:
    served.says = {"POST": told(phase)}
    assert client().accept(FIRST).phase == phase
    assert served.asked == [f"POST {AT}"]


@pytest.mark.parametrize("phase", ["REJECTED", "EXPIRED"])
def test_an_offer_that_is_gone_is_said_to_be(served: Served, client: Client, phase: str) -> None:
    served.says = {"POST": told(phase)}
    with pytest.raises(OfferGoneError, match=phase):
        client().accept(FIRST)


def test_a_reply_that_is_behind_is_read_once_more(served: Served, client: Client) -> None:
    served.says = {"POST": told("OFFERED"), "GET": told("PREPARING")}
    assert client().accept(FIRST).phase == Phase.PREPARING


def test_an_accept_that_changed_nothing_is_to_be_tried_again(served: Served, client: Client) -> None:
    served.says = {"POST": told("OFFERED"), "GET": told("OFFERED")}
    with pytest.raises(BrokerUnavailableError, match="OFFERED still"):
        client().accept(FIRST)


@pytest.mark.parametrize("status", [204, 303, 400, 409, 500, 503])
def test_an_accept_is_judged_by_the_phase_whatever_the_status(
    served: Served, client: Client, status: int
) -> None:
    served.says = {"POST": Answer("", status), "GET": told("ACCEPTED")}
    assert client().accept(FIRST).phase == Phase.ACCEPTED


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, UnusableAnswerError), (302, NotABrokerError), (503, BrokerUnavailableError)],
)
def test_an_accept_that_failed_is_told_by_its_status(
    served: Served, client: Client, status: int, error: type[Exception]
) -> None:
    served.says = {"POST": Answer("", status), "GET": told("OFFERED")}
    with pytest.raises(error, match=str(status)):
        client().accept(FIRST)


@pytest.mark.parametrize("body", ["", "<html>", "{}", "[", f'{{"uuid": "{SECOND}", "phase": "OFFERED"}}'])
def test_an_accept_with_an_unreadable_reply_is_judged_by_another_look(
    served: Served, client: Client, body: str
) -> None:
    served.says = {"POST": Answer(body), "GET": told("ACCEPTED")}
    assert client().accept(FIRST).phase == Phase.ACCEPTED


@pytest.mark.parametrize("verb", [*ENDINGS, "session"])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (404, UnknownSessionError),
        (410, UnknownSessionError),
    ],
)
def test_a_denial_and_an_unknown_session_are_told_as_such(
    served: Served, client: Client, verb: str, status: int, error: type[Exception]
) -> None:
    served.says = {"POST": Answer("", status), "GET": Answer("", status)}
    with pytest.raises(error):
        getattr(client(), verb)(FIRST)
    assert len(served.seen) == 1


@pytest.mark.parametrize("verb", [*ENDINGS, "session"])
@pytest.mark.parametrize(
    "session", ["", "x", "../sessions", f"{FIRST}/..", f"{FIRST}?x", f"{FIRST}\n", "%2e"]
)
def test_what_is_no_identifier_is_unknown_and_not_asked_for(
    served: Served, client: Client, verb: str, session: str
) -> None:
    with pytest.raises(UnknownSessionError):
        getattr(client(), verb)(session)
    assert served.seen == []


@pytest.mark.parametrize(("verb", "value"), [("cancel", "CANCELLED"), ("reject", "REJECTED")])
def test_an_end_is_read_anew(served: Served, client: Client, verb: str, value: str) -> None:
    served.says = {"POST": told(value), "GET": told("RUNNING")}
    found = getattr(client(), verb)(FIRST)
    assert found.phase == Phase.RUNNING
    assert f"said {value}, and then RUNNING" in found.messages[-1].text
    assert json.loads(served.seen[0].body)["value"] == value


def test_an_end_that_takes_its_time_is_no_fault(served: Served, client: Client) -> None:
    served.says = {"POST": told("RUNNING"), "GET": [told("RUNNING"), told("CANCELLED")]}
    assert client().cancel(FIRST).messages == ()
    assert client().cancel(FIRST).messages == ()


@pytest.mark.parametrize("status", [200, 400, 409, 500])
def test_cancelling_what_has_ended_changes_nothing(served: Served, client: Client, status: int) -> None:
    served.says = {"POST": told("COMPLETED")._replace(status=status), "GET": told("COMPLETED")}
    assert client().cancel(FIRST).phase == Phase.COMPLETED


def test_a_cancel_that_failed_is_told(served: Served, client: Client) -> None:
    served.says = {"POST": Answer("", 503, {"Retry-After": "7"}), "GET": told("RUNNING")}
    with pytest.raises(BrokerUnavailableError) as wrong:
        client().cancel(FIRST)
    assert wrong.value.retry_after == 7


@pytest.mark.parametrize("phase", ["RUNNING", "SUSPENDED"])
def test_a_session_is_read_with_its_bytes(served: Served, client: Client, phase: str) -> None:
    served.says = {f"GET /b{AT}": told(phase)}
    found = client(f"{served.url}/b/").session(FIRST)
    assert (found.phase, found.raw) == (phase, told(phase).body.encode())  # type: ignore[union-attr]


def test_a_session_with_odd_parts_is_not_lost(served: Served, client: Client) -> None:
    odd = {"uuid": FIRST, "phase": "RUNNING", "expires": "soon", "options": [5], "data": 5, "name": "x"}
    served.says = {"GET": Answer(json.dumps(odd))}
    found = client().session(FIRST)
    assert (found.phase, found.name) == (Phase.RUNNING, "x")
    assert {message.level for message in found.messages} == {"WARN"}
    assert {word for m in found.messages for word in ("expires", "options", "data") if word in m.text} == {
        "expires",
        "options",
        "data",
    }


def test_many_odd_parts_are_told_in_few_messages(served: Served, client: Client) -> None:
    odd = {"uuid": FIRST, "phase": "RUNNING", "connectors": [5] * 500}
    served.says = {"GET": Answer(json.dumps(odd))}
    assert "480 more" in client().session(FIRST).messages[-1].text


@pytest.mark.parametrize(
    "body",
    ["", "<html>", "null", "[]", '{"result": "NO"}', '{"phase": "RUNNING"}', f'{{"uuid": "{FIRST}"}}'],
)
def test_what_is_no_session_is_unusable(served: Served, client: Client, body: str) -> None:
    served.says = {"GET": Answer(body)}
    with pytest.raises(UnusableAnswerError):
        client().session(FIRST)


def test_another_session_than_was_asked_for_is_unusable(served: Served, client: Client) -> None:
    served.says = {"GET": told("RUNNING", SECOND)}
    with pytest.raises(UnusableAnswerError, match=SECOND):
        client().session(FIRST)


def test_identifiers_are_the_same_in_capitals(served: Served, client: Client) -> None:
    served.says = {"GET": told("RUNNING", FIRST.upper())}
    assert client().session(FIRST).phase == Phase.RUNNING


def test_products_are_read_from_connectors(served: Served, client: Client) -> None:
    connector = {"kind": "urn:eb-prefect:connector/product", "location": f"http://x{AT}/products/out/a.fits"}
    compute = {"volumes": [{"path": "/out"}]}
    served.says = {"GET": told("COMPLETED", connectors=[connector], compute=compute)}
    (product,) = client().session(FIRST).products
    assert (product.volume, product.name) == ("/out", "a.fits")


class TestChanges:
    def mark(self, broker: HTTPBroker) -> bytes:
        sight = broker.changed(FIRST, None)
        assert sight is not None
        return sight.mark

    def test_a_session_is_told_when_nothing_is_known_of_it(self, served: Served, client: Client) -> None:
        served.says = {"GET": told("RUNNING")}
        sight = client().changed(FIRST, None)
        assert sight is not None
        assert sight.session.phase == Phase.RUNNING
        assert len(sight.mark) == 16

    def test_the_same_document_is_no_change(self, served: Served, client: Client) -> None:
        served.says = {"GET": told("RUNNING")}
        broker = client()
        assert broker.changed(FIRST, self.mark(broker)) is None

    def test_another_document_is_one(self, served: Served, client: Client) -> None:
        served.says = {"GET": [told("RUNNING"), told("COMPLETED")]}
        broker = client()
        sight = broker.changed(FIRST, self.mark(broker))
        assert sight is not None
        assert sight.session.phase == Phase.COMPLETED

    def test_the_servers_own_mark_is_sent_back(self, served: Served, client: Client) -> None:
        etag = {"ETag": 'W/"17"'}
        served.says = {"GET": [told("RUNNING")._replace(headers=etag), Answer("", 304)]}
        broker = client()
        assert broker.changed(FIRST, self.mark(broker)) is None
        assert served.seen[1].headers["if-none-match"] == 'W/"17"'

    def test_a_mark_works_in_another_object(self, served: Served, client: Client) -> None:
        served.says = {"GET": told("RUNNING")}
        assert client().changed(FIRST, self.mark(client())) is None

    def test_a_long_mark_of_the_server_is_not_kept(self, served: Served, client: Client) -> None:
        served.says = {"GET": told("RUNNING")._replace(headers={"ETag": f'"{"x" * 500}"'})}
        assert len(self.mark(client())) == 16

    def test_not_modified_without_being_asked_is_unusable(self, served: Served, client: Client) -> None:
        served.says = {"GET": Answer("", 304)}
        with pytest.raises(UnusableAnswerError):
            client().changed(FIRST, None)

    def test_a_lost_session_is_unknown(self, served: Served, client: Client) -> None:
        with pytest.raises(UnknownSessionError):
            client().changed(FIRST, b"x" * 16)


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_reading_follows_within_the_origin(self, served: Served, client: Client, status: int) -> None:
        served.says = {f"GET {AT}": Answer("", status, {"Location": "/v2/x"}), "GET /v2/x": told("RUNNING")}
        assert client().session(FIRST).phase == Phase.RUNNING

    @pytest.mark.parametrize("to", ["http://127.0.0.1:1/x", "https://127.0.0.1/", "//elsewhere.example.org"])
    def test_reading_goes_to_no_other_host(self, served: Served, client: Client, to: str) -> None:
        served.says = {"GET": Answer("", 302, {"Location": to})}
        with pytest.raises(NotABrokerError, match="redirects"):
            client().session(FIRST)

    def test_reading_in_a_circle_ends(self, served: Served, client: Client) -> None:
        served.says = {"GET": Answer("", 302, {"Location": AT})}
        with pytest.raises(NotABrokerError, match="circle"):
            client().session(FIRST)

    @pytest.mark.parametrize("to", ["http://[", "ftp://x/", "", "http://" + "x" * 300 + "/"])
    def test_a_redirect_to_nowhere_is_told(self, served: Served, client: Client, to: str) -> None:
        served.says = {"GET": Answer("", 302, {"Location": to})}
        with pytest.raises((UnusableAnswerError, NotABrokerError)):
            client().session(FIRST)
