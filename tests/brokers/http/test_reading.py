# SPDX-License-Identifier: Apache-2.0
"""Streams and products."""

import base64
import gzip
import hashlib
import socket

import pytest

from eb_prefect.brokers.protocol import Noticing, Remote
from eb_prefect.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    OutputGoneError,
    UnusableAnswerError,
)
from eb_prefect.pace import REMOTE, Pace, Paced, pace_of
from eb_prefect.wire.limits import MAX_BYTES
from tests.brokers.http.conftest import Client
from tests.brokers.http.served import FIRST, Answer, Saying, Seen, Served, serving, told

AT = f"/sessions/{FIRST}"


def test_a_broker_over_http_says_what_it_can(client: Client) -> None:
    broker = client()
    assert isinstance(broker, Remote)
    assert isinstance(broker, Noticing)
    assert isinstance(broker, Paced)
    assert pace_of(broker) == REMOTE
    assert pace_of(client(pace=Pace(1, 2, 3))) == Pace(1, 2, 3)


def test_a_broker_is_named_by_its_address(client: Client) -> None:
    identity = client("http://broker.example.org:8082/eb/B2/").identity
    assert (identity.kind, identity.name) == ("http", "broker.example.org:8082/eb/B2")
    assert identity.url == "http://broker.example.org:8082/eb/B2"
    assert client("http://x", name="spsrc").identity.name == "spsrc"


def test_a_product_is_larger_than_any_document(served: Served, client: Client) -> None:
    body = bytes(range(256)) * (MAX_BYTES // 256 + 7)
    served.says = {"GET /x": Answer(body)}
    assert b"".join(client().read(f"{served.url}/x")) == body
    assert served.seen[0].headers["accept-encoding"] == "identity"


def test_a_packed_product_is_unpacked(served: Served, client: Client) -> None:
    body = gzip.compress(b"first ") + gzip.compress(b"second")
    served.says = {"GET": Answer(body, headers={"Content-Encoding": "gzip"})}
    assert b"".join(client().read("/x")) == b"first second"


def test_a_location_may_be_relative(served: Served, client: Client) -> None:
    served.says = {"GET /logs/a?b=c": Answer("here")}
    assert b"".join(client(f"{served.url}/b").read("/logs/a?b=c")) == b"here"


@pytest.mark.parametrize("status", [204, 404, 410])
def test_what_is_not_there_is_gone(served: Served, client: Client, status: int) -> None:
    served.says = {"GET": Answer("", status)}
    with pytest.raises(OutputGoneError, match=str(status)):
        list(client().read("/x"))


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "s3://bucket/x", "http://", "http://[", "data:,x"]
)
def test_what_can_not_be_read_over_http_is_gone(client: Client, location: str) -> None:
    with pytest.raises(OutputGoneError):
        list(client().read(location))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (503, BrokerUnavailableError),
        (418, UnusableAnswerError),
    ],
)
def test_other_answers_are_told(served: Served, client: Client, status: int, error: type[Exception]) -> None:
    served.says = {"GET": Answer("", status)}
    with pytest.raises(error):
        list(client().read("/x"))


def test_a_circle_of_redirects_ends(served: Served, client: Client) -> None:
    served.says = {"GET": Answer("", 302, {"Location": "/x"})}
    with pytest.raises(UnusableAnswerError, match="nowhere"):
        list(client().read("/x"))


def test_what_is_below_a_session_is_asked_of_the_broker_itself(served: Served, client: Client) -> None:
    served.says = {f"GET /b{AT}/docker/stdout-get": Answer("the log")}
    inside = f"http://broker-internal.invalid:8082{AT}/docker/stdout-get"
    assert b"".join(client(f"{served.url}/b").read(inside)) == b"the log"


def test_what_the_broker_has_not_is_asked_of_the_host_that_it_names(served: Served, client: Client) -> None:
    with serving({"GET": Answer("product")}) as other:
        assert b"".join(client().read(f"{other.url}/store{AT}/x")) == b"product"
    assert served.asked == [f"GET {AT}/x"]


def test_a_reader_that_stops_early_leaves_the_broker_usable(served: Served, client: Client) -> None:
    served.says = {"GET": told("RUNNING"), "GET /x": Answer(b"x" * 10_000_000)}
    broker = client()
    for _ in range(3):
        pieces = broker.read("/x")
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
    assert broker.session(FIRST).phase == "RUNNING"


def digest_of(body: bytes) -> dict[str, str]:
    value = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return {"Repr-Digest": f"sha-512=:AAAA:, sha-256=:{value}:"}


def test_what_is_the_digest_that_was_told_is_read(served: Served, client: Client) -> None:
    served.says = {"GET": Answer(b"stars", headers=digest_of(b"stars"))}
    assert b"".join(client().read("/x")) == b"stars"


def test_what_is_not_the_digest_that_was_told_did_not_arrive(served: Served, client: Client) -> None:
    served.says = {"GET": Answer(b"starz", headers=digest_of(b"stars"))}
    with pytest.raises(BrokerUnavailableError, match="'/x' did not arrive as it was sent"):
        list(client().read("/x"))


@pytest.mark.parametrize("told", ["", "sha-256=:AAAA:", "sha-256=:?:", "sha-512=:AAAA:", "x"])
def test_a_digest_that_can_not_be_read_is_none(served: Served, client: Client, told: str) -> None:
    served.says = {"GET": Answer(b"stars", headers={"Repr-Digest": told})}
    assert b"".join(client().read("/x")) == b"stars"


def test_a_digest_of_what_is_packed_is_not_taken_for_that_of_the_whole(
    served: Served, client: Client
) -> None:
    packed = gzip.compress(b"stars")
    served.says = {"GET": Answer(packed, headers={"Content-Encoding": "gzip", **digest_of(packed)})}
    assert b"".join(client().read("/x")) == b"stars"


def test_less_than_the_length_that_was_told_did_not_arrive(served: Served, client: Client) -> None:
    def cut(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstars")

    served.says = {"GET": Answer(play=cut)}
    with pytest.raises(BrokerUnavailableError):
        list(client().read("/x"))


def part_of(body: bytes) -> Saying:
    """A server that sends parts; ours is asked for what follows an offset only."""

    def answer(seen: Seen) -> Answer:
        begins = int(seen.headers["range"].removeprefix("bytes=").removesuffix("-"))
        if begins >= len(body):
            return Answer(status=416, headers={"Content-Range": f"bytes */{len(body)}"})
        told = {"Content-Range": f"bytes {begins}-{len(body) - 1}/{len(body)}"}
        return Answer(body[begins:], 206, told)

    return answer


@pytest.mark.parametrize(("offset", "rest"), [(2, b"ars"), (5, b""), (9, b"")])
def test_what_was_read_before_is_not_sent_again(
    served: Served, client: Client, offset: int, rest: bytes
) -> None:
    served.says = {"GET": part_of(b"stars")}
    assert b"".join(client().read_from("/x", offset)) == rest


@pytest.mark.parametrize(("offset", "rest"), [(0, b"stars"), (2, b"ars"), (9, b"")])
def test_a_server_that_sends_no_parts_is_read_again(
    served: Served, client: Client, offset: int, rest: bytes
) -> None:
    served.says = {"GET": Answer(b"stars")}
    assert b"".join(client().read_from("/x", offset)) == rest
    assert ("range" in served.seen[0].headers) == (offset > 0)


def test_another_part_than_was_asked_for_is_not_taken(served: Served, client: Client) -> None:
    served.says = {"GET": Answer(b"stars", 206, {"Content-Range": "bytes 0-4/5"})}
    with pytest.raises(UnusableAnswerError):
        list(client().read_from("/x", 2))
