# SPDX-License-Identifier: Apache-2.0
"""A limit on a whole exchange, however its bytes come.

A limit on each read alone lets a server hold a client for ever with a byte
now and then, in the headers as well as in the body. So the sockets
themselves look at the deadline that is in force for their thread.
"""

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore

_SLICE = 1 << 16


class _Deadline(threading.local):
    at: float | None = None
    connects: int = 0


_deadline = _Deadline()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let what this thread does over `BoundedBackend` end within so many seconds, or sooner if it has to."""
    before, at = _deadline.at, time.monotonic() + seconds
    _deadline.at = at if before is None else min(before, at)
    try:
        yield
    finally:
        _deadline.at = before


def connects() -> int:
    """Return how many connections this thread has begun to make over `BoundedBackend`."""
    return _deadline.connects


def _left(timeout: float | None) -> float | None:
    if _deadline.at is None:
        return timeout
    left = _deadline.at - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the answer took too long")
    return left if timeout is None else min(left, timeout)


class _BoundedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _SLICE):
            self._stream.write(buffer[start : start + _SLICE], _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _BoundedStream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class BoundedBackend(httpcore.NetworkBackend):
    """Sockets that keep the deadline of `within`."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect; the name is looked up without a limit, as the system does it."""
        _deadline.connects += 1
        try:
            stream = self._backend.connect_tcp(host, port, _left(timeout), local_address, socket_options)
        except UnicodeError as wrong:  # what the resolver says of a host that can't be
            raise httpcore.ConnectError(f"{host!r} is no host") from wrong
        return _BoundedStream(stream)
