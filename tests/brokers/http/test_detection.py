# SPDX-License-Identifier: Apache-2.0
"""Finding out which dialect a broker speaks."""

import json

import pytest

from eb_prefect.brokers.http.paths import Paths
from eb_prefect.errors import BrokerUnavailableError, NotABrokerError, RequestRefusedError
from eb_prefect.model.phase import Phase
from eb_prefect.wire.dialect import Dialect
from tests.brokers.embedded.bench import program
from tests.brokers.http.conftest import Client
from tests.brokers.http.served import FIRST, Answer, Saying, Seen, Served, made, offers, session, text, told

INDEX = Answer(
    json.dumps({"server": "eb-prefect", "version": "1", "dialects": {"neutral": "http://x/neutral"}})
)
YES = offers(session("OFFERED"))
# an executable that every dialect can express
REQUEST = program("true")


def only(dialect: Dialect) -> Saying:
    """Return what a server of the dialect answers to a request in any."""

    def answer(seen: Seen) -> Answer:
        is_a = b'"type":"https' in seen.body
        return made(YES, dialect) if is_a == (dialect is Dialect.A) else Answer("", 400)

    return answer


@pytest.mark.parametrize(
    ("says", "asked"),
    [
        ({"POST /requests": made(YES)}, ["POST /requests"]),
        ({"POST /offersets": only(Dialect.B1)}, ["POST /requests", "POST /offersets"]),
        ({"POST /offersets": only(Dialect.A)}, ["POST /requests", "POST /offersets", "POST /offersets"]),
    ],
    ids=["B2", "B1", "A"],
)
def test_the_dialect_is_found_and_remembered(
    served: Served, client: Client, says: dict[str, Saying], asked: list[str]
) -> None:
    served.says = says
    broker = client(dialect=None)
    broker.request_offers(REQUEST)
    broker.request_offers(REQUEST)
    assert served.asked == ["GET /", *asked, asked[-1]]


def test_our_own_server_is_spoken_to_in_the_neutral_form(served: Served, client: Client) -> None:
    served.says = {
        "GET /x/": INDEX,
        "POST /x/neutral/requests": made(YES, Dialect.NEUTRAL),
        f"GET /x/neutral/sessions/{FIRST}": told("OFFERED"),
    }
    broker = client(f"{served.url}/x", dialect=None)
    broker.session(broker.request_offers(REQUEST).offers[0].uuid)
    assert served.asked[0] == "GET /x/"
    assert len(served.seen) == 3


@pytest.mark.parametrize("index", ["[]", "{", "<html>", '{"server": "other"}', '{"dialects": []}', ""])
def test_a_page_at_the_address_that_is_no_index_is_ignored(
    served: Served, client: Client, index: str
) -> None:
    served.says = {"GET /": Answer(index), "POST /requests": made(YES)}
    assert client(dialect=None).request_offers(REQUEST).result == "YES"


def test_a_root_that_is_another_hosts_does_not_matter(served: Served, client: Client) -> None:
    away = Answer(status=302, headers={"Location": "https://portal.example.org/"})
    served.says = {"GET /": away, "POST /requests": made(YES)}
    assert client(dialect=None).request_offers(REQUEST).result == "YES"


def test_a_broker_that_is_away_is_asked_again_for_its_index(served: Served, client: Client) -> None:
    served.says = {"GET /": [Answer("", 503), INDEX], "POST /neutral/requests": made(YES, Dialect.NEUTRAL)}
    broker = client(dialect=None)
    with pytest.raises(BrokerUnavailableError):
        broker.request_offers(REQUEST)
    assert broker.request_offers(REQUEST).result == "YES"


def test_what_each_dialect_got_is_told_if_none_is_understood(served: Served, client: Client) -> None:
    served.says = {"POST /offersets": Answer("", 400)}
    with pytest.raises(
        RequestRefusedError, match=r"B2 at /requests: 404.*B1 at /offersets: 400.*A at /offersets: 400"
    ):
        client(dialect=None).request_offers(REQUEST)


def test_an_address_that_takes_nothing_is_no_broker(served: Served, client: Client) -> None:
    with pytest.raises(NotABrokerError, match=r"B2 at /requests: 404.*B1 at /offersets: 404"):
        client(dialect=None).request_offers(REQUEST)
    assert served.asked == ["GET /", "POST /requests", "POST /offersets"]


def test_a_request_that_the_broker_of_b2_refuses_is_not_sent_in_others(
    served: Served, client: Client
) -> None:
    served.says = {"POST /requests": Answer("", 400), "POST /offersets": made(YES)}
    with pytest.raises(RequestRefusedError):
        client(dialect=None).request_offers(REQUEST)


def test_dialects_are_tried_at_paths_of_the_users_own(served: Served, client: Client) -> None:
    served.says = {"POST /ask": only(Dialect.A)}
    broker = client(dialect=None, paths=Paths("ask", None))
    assert broker.request_offers(REQUEST).result == "YES"
    assert served.asked == ["GET /", "POST /ask", "POST /ask", "POST /ask"]


@pytest.mark.parametrize("dialect", [Dialect.A, Dialect.B1, Dialect.B2])
def test_a_session_is_accepted_before_the_dialect_was_found(
    served: Served, client: Client, dialect: Dialect
) -> None:
    parts = {"executable": {"kind": "executable/jupyter-notebook"}}
    served.says = {
        "GET": Answer(text(session("OFFERED", **parts), dialect)),
        "POST": Answer(text(session("ACCEPTED", **parts), dialect)),
        "GET /": Answer(status=404),
    }
    assert client(dialect=None).accept(FIRST).phase == Phase.ACCEPTED
    assert (b'"update"' in served.seen[-1].body) == (dialect is Dialect.A)
