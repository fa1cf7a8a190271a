# SPDX-License-Identifier: Apache-2.0
"""A proxy on loopback that loses one message between a client and a server."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import count
from urllib.parse import urlsplit

from tests.brokers.http.served import Answer, Seen, Served, serving

_HOPS = ("connection", "transfer-encoding")
LOSSES = ("request", "answer", "half the answer")


@contextmanager
def losing(upstream: str, what: str, number: int) -> Iterator[Served]:
    """Pass everything on, but lose something of the request of a number, counted from 1, and hang up."""
    numbers = count(1)

    def passed_on(seen: Seen) -> Answer:
        is_lost = next(numbers) == number
        if is_lost and what == "request":
            return Answer(play=lambda _: None)
        answer = asked(upstream, seen)
        if is_lost:
            return Answer(play=lambda client: told_half(client, answer if what != "answer" else None))
        return answer

    with serving({"GET": passed_on, "POST": passed_on}) as served:
        yield served


def asked(upstream: str, seen: Seen) -> Answer:
    connection = HTTPConnection(urlsplit(upstream).netloc, timeout=10)
    try:
        connection.request(seen.method, seen.path, seen.body or None, seen.headers)
        reply = connection.getresponse()
        headers = {name: text for name, text in reply.getheaders() if name.lower() not in _HOPS}
        body = reply.read()
        return Answer(body, reply.status, headers | {"Content-Length": str(len(body))})
    finally:
        connection.close()


def told_half(client: socket.socket, answer: Answer | None) -> None:
    if answer is None:
        return
    assert isinstance(answer.body, bytes)
    head = f"HTTP/1.1 {answer.status} Said\r\n" + "".join(
        f"{name}: {text}\r\n" for name, text in answer.headers.items()
    )
    client.sendall(head.encode() + b"\r\n" + answer.body[: len(answer.body) // 2])
