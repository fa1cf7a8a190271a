# SPDX-License-Identifier: Apache-2.0
"""What faulty servers, proxies and networks do to answers and connections."""

import socket
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat
from threading import Event, Lock
from typing import Final

from eb_prefect.testing.exchange import Answer, Asked
from eb_prefect.testing.faults import NONE, Faults
from eb_prefect.testing.paths import Route
from eb_prefect.testing.writing import error

_COUNTED: Final = (
    "too_many",
    "unavailable",
    "empty_bodies",
    "garbled_bodies",
    "dropped_before",
    "dropped_after",
    "cut_bodies",
    "not_http",
    "silent",
)
_PAGE = b"<!DOCTYPE html>\n<html><head><title>%d</title></head><body><h1>nginx</h1></body></html>\n"
_GARBLED = b"\xff\xfe\x00{]" + bytes(range(128, 256)) * 8
_PIECE = 65_536


class Misbehaviour:
    """One value of `Faults` in force, with what is left of its numbers; for any thread."""

    def __init__(self, faults: Faults, stopping: Event) -> None:
        self.faults = faults
        self.is_none = faults == NONE
        self._stopping = stopping
        self._left = {name: getattr(faults, name) for name in _COUNTED}
        self._lock = Lock()

    def takes(self, name: str) -> bool:
        """Return whether it is one of the next so many, and count it."""
        with self._lock:
            left: int = self._left[name]
            self._left[name] = max(left - 1, 0)
        return left > 0

    def keeps_silent(self) -> bool:
        """Say nothing until the server stops, if it is one of those to be silent about."""
        return self.takes("silent") and self._stopping.wait()

    def instead(self, asked: Asked, to: Route) -> Answer | None:
        """Return what is answered in place of what was asked for; None to do that."""
        if self.faults.proxy_page:
            return Answer(self.faults.proxy_page, _PAGE % self.faults.proxy_page, "text/html")
        return self._storm(asked) or self._refusal(asked, to)

    def _storm(self, asked: Asked) -> Answer | None:
        for name, status in (("too_many", 429), ("unavailable", 503)):
            if self.takes(name):
                after = self.faults.retry_after
                refusal = error(status, asked, self.faults)
                return replace(refusal, headers={"Retry-After": after} if after else {})
        return None

    def _refusal(self, asked: Asked, to: Route) -> Answer | None:
        faults = self.faults
        stale = f"Bearer {faults.stale_token}" if faults.stale_token else ""
        if stale and asked.headers.get("authorization") == stale:
            return Answer(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        if to.verb == "session" and faults.redirects_for_ever:
            return Answer(307, headers={"Location": asked.path})
        statuses = {
            "update": 403 if faults.forbidden else 0,
            "direct": 500 if faults.direct_fails else 400 if faults.bare_400 else 0,
            "request_offers": 400 if faults.bare_400 else 0,
        }
        status = statuses.get(to.verb, 0)
        if status == 403:
            return Answer(status)
        return error(status, asked, faults) if status else None

    def spoilt(self, answer: Answer) -> Answer:
        """Return the answer with what the faults make of its body and headers."""
        body, kind, headers = answer.body, answer.content_type, dict(answer.headers)
        if self.takes("empty_bodies"):
            body = b""
        if self.takes("garbled_bodies"):
            body = _GARBLED
        if self.faults.gzip_bomb:
            body = _compressed(body, self.faults.gzip_bomb)
            headers["Content-Encoding"] = "gzip"
        return Answer(answer.status, body, self.faults.content_type or kind, headers)

    def send(self, answer: Answer, connection: socket.socket) -> bool:
        """Send the answer, whole or not; return whether the connection can be used again."""
        if self.takes("not_http"):
            connection.sendall(b"220 ftp.example.org ready\r\n")
            return False
        if answer.body and self.takes("cut_bodies"):
            connection.sendall(answer.head(len(answer.body)) + answer.body[: len(answer.body) // 2])
            return False
        if self.faults.endless:
            return self._send_for_ever(answer, connection)
        if self.faults.drip:
            self._drip(answer, connection)
        elif answer.body and self.faults.padded_to:
            self._pad(answer, connection)
        else:
            connection.sendall(answer.whole)
        return not self.faults.closes

    def late(self) -> None:
        """Wait as long as answers come late."""
        if self.faults.delay:
            self._stopping.wait(self.faults.delay)

    def _drip(self, answer: Answer, connection: socket.socket) -> None:
        connection.sendall(answer.head(len(answer.body)))
        for n in range(len(answer.body)):
            if self._stopping.wait(self.faults.drip):
                return
            connection.sendall(answer.body[n : n + 1])

    def _pad(self, answer: Answer, connection: socket.socket) -> None:
        blanks = max(self.faults.padded_to - len(answer.body), 0)
        connection.sendall(answer.head(len(answer.body) + blanks) + answer.body)
        for size in _pieces(blanks):
            connection.sendall(b" " * size)

    def _send_for_ever(self, answer: Answer, connection: socket.socket) -> bool:
        connection.sendall(answer.head(None) + answer.body)
        while not self._stopping.is_set():
            connection.sendall(b" " * _PIECE)
        return False


def _compressed(body: bytes, size: int) -> bytes:
    """Return gzip of the body with blanks up to a size, without ever holding all of it."""
    packer = zlib.compressobj(9, wbits=31)
    packed = [packer.compress(body)]
    packed += [packer.compress(b" " * piece) for piece in _pieces(max(size - len(body), 0))]
    return b"".join([*packed, packer.flush()])


def _pieces(size: int) -> Iterator[int]:
    whole, rest = divmod(size, _PIECE)
    yield from repeat(_PIECE, whole)
    if rest:
        yield rest


def reset(connection: socket.socket) -> None:
    """End a connection as a process that dies does: the client gets a reset, not an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
