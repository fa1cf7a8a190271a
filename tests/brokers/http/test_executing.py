# SPDX-License-Identifier: Apache-2.0
"""Direct execution."""

import socket

import pytest

from eb_prefect.errors import (
    AnswerLostError,
    BrokerUnavailableError,
    NoOfferError,
    NotABrokerError,
    NotExpressibleError,
    RequestRefusedError,
)
from eb_prefect.model.phase import Phase
from eb_prefect.wire.dialect import Dialect
from tests.brokers.embedded.bench import program
from tests.brokers.http.conftest import Client
from tests.brokers.http.served import FIRST, Answer, Served, made, offers, session, text, told

REQUEST = program("true")
TAKEN = Answer(text(session("ACCEPTED")), 303, {"Location": f"http://x/sessions/{FIRST}"})
NO = made(offers(result="NO", messages=[{"kind": "urn:x", "message": "too many cores"}]))


@pytest.mark.parametrize(
    ("dialect", "path"),
    [(Dialect.B1, "/sessions"), (Dialect.B2, "/direct"), (Dialect.NEUTRAL, "/direct")],
)
def test_each_dialect_has_its_path(served: Served, client: Client, dialect: Dialect, path: str) -> None:
    served.says = {f"POST {path}": TAKEN}
    found = client(dialect=dialect).execute(REQUEST)
    assert (found.uuid, found.phase) == (FIRST, Phase.ACCEPTED)


def test_a_dialect_without_it_says_so(served: Served, client: Client) -> None:
    with pytest.raises(NotExpressibleError, match="direct execution"):
        client(dialect=Dialect.A).execute(REQUEST)
    assert served.seen == []


def test_the_dialect_is_found_without_running_anything(served: Served, client: Client) -> None:
    served.says = {"POST /requests": made(offers(session("OFFERED"))), "POST /direct": TAKEN}
    client(dialect=None).execute(REQUEST)
    assert served.asked == ["GET /", "POST /requests", "POST /direct"]


def test_what_was_changed_for_the_dialect_is_told(served: Served, client: Client) -> None:
    served.says = {"POST": TAKEN}
    found = client().execute(program("true", name="smooth"))
    assert [message.text.partition(":")[0] for message in found.messages] == ["name"]


def test_an_empty_answer_is_looked_up_by_its_location(served: Served, client: Client) -> None:
    served.says = {"POST": TAKEN._replace(body=""), f"GET /sessions/{FIRST}": told("PREPARING")}
    assert client().execute(REQUEST).phase == Phase.PREPARING


@pytest.mark.parametrize(
    "answer",
    [
        Answer(play=lambda peer: None),
        Answer(play=lambda peer: peer.sendall(b"HTTP/1.1 303 See Other\r\nContent-Length: 9\r\n\r\n{")),
        Answer("<html>", 200),
        Answer("", 303),
        Answer("x", headers={"Content-Encoding": "br"}),
        TAKEN._replace(body="", headers={"Location": "/x"}),
    ],
    ids=["nothing", "cut", "HTML", "empty", "packed", "no identifier"],
)
def test_a_lost_answer_is_not_to_be_repeated(served: Served, client: Client, answer: Answer) -> None:
    served.says = {"POST": answer}
    with pytest.raises(AnswerLostError):
        client().execute(REQUEST)
    assert served.asked == ["POST /direct"]


def test_a_lost_look_at_what_was_made_is_a_lost_answer(served: Served, client: Client) -> None:
    served.says = {"POST": TAKEN._replace(body=""), "GET": Answer("", 503)}
    with pytest.raises(AnswerLostError):
        client().execute(REQUEST)


def test_what_was_never_sent_can_be_repeated(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(BrokerUnavailableError):
        client(f"http://127.0.0.1:{port}").execute(REQUEST)


@pytest.mark.parametrize("status", [429, 503])
def test_what_was_not_taken_can_be_repeated(served: Served, client: Client, status: int) -> None:
    served.says = {"POST": Answer("", status)}
    with pytest.raises(BrokerUnavailableError):
        client().execute(REQUEST)
    assert served.asked == ["POST /direct"]


@pytest.mark.parametrize("status", [400, 500])
def test_a_bare_error_is_explained_by_asking_for_offers(served: Served, client: Client, status: int) -> None:
    served.says = {"POST /direct": Answer("", status), "POST /requests": NO}
    with pytest.raises(NoOfferError, match="too many cores"):
        client().execute(REQUEST)


def test_a_request_that_gets_no_offers_either_is_refused(served: Served, client: Client) -> None:
    served.says = {"POST /direct": Answer("", 500), "POST /requests": Answer("", 400)}
    with pytest.raises(RequestRefusedError):
        client().execute(REQUEST)


@pytest.mark.parametrize(("status", "error"), [(400, RequestRefusedError), (500, AnswerLostError)])
@pytest.mark.parametrize("ask", [made(offers(session("OFFERED"))), Answer("", 503), Answer("<html>")])
def test_an_error_without_an_explanation_is_told_as_it_is(
    served: Served, client: Client, status: int, error: type[Exception], ask: Answer
) -> None:
    served.says = {"POST /direct": Answer("", status), "POST /requests": ask}
    with pytest.raises(error, match=str(status)):
        client().execute(REQUEST)


@pytest.mark.parametrize("status", [404, 405])
def test_a_broker_without_it_is_told(served: Served, client: Client, status: int) -> None:
    served.says = {"POST": Answer("", status)}
    with pytest.raises(NotABrokerError, match="/direct"):
        client().execute(REQUEST)
