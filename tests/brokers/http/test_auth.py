# SPDX-License-Identifier: Apache-2.0
"""Credentials: they reach the broker, and nothing and nobody else."""

import base64
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from eb_prefect.brokers.http.auth import Basic, Bearer
from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.brokers.http.network import Network
from eb_prefect.errors import AccessDeniedError, EBError
from eb_prefect.model.phase import Phase
from eb_prefect.wire.dialect import Dialect
from tests.brokers.embedded.bench import program
from tests.brokers.http.conftest import Client
from tests.brokers.http.served import FIRST, Answer, Seen, Served, made, offers, serving, session, told

SECRET = "correct-horse-battery"
BASIC = Basic("astro", SECRET)
HEADER = "Basic " + base64.b64encode(f"astro:{SECRET}".encode()).decode()


class Tokens:
    """Gives one token after the other, and remembers what it was asked."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.asked: list[bool] = []

    def __call__(self, refresh: bool) -> str:
        self.asked.append(refresh)
        return self.tokens[min(len(self.asked), len(self.tokens)) - 1]


def wants(token: str, answer: Answer) -> Callable[[Seen], Answer]:
    """Answer who has the token, and 401 to others."""
    return lambda seen: answer if seen.headers.get("authorization") == f"Bearer {token}" else Answer("", 401)


def constant(_: bool) -> str:
    return SECRET


def test_basic_credentials_are_sent_with_every_verb(served: Served, client: Client) -> None:
    served.says = {"GET": told("RUNNING"), "POST": told("ACCEPTED")}
    broker = client(auth=BASIC)
    broker.session(FIRST)
    broker.accept(FIRST)
    list(broker.read("/x"))
    assert [seen.headers["authorization"] for seen in served.seen] == [HEADER] * 3


def test_without_credentials_none_are_sent(served: Served, client: Client) -> None:
    served.says = {"GET": told("RUNNING")}
    client().session(FIRST)
    assert "authorization" not in served.seen[0].headers


def test_a_password_in_the_url_is_used_and_shown_nowhere(served: Served, client: Client) -> None:
    served.says = {"GET": told("RUNNING")}
    broker = client(served.url.replace("//", f"//astro:{SECRET}@"))
    broker.session(FIRST)
    assert served.seen[0].headers["authorization"] == HEADER
    assert SECRET not in repr((broker, broker.identity, broker.__reduce__()))
    assert broker.identity.url == served.url


@pytest.mark.parametrize(
    "url",
    [
        f"http://astro:{SECRET}@[",
        f"ftp://astro:{SECRET}@x",
        f"astro:{SECRET}@x",
        f"http://astro:{SECRET}/with-a-slash@x",
        f"http://astro:with-a-slash/{SECRET}@x",
    ],
)
def test_a_broken_url_does_not_show_its_password(url: str) -> None:
    with pytest.raises(EBError) as told_wrong:
        HTTPBroker(url)
    assert SECRET not in "".join(traceback.format_exception(told_wrong.value))


def test_a_token_is_asked_for_once(served: Served, client: Client) -> None:
    tokens = Tokens("one", "two")
    served.says = {"GET": wants("one", told("RUNNING"))}
    broker = client(auth=Bearer(tokens))
    assert tokens.asked == []
    assert {broker.session(FIRST).phase for _ in range(3)} == {Phase.RUNNING}
    assert tokens.asked == [False]


@pytest.mark.parametrize("verb", ["session", "accept"])
def test_a_refused_token_is_renewed_and_the_request_repeated_once(
    served: Served, client: Client, verb: str
) -> None:
    tokens = Tokens("one", "two")
    answer = wants("two", told("ACCEPTED"))
    served.says = {"GET": answer, "POST": answer}
    assert getattr(client(auth=Bearer(tokens)), verb)(FIRST).phase == Phase.ACCEPTED
    assert (tokens.asked, len(served.seen)) == ([False, True], 2)
    assert served.seen[0].body == served.seen[1].body


def test_a_renewed_token_counts_for_reading_too(served: Served, client: Client) -> None:
    served.says = {"GET": wants("two", Answer("the log"))}
    assert b"".join(client(auth=Bearer(Tokens("one", "two"))).read("/x")) == b"the log"


def test_a_token_that_stays_refused_is_a_denial(served: Served, client: Client) -> None:
    served.says = {"GET": Answer('{"error": "Unauthorized"}', 401)}
    with pytest.raises(AccessDeniedError, match="Unauthorized"):
        client(auth=Bearer(Tokens("one", "two"))).session(FIRST)
    assert len(served.seen) == 2


def test_many_threads_renew_a_token_once(served: Served, client: Client) -> None:
    tokens = Tokens("one", "two", "three")
    served.says = {"GET": wants("two", told("RUNNING"))}
    broker = client(auth=Bearer(tokens))
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: broker.session(FIRST).phase, range(64)))
    assert found == [Phase.RUNNING] * 64
    assert tokens.asked == [False, True]


@pytest.mark.parametrize("token", ["", f"{SECRET}\r\nX: y", f"{SECRET} y", "é" + SECRET, "\x00"])
def test_what_is_no_token_is_neither_sent_nor_shown(served: Served, client: Client, token: str) -> None:
    with pytest.raises(AccessDeniedError) as denied:
        client(auth=Bearer(lambda _: token)).session(FIRST)
    assert SECRET not in "".join(traceback.format_exception(denied.value))
    assert served.seen == []


def test_another_host_gets_no_credentials(served: Served, client: Client) -> None:
    with serving({"GET": Answer("product")}) as other:
        assert b"".join(client(auth=BASIC).read(f"{other.url}/x")) == b"product"
    assert "authorization" not in other.seen[0].headers


def test_another_host_that_wants_credentials_gets_none(served: Served, client: Client) -> None:
    with serving({"GET": Answer("", 401)}) as other, pytest.raises(AccessDeniedError):
        list(client(auth=Bearer(constant)).read(f"{other.url}/x"))
    assert len(other.seen) == 1
    assert "authorization" not in other.seen[0].headers


def test_a_redirect_of_a_product_to_another_host_takes_no_credentials(served: Served, client: Client) -> None:
    with serving({"GET": Answer("product")}) as other:
        served.says = {"GET": Answer("", 302, {"Location": f"{other.url}/x"})}
        assert b"".join(client(auth=BASIC).read("/x")) == b"product"
    assert "authorization" not in other.seen[0].headers


def test_a_foreign_location_of_an_answer_is_not_asked(served: Served, client: Client) -> None:
    with serving() as other:
        served.says = {"POST": made(offers(session("OFFERED")), host=other.url)}
        client(auth=BASIC).request_offers(program("true"))
    assert other.seen == []


@pytest.fixture
def logs() -> Iterator[list[str]]:
    """Everything that any logger says at any level."""
    found: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(f"{record.getMessage()} {record.args} {record.exc_info}")

    names = ["", "httpx", "httpcore", "httpcore.connection", "httpcore.http11", "httpcore.proxy"]
    before = {name: logging.getLogger(name).level for name in names}
    keeper = Keeper(0)
    logging.getLogger().addHandler(keeper)
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield found
    logging.getLogger().removeHandler(keeper)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("auth", [BASIC, Bearer(constant)])
def test_no_secret_reaches_a_log_or_an_error(
    served: Served, client: Client, logs: list[str], auth: Basic | Bearer
) -> None:
    def echo(seen: Seen) -> Answer:
        return Answer(f'{{"message": "{seen.headers["authorization"]} {SECRET}"}}', 500)

    served.says = {
        "GET": echo,
        "POST": [Answer("", 401), Answer(status=302, headers={"Location": "http://x"})],
    }
    broker = client(auth=auth, network=Network(proxy=None))
    shown = [repr(broker), repr(auth), repr(broker.__reduce__())]
    for verb in (broker.session, broker.accept, broker.cancel):
        with pytest.raises(EBError) as wrong:
            verb(FIRST)
        shown.append("".join(traceback.format_exception(wrong.value)))
    text = "\n".join([*shown, *logs])
    encoded = HEADER.partition(" ")[2]
    assert len(logs) > 10
    assert (text.count(SECRET), text.count(encoded)) == (0, 0)


def everything() -> dict[str, Any]:
    return {"auth": Bearer(constant), "dialect": Dialect.A, "name": "spsrc", "timeout": 7.0}


def test_a_broker_can_be_pickled(served: Served, client: Client) -> None:
    served.says = {"GET": wants(SECRET, told("RUNNING"))}
    broker = client(**everything())
    broker.session(FIRST)
    with pickle.loads(pickle.dumps(broker)) as again:
        assert again.session(FIRST).phase == Phase.RUNNING
        assert again.identity == broker.identity


def test_a_closed_broker_opens_again(served: Served, client: Client) -> None:
    served.says = {"GET": told("RUNNING")}
    broker = client()
    broker.close()
    broker.session(FIRST)
    broker.close()
    assert broker.session(FIRST).phase == Phase.RUNNING
