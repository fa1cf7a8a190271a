# SPDX-License-Identifier: Apache-2.0
"""Answers that are lost, cut, slow or too large, and servers that are busy."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpcore
import httpx
import pytest

from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.brokers.http.exchange import BROKEN
from eb_prefect.errors import (
    BrokerUnavailableError,
    EBError,
    NotABrokerError,
    UnknownSessionError,
    UnusableAnswerError,
)
from eb_prefect.model.phase import Phase
from eb_prefect.wire.limits import MAX_BYTES
from tests.brokers.embedded.bench import program
from tests.brokers.http.conftest import Client
from tests.brokers.http.served import FIRST, Answer, Served, offers, session, text, told

VERBS: list[Callable[[HTTPBroker], object]] = [
    lambda broker: broker.session(FIRST),
    lambda broker: broker.changed(FIRST, None),
    lambda broker: broker.accept(FIRST),
    lambda broker: broker.cancel(FIRST),
    lambda broker: broker.request_offers(program("true")),
    lambda broker: list(broker.read("/x")),
]
each_verb = pytest.mark.parametrize(
    "verb", VERBS, ids=["session", "changed", "accept", "cancel", "ask", "read"]
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def sends(*pieces: bytes, every: float = 0.0) -> Answer:
    """Return the answer of these bytes, after which the socket is closed."""

    def play(peer: socket.socket) -> None:
        try:
            for piece in pieces:
                peer.sendall(piece)
                time.sleep(every)
        except OSError:
            pass  # the client has had enough

    return Answer(play=play)


def all_say(served: Served, answer: Answer) -> None:
    served.says = {"GET": answer, "POST": answer}


LOST = {
    "nothing": sends(),
    "half a line": sends(b"HTTP/1.1 20"),
    "half the headers": sends(HEAD),
    "half the body": sends(HEAD + b"Content-Length: 100\r\n\r\n{"),
    "half a chunk": sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\n8\r\n{"),
    "no HTTP": sends(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a broken header": sends(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),
    "two lengths": sends(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}"),
    "half a gzip": sends(HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 999)[:20]),
}


@each_verb
@pytest.mark.parametrize("answer", LOST.values(), ids=LOST)
def test_a_lost_answer_means_later(
    served: Served, client: Client, verb: Callable[[HTTPBroker], object], answer: Answer
) -> None:
    all_say(served, answer)
    with pytest.raises(BrokerUnavailableError):
        verb(client())


@each_verb
def test_a_server_that_is_not_there_means_later(client: Client, verb: Callable[[HTTPBroker], object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(BrokerUnavailableError, match="refused"):
        verb(client(f"http://127.0.0.1:{port}"))


@contextmanager
def for_the_last_time(*answers: bytes) -> Iterator[str]:
    """Serve one connection, which ends after these answers, and no other; yield the address."""

    def serve() -> None:
        peer, _ = listener.accept()
        listener.close()
        with peer:
            for answer in answers:
                peer.recv(65536)
                peer.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=serve)
        thread.start()
        yield url
        thread.join()


EMPTY = b"Content-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    "answers",
    [[b"HTTP/1.1 503 Busy\r\n" + EMPTY], [b"HTTP/1.1 404 Not Found\r\n" + EMPTY, b""]],
    ids=["by a proxy", "on a connection that was kept open"],
)
def test_an_accept_says_whether_it_can_have_been_done(client: Client, answers: list[bytes]) -> None:
    with for_the_last_time(*answers) as url:
        broker = client(url)
        if len(answers) > 1:
            with pytest.raises(UnknownSessionError):
                broker.session(FIRST)
        with pytest.raises(BrokerUnavailableError) as sent:
            broker.accept(FIRST)
    with pytest.raises(BrokerUnavailableError) as unsent:
        broker.accept(FIRST)
    assert (sent.value.is_unsent, unsent.value.is_unsent) == (False, True)


def test_an_accept_whose_answer_was_lost_is_repeated_safely(served: Served, client: Client) -> None:
    served.says = {"POST": [sends(), told("PREPARING")]}
    broker = client()
    with pytest.raises(BrokerUnavailableError):
        broker.accept(FIRST)
    assert broker.accept(FIRST).phase == Phase.PREPARING


DRIPS = {
    "in the body": [HEAD + b"\r\n", *[b" "] * 99],
    "in the headers": [HEAD, *[b"X: y\r\n"] * 99],
    "in the status": [bytes([byte]) for byte in HEAD],
    "before the status": [b"HTTP/1.1 100 Continue\r\n\r\n"] * 99,
}


@each_verb
@pytest.mark.parametrize("where", DRIPS)
def test_an_answer_that_drips_ends_in_time(
    served: Served, client: Client, verb: Callable[[HTTPBroker], object], where: str
) -> None:
    # a product may be of any size, so only its headers have to come in time
    pieces = DRIPS["in the headers" if verb is VERBS[-1] and where == "in the body" else where]
    all_say(served, sends(*pieces, every=0.02))
    started = time.monotonic()
    with pytest.raises(BrokerUnavailableError):
        verb(client(timeout=0.3))
    assert time.monotonic() - started < 1.5


def test_a_product_may_drip(served: Served, client: Client) -> None:
    served.says = {"GET": sends(HEAD + b"\r\n", *[b" "] * 30, every=0.02)}
    assert b"".join(client(timeout=0.3).read("/x")) == b" " * 30


@each_verb
def test_a_silent_server_is_left(
    served: Served, client: Client, verb: Callable[[HTTPBroker], object]
) -> None:
    silent = Answer(play=lambda peer: served.stopped.wait(5) and None)
    all_say(served, silent)
    with pytest.raises(BrokerUnavailableError, match="timed out"):
        verb(client(timeout=0.2))
    served.stopped.set()


def test_a_stream_that_falls_silent_is_left(served: Served, client: Client) -> None:
    def play(peer: socket.socket) -> None:
        peer.sendall(HEAD + b"Content-Length: 10\r\n\r\nhalf")
        served.stopped.wait(5)

    served.says = {"GET": Answer(play=play)}
    pieces = client(timeout=0.3).read("/x")
    assert next(pieces) == b"half"
    with pytest.raises(BrokerUnavailableError):
        next(pieces)
    served.stopped.set()


@pytest.mark.parametrize("packed", [False, True])
def test_a_document_without_an_end_is_unusable(served: Served, client: Client, packed: bool) -> None:
    body = b" " * (MAX_BYTES + 1)
    headers = {"Content-Encoding": "gzip"} if packed else {}
    served.says = {"GET": Answer(gzip.compress(body) if packed else body, headers=headers)}
    with pytest.raises(UnusableAnswerError, match="larger than 16 MiB"):
        client().session(FIRST)


def test_a_large_document_is_read(served: Served, client: Client) -> None:
    parts = [
        {"kind": "data/simple-data-resource", "name": f"frame-{n}", "location": "x"} for n in range(5000)
    ]
    served.says = {"GET": told("RUNNING", data=parts)}
    assert len(client().session(FIRST).data) == 5000


def test_a_packed_document_is_read(served: Served, client: Client) -> None:
    body = gzip.compress(text(session("RUNNING")).encode())
    served.says = {"GET": Answer(body, headers={"Content-Encoding": "GZIP"})}
    assert client().session(FIRST).phase == Phase.RUNNING
    assert served.seen[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x" * 900])
def test_a_document_packed_in_another_way_is_unusable(served: Served, client: Client, encoding: str) -> None:
    served.says = {"GET": Answer("{}", headers={"Content-Encoding": encoding})}
    with pytest.raises(UnusableAnswerError, match="encoding"):
        client().session(FIRST)


def test_an_empty_body_that_is_called_packed_is_empty(served: Served, client: Client) -> None:
    served.says = {"GET": Answer(status=404, headers={"Content-Encoding": "gzip"})}
    with pytest.raises(UnknownSessionError):
        client().session(FIRST)


def test_a_broken_gzip_is_unusable(served: Served, client: Client) -> None:
    served.says = {"GET": Answer("{}", headers={"Content-Encoding": "gzip"})}
    with pytest.raises(UnusableAnswerError, match="gzip"):
        client().session(FIRST)


@each_verb
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_a_busy_server_says_when_to_come_back(
    served: Served, client: Client, verb: Callable[[HTTPBroker], object], status: int
) -> None:
    all_say(served, Answer("", status, {"Retry-After": "17"}))
    with pytest.raises(BrokerUnavailableError, match=str(status)) as busy:
        verb(client())
    assert busy.value.retry_after == 17


@pytest.mark.parametrize(("value", "due"), [("0", 0.0), ("1.5", 1.5), ("120", 120.0), ("999999999", 86400.0)])
def test_retry_after_is_seconds(served: Served, client: Client, value: str, due: float) -> None:
    served.says = {"GET": Answer("", 429, {"Retry-After": value})}
    with pytest.raises(BrokerUnavailableError) as busy:
        client().session(FIRST)
    assert busy.value.retry_after == due


@pytest.mark.parametrize(("after", "due"), [(1000, 1000), (-1000, 0)])
def test_retry_after_is_a_date(served: Served, client: Client, after: int, due: int) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=after), usegmt=True)
    served.says = {"GET": Answer("", 429, {"Retry-After": date})}
    with pytest.raises(BrokerUnavailableError) as busy:
        client().session(FIRST)
    assert busy.value.retry_after == pytest.approx(due, abs=20)


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "1e9", "inf", "", "Mon, 99 Foo 2026"])
def test_a_retry_after_that_says_nothing_is_none(served: Served, client: Client, value: str) -> None:
    served.says = {"GET": Answer("", 503, {"Retry-After": value})}
    with pytest.raises(BrokerUnavailableError) as busy:
        client().session(FIRST)
    assert busy.value.retry_after is None


def exceptions(module: object, base: type[BaseException]) -> set[type[BaseException]]:
    found = {thing for thing in vars(module).values() if isinstance(thing, type)}
    return {thing for thing in found if issubclass(thing, base)}


def test_whatever_a_connection_can_raise_has_a_counterpart() -> None:
    assert {kind for kind in exceptions(httpcore, Exception) if not issubclass(kind, BROKEN)} == set()


def test_httpx_knows_no_failure_that_its_engine_does_not() -> None:
    names = {kind.__name__ for kind in exceptions(httpx, httpx.TransportError)}
    ours = {kind.__name__ for kind in exceptions(httpcore, Exception)}
    assert names - ours - {"TransportError", "CloseError"} == set()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker.example.org",
        "ftp://x/",
        "http://",
        "http://[",
        "http://a..b/",
        "http://x:99999/",
        "http://x y/",
        f"http://{'x' * 70}.org",
    ],
)
def test_a_url_that_is_none_is_told_at_once(url: str) -> None:
    with pytest.raises(NotABrokerError):
        HTTPBroker(url)


def test_a_host_that_does_not_resolve_means_later(client: Client) -> None:
    with pytest.raises(BrokerUnavailableError):
        client("http://broker.invalid").session(FIRST)


def test_an_error_tells_what_the_server_says(served: Served, client: Client) -> None:
    served.says = {"GET": Answer('{"message": "the database\\nis away", "error": "x"}', 500)}
    with pytest.raises(EBError, match="500 Internal Server Error: the database is away"):
        client().session(FIRST)


def test_all_verbs_work_from_many_threads(served: Served, client: Client) -> None:
    served.says = {"GET": told("RUNNING"), "POST": Answer(text(offers(session("OFFERED"))), 303)}
    broker = client()
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: broker.session(FIRST).phase, range(200)))
    assert found == [Phase.RUNNING] * 200
