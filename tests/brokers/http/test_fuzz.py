# SPDX-License-Identifier: Apache-2.0
"""Whatever a server sends, the client gives a value or one of our errors, and in time.

``EB_FUZZ`` is the number of answers; 100,000 take some minutes.
"""

import gzip
import os
import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.brokers.http.paths import is_identifier
from eb_prefect.errors import EBError
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.outputs import stream
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.text import parse, to_text
from tests.brokers.embedded.bench import program
from tests.brokers.http.conftest import Client
from tests.brokers.http.served import FIRST, OFFERS, Answer, Seen, Served
from tests.wire.damage import DOCUMENTS, damaged, damaged_bytes
from tests.wire.test_fixtures import FIXTURES

CASES = int(os.environ.get("EB_FUZZ", "2000"))
REAL = [parse(path.read_bytes()) for path in (*DOCUMENTS, *FIXTURES)]
TEXTS = [path.read_bytes() for path in (*DOCUMENTS, *FIXTURES)]
STATUSES = [200] * 12 + [303] * 4 + [201, 202, 204, 206, 302, 304, 400, 401, 404, 418, 429, 500, 503, 999]
HEADERS = [
    {},
    {"Location": f"/offersets/{OFFERS}"},
    {"Location": f"http://elsewhere.invalid/sessions/{FIRST}"},
    {"Location": "http://["},
    {"Location": f"/sessions/{FIRST}"},
    {"ETag": '"1"'},
    {"Retry-After": "x"},
    {"Content-Type": "text/html"},
    {"Content-Encoding": "gzip"},
    {"Content-Length": "3"},
    {"Repr-Digest": f"sha-256=:{'A' * 43}=:"},
]
VERBS: list[Callable[[HTTPBroker], Any]] = [
    lambda broker: broker.session(FIRST),
    lambda broker: broker.changed(FIRST, b"x" * 20),
    lambda broker: broker.accept(FIRST),
    lambda broker: broker.cancel(FIRST),
    lambda broker: broker.request_offers(program("true")),
    lambda broker: broker.execute(program("true")),
    lambda broker: b"".join(stream(broker, broker.session(FIRST), "stdout")),
]


def document(dice: random.Random) -> bytes:
    """Return a real document that came to harm; most are of the session that is asked for."""
    if dice.random() < 0.2:
        return damaged_bytes(dice.choice(TEXTS), dice)
    value = dice.choice(REAL)
    holder = "meta" if "meta" in value else None
    named = {"uuid": FIRST}
    value = value | ({holder: value[holder] | named} if holder else named)
    for _ in range(dice.randint(0, 3)):
        value = damaged(value, dice)
    return to_text(value, dice.choice(["json", "yaml"])).encode()


def raw(body: bytes, dice: random.Random) -> Answer:
    """Return an answer whose HTTP came to harm too."""
    head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n" % dice.choice(STATUSES)
    length = b"Content-Length: %d\r\n\r\n" % (len(body) + dice.choice([0, 0, -1, 1]))
    text = damaged_bytes(head + length, dice) + body

    def play(peer: socket.socket) -> None:
        with suppress(OSError):  # the client may have seen enough
            peer.sendall(text)

    return Answer(play=play)


def answer(dice: random.Random) -> Answer:
    body = document(dice)
    if dice.random() < 0.1:
        return raw(body, dice)
    headers = dice.choice(HEADERS)
    if "Content-Encoding" in headers and dice.random() < 0.8:
        body = gzip.compress(body)
    if "Content-Length" in headers:
        body = body[:3]
    return Answer(body, dice.choice(STATUSES), headers)


def sound(value: Any) -> bool:
    """Return whether a value keeps what the verbs promise."""
    if isinstance(value, OfferSet):
        said = [message for message in value.messages if message.text]
        is_open = any(offer.phase == Phase.OFFERED for offer in value.offers)
        return is_open if value.result == "YES" else value.result == "NO" and bool(said)
    if isinstance(value, Session):
        return bool(value.neutral()) and is_identifier(value.uuid)
    return True


@pytest.mark.timeout(3600)
def test_any_answer_gives_a_value_or_an_error_of_ours(served: Served, client: Client) -> None:
    dice = random.Random(int(os.environ.get("EB_FUZZ_SEED", "1")))

    def say(_: Seen) -> Answer:
        return answer(dice)

    served.says = {"GET": say, "POST": say}
    brokers = [client(dialect=dialect, timeout=3) for dialect in (*Dialect, None) if dialect != Dialect.A0]
    for n in range(CASES):
        verb, broker = dice.choice(VERBS), dice.choice(brokers)
        started, served.seen = time.monotonic(), []
        with suppress(EBError):
            assert sound(verb(broker)), n
        assert time.monotonic() - started < 20, n
