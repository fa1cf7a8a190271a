# SPDX-License-Identifier: Apache-2.0
"""One request and its answer over the wire: the only place where anything is sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpcore

from eb_prefect.brokers.http.address import Address
from eb_prefect.brokers.http.bodies import BodyError, CutBodyError, whole
from eb_prefect.brokers.http.deadline import connects, within
from eb_prefect.brokers.http.pool import Pool
from eb_prefect.errors import AnswerLostError, BrokerUnavailableError, EBError, UnusableAnswerError
from eb_prefect.wire.limits import MAX_BYTES

UNSENT = (
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpcore.PoolTimeout,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
)
"""What goes wrong before anything was sent."""

BROKEN = (*UNSENT, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)
"""Whatever can go wrong with a connection."""

Headers = list[tuple[bytes, bytes]]


class Outgoing(NamedTuple):
    """A request, and whether it may be sent again if its answer is lost."""

    method: bytes
    at: Address
    headers: Headers
    body: bytes = b""
    repeatable: bool = True


class Reply(NamedTuple):
    """What came back; the names of headers are in lower case."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    def header(self, name: bytes) -> str:
        """Return a header's value, empty if there is none."""
        return self.headers.get(name, b"").decode("latin-1").strip()


class Exchange:
    """Requests of one client, each with a limit in seconds on the whole of it."""

    def __init__(self, name: str, pool: Pool, timeout: float) -> None:
        self._name = name
        self._pool = pool
        self._timeout = timeout
        each = dict.fromkeys(("connect", "read", "write", "pool"), timeout)
        self._extensions: dict[str, Any] = {"timeout": each}

    def reply(self, request: Outgoing) -> Reply:
        """Return the answer; redirects are answers like others.

        Servers and proxies end connections that were kept open too long, and a
        request on its way then gets no answer: it is sent once more, if it may be.

        Raises
        ------
        BrokerUnavailableError
            There was none, or it broke off.
        AnswerLostError
            The same, where the request was sent and may not be repeated.
        UnusableAnswerError
            It is too large, or packed in a way that was not asked for.
        """
        with within(self._timeout):
            before = connects()
            try:
                return self._reply(request)
            except BrokerUnavailableError:
                if connects() != before or not request.repeatable:
                    raise
            try:
                return self._reply(request)
            except BrokerUnavailableError as error:
                error.is_unsent = False  # it was sent the first time
                raise

    def _reply(self, request: Outgoing) -> Reply:
        with self.opened(request) as response:
            headers = {name.lower(): value for name, value in response.headers}
            body = whole(response.iter_stream(), encoding_of(headers), MAX_BYTES)
            return Reply(response.status, headers, body)

    @contextmanager
    def opened(self, request: Outgoing) -> Iterator[httpcore.Response]:
        """Give the answer when its headers are there; what goes wrong with its body is told as of `reply`.

        The limit is then one on each silence.
        """
        wire = httpcore.Request(
            request.method,
            request.at.wire(),
            headers=request.headers,
            content=request.body or None,
            extensions=self._extensions,
        )
        try:
            with self._connections(request) as pool:
                with within(self._timeout):
                    response = pool.handle_request(wire)
                try:
                    yield response
                finally:
                    response.close()
        except BROKEN as wrong:
            raise self._lost(wrong, request) from wrong
        except CutBodyError as wrong:
            raise self._lost(wrong, request) from wrong
        except BodyError as wrong:
            raise UnusableAnswerError(self._name, str(wrong)) from wrong

    @contextmanager
    def _connections(self, request: Outgoing) -> Iterator[httpcore.ConnectionPool]:
        """Give connections that are kept open; a new one where a request can't be sent once more."""
        if request.repeatable:
            yield self._pool.to(request.at.origin)
            return
        with self._pool.fresh(request.at.origin) as pool:
            yield pool

    def _lost(self, wrong: Exception, request: Outgoing) -> EBError:
        reason = str(wrong) or type(wrong).__name__
        if request.repeatable or isinstance(wrong, UNSENT):
            return BrokerUnavailableError(self._name, reason, is_unsent=isinstance(wrong, UNSENT))
        return AnswerLostError(self._name, reason)


def encoding_of(headers: dict[bytes, bytes]) -> str:
    """Return how a body is packed, empty for not at all."""
    return headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
