# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as far as brokers' clients need it: one request in, one answer out.

Small on purpose: a server that misbehaves on demand must write each byte
itself, and one that is the peer of a benchmark must cost little.
"""

import json
from dataclasses import dataclass, field
from functools import cached_property
from http.client import responses
from io import BufferedIOBase
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from eb_prefect.wire.limits import MAX_BYTES

_MAX_LINE = 65_536
_MAX_HEADERS = 200


class Asked(NamedTuple):
    """A request; the names of its headers are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def is_kept_alive(self) -> bool:
        """Whether the client wants to go on with the connection."""
        return self.headers.get("connection", "").lower() != "close"


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def head(self, length: int | None) -> bytes:
        """Return status line and headers; the body has no end if it has no length."""
        lines = [f"HTTP/1.1 {self.status} {responses.get(self.status, 'Unknown')}"]
        if self.body:
            lines.append(f"Content-Type: {self.content_type}")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    @cached_property
    def whole(self) -> bytes:
        """All bytes of it, made once."""
        return self.head(len(self.body)) + self.body


def json_answer(document: Any, status: int = 200) -> Answer:
    """Return the plain value as an answer."""
    return Answer(status, json.dumps(document).encode())


class MalformedError(Exception):
    """What came is no request of HTTP/1.1, or a larger one than any client's."""


def read_asked(stream: BufferedIOBase, connection: Any) -> Asked | None:
    """Return the next request on a connection; None when there is none any more.

    Raises
    ------
    MalformedError
        It is none that can be understood.
    OSError
        The client broke off.
    """
    line = stream.readline(_MAX_LINE)
    if line in (b"\r\n", b"\n"):
        line = stream.readline(_MAX_LINE)
    if not line:
        return None
    words = line.decode("latin-1").split()
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise MalformedError(f"{line!r} is no request line")
    headers = _headers(stream)
    if "100-continue" in headers.get("expect", "").lower():
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if words[2] == "HTTP/1.0":
        headers.setdefault("connection", "close")
    target = urlsplit(words[1])
    return Asked(words[0], target.path, target.query, headers, _body(stream, headers))


def _headers(stream: BufferedIOBase) -> dict[str, str]:
    found: dict[str, str] = {}
    for _ in range(_MAX_HEADERS):
        line = stream.readline(_MAX_LINE)
        if line in (b"\r\n", b"\n", b""):
            return found
        name, _, value = line.decode("latin-1").partition(":")
        found[name.strip().lower()] = value.strip()
    raise MalformedError("it has too many headers")


def _body(stream: BufferedIOBase, headers: dict[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return _chunks(stream)
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or int(length) > MAX_BYTES:
        raise MalformedError(f"its length is {length}")
    return stream.read(int(length)) if length != "0" else b""


def _chunks(stream: BufferedIOBase) -> bytes:
    body = bytearray()
    while size := _chunk_size(stream):
        if len(body) + size > MAX_BYTES:
            raise MalformedError("it is too large")
        body += stream.read(size)
        stream.readline(_MAX_LINE)
    while stream.readline(_MAX_LINE) not in (b"\r\n", b"\n", b""):
        pass
    return bytes(body)


def _chunk_size(stream: BufferedIOBase) -> int:
    text = stream.readline(_MAX_LINE).partition(b";")[0].strip()
    try:
        return int(text, 16)
    except ValueError:
        raise MalformedError(f"{text!r} is no size of a chunk") from None
