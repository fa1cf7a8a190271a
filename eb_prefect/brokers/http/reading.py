# SPDX-License-Identifier: Apache-2.0
"""Streams and products: whatever a broker names by its location."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator

import httpcore

from eb_prefect.brokers.http.address import Address, address, shown
from eb_prefect.brokers.http.bodies import unpacked
from eb_prefect.brokers.http.connection import HOPS, REDIRECTS, Connection, authorised, headers_for
from eb_prefect.brokers.http.exchange import Outgoing, Reply, encoding_of
from eb_prefect.brokers.http.statuses import failure, unusable
from eb_prefect.brokers.offset import after
from eb_prefect.errors import BrokerUnavailableError, OutputGoneError, UnusableAnswerError

_EXCERPT = 4096
_OF_SESSION = re.compile(r"/sessions/([0-9a-fA-F-]{36})(/.+)")
_PART = re.compile(r"\s*bytes (\d{1,18})-")
_SHA256 = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):")


def read(
    connection: Connection, location: str, own: Callable[[str], str], offset: int = 0
) -> Iterator[bytes]:
    """Yield what is at the location after so many bytes; other hosts are asked without credentials.

    ``own`` is the path of a session below the broker's address. What a broker
    has below a session it is asked for there, whatever host it names: behind
    a proxy it does not know its own.
    """
    at = _resolved(connection, location, connection.address)
    if nearer := _below_own(connection, at, own):
        try:
            yield from _pieces(connection, location, nearer, offset)
        except OutputGoneError:
            yield from _pieces(connection, location, at, offset)
        return
    yield from _pieces(connection, location, at, offset)


def _below_own(connection: Connection, at: Address, own: Callable[[str], str]) -> Address | None:
    """Return where the broker itself would have it, if a foreign address may be its own."""
    found = _OF_SESSION.search(at.path)
    if at.origin == connection.address.origin or found is None:
        return None
    return connection.address._replace(
        path=f"{connection.address.path}/{own(found.group(1))}{found.group(2)}"
    )


def _pieces(connection: Connection, location: str, at: Address, offset: int) -> Iterator[bytes]:
    part = [(b"Range", b"bytes=%d-" % offset)] if offset else []
    for _ in range(HOPS):
        request = Outgoing(b"GET", at, [*headers_for(at, b"*/*", b"identity"), *part])
        used = connection.authorisation(at)
        with connection.exchange.opened(authorised(request, used)) as response:
            headers = {name.lower(): value for name, value in response.headers}
            if response.status == 200:
                pieces = unpacked(response.iter_stream(), encoding_of(headers))
                yield from after(_checked(connection, pieces, headers, location), offset)
                return
            if response.status == 206 and _begins(headers) == offset:
                yield from response.iter_stream()
                return
            reply = Reply(response.status, headers, _beginning(response))
        if reply.status == 416 and offset:
            return
        if reply.status in REDIRECTS:
            at = _resolved(connection, reply.header(b"location"), at)
        elif reply.status != 401 or not connection.renewed(used):
            raise _failure(connection, reply, location)
    raise UnusableAnswerError(connection.name, f"{shown(location)} leads nowhere")


def _checked(
    connection: Connection, pieces: Iterable[bytes], headers: dict[bytes, bytes], location: str
) -> Iterator[bytes]:
    """Yield the pieces, and raise at their end if they are not what the broker sent."""
    told = _told_digest(headers)
    digest = hashlib.sha256()
    for piece in pieces:
        if told is not None:
            digest.update(piece)
        yield piece
    if told is not None and told != digest.digest():
        raise BrokerUnavailableError(connection.name, f"{shown(location)} did not arrive as it was sent")


def _begins(headers: dict[bytes, bytes]) -> int | None:
    """Return where a part begins."""
    found = _PART.match(headers.get(b"content-range", b"").decode("latin-1"))
    return int(found.group(1)) if found else None


def _told_digest(headers: dict[bytes, bytes]) -> bytes | None:
    """Return the SHA-256 of the whole that the broker told (RFC 9530).

    That of a packed body is of what is packed, which has a checksum of its own.
    """
    found = _SHA256.search(headers.get(b"repr-digest", b"").decode("latin-1"))
    return base64.b64decode(found.group(1)) if found and encoding_of(headers) in {"", "identity"} else None


def _beginning(response: httpcore.Response) -> bytes:
    """Return enough of a body to tell what an error says."""
    got = b""
    for piece in response.iter_stream():
        got += piece
        if len(got) > _EXCERPT:
            break
    return got[:_EXCERPT]


def _resolved(connection: Connection, location: str, base: Address) -> Address:
    at = address(location, base=base)
    if isinstance(at, str):
        raise OutputGoneError(connection.name, shown(location), at)
    return at


def _failure(connection: Connection, reply: Reply, location: str) -> Exception:
    if reply.status in {204, 404, 410}:
        return OutputGoneError(connection.name, shown(location), f"it answers {reply.status}")
    return failure(connection, reply) or unusable(connection, reply)
