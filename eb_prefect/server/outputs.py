# SPDX-License-Identifier: Apache-2.0
"""The streams and products of sessions, as bytes.

Nothing else of the machine can be read: what is sent is the very file that
the broker's own session names, and only where the broker is of this machine.
A broker elsewhere is asked for what it names.
"""

import base64
import os
import re
import stat
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes, urlsplit

from starlette.responses import FileResponse, Response, StreamingResponse

from eb_prefect.brokers.protocol import Broker, Remote, Resuming
from eb_prefect.errors import OutputGoneError
from eb_prefect.model.session import Product, Session
from eb_prefect.outputs import owner_of, stream_links
from eb_prefect.server.asked import Asked, is_known
from eb_prefect.server.desk import Desk
from eb_prefect.server.refusal import Refusal
from eb_prefect.wire.outputs import product_path, with_products

_SHA256 = re.compile(r"[0-9a-f]{64}")
_REST = re.compile(r"bytes=(\d{1,18})-")
_PIECE = 1 << 16
_LARGEST_PART = 4 << 20
_SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}


class _File(NamedTuple):
    path: Path
    found: os.stat_result


class Outputs:
    """What sessions wrote and left."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def stdout(self, asked: Asked) -> Response:
        """Send what the program wrote until now; empty if that is nothing."""
        return self._stream(asked, "stdout")

    def stderr(self, asked: Asked) -> Response:
        """Send what the program wrote as errors until now; empty if that is nothing."""
        return self._stream(asked, "stderr")

    def product(self, asked: Asked) -> Response:
        """Send a product, or ranges of it."""
        session = self._desk.readable(asked)
        product = _named(session, asked.path["product"])
        headers = _SAFE | _disposition(product) | _digest(product)
        if is_known(asked.headers.get("if-none-match"), headers.get("ETag", "")):
            return Response(status_code=304, headers={"ETag": headers["ETag"]})
        broker = owner_of(self._desk.broker, session.uuid)
        if isinstance(broker, Remote):
            length = {} if product.size is None else {"Content-Length": str(product.size)}
            return _sent_on(asked, broker, product.location, headers | length, "application/octet-stream")
        file = _file(broker, product.location)
        return FileResponse(file.path, 200, headers, "application/octet-stream", stat_result=file.found)

    def _stream(self, asked: Asked, name: str) -> Response:
        session = self._desk.readable(asked)
        location = next((each.location for each in stream_links(session, name) if each.location), None)
        if location is None:
            return Response(b"", headers=_SAFE, media_type="text/plain")
        broker = owner_of(self._desk.broker, session.uuid)
        if isinstance(broker, Remote):
            return _sent_on(asked, broker, location, _SAFE, "text/plain")
        file = _file(broker, location)
        if "range" in asked.headers:
            return FileResponse(file.path, 200, _SAFE, "text/plain", stat_result=file.found)
        return _until_now(file)


def _named(session: Session, path: str) -> Product:
    for product in with_products(session).products:
        if product_path(product) == path:
            return product
    raise Refusal(404, f"session {session.uuid} has no product {path!r}")


def _file(broker: Broker, location: str) -> _File:
    address = urlsplit(location)
    if address.scheme != "file":
        raise OutputGoneError(broker.identity.name, location, "this broker has files only")
    path = Path(os.fsdecode(unquote_to_bytes(address.path)))
    try:
        found = path.lstat()
    except OSError as error:
        raise Refusal(410, f"{path.name} is gone: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        raise Refusal(410, f"{path.name} is a file no more")
    return _File(path, found)


def _until_now(file: _File) -> Response:
    # a program may be writing to it, and what is sent has the length that was told
    length = {"Content-Length": str(file.found.st_size), "Accept-Ranges": "bytes"}
    return StreamingResponse(_first(file), headers=_SAFE | length, media_type="text/plain")


def _first(file: _File) -> Iterator[bytes]:
    left = file.found.st_size
    with file.path.open("rb") as source:
        while left and (piece := source.read(min(left, _PIECE))):
            left -= len(piece)
            yield piece


def _sent_on(asked: Asked, broker: Remote, location: str, headers: dict[str, str], media: str) -> Response:
    if asked.is_head:
        return Response(headers=headers, media_type=media)
    rest = _REST.fullmatch(asked.headers.get("range", "").strip())
    if rest and isinstance(broker, Resuming):
        return _part(broker, location, int(rest.group(1)), headers, media)
    pieces = iter(broker.read(location))
    first = next(pieces, b"")  # what is wrong is known before the status is sent
    return StreamingResponse(chain([first], pieces), headers=headers, media_type=media)


def _part(broker: Resuming, location: str, offset: int, headers: dict[str, str], media: str) -> Response:
    """Send what follows an offset, as far as it fits into one answer: how long the whole is nobody told."""
    part = b""
    for piece in broker.read_from(location, offset):
        part += piece
        if len(part) >= _LARGEST_PART:
            break
    if not part:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{offset}"})
    where = {"Content-Range": f"bytes {offset}-{offset + len(part) - 1}/*"}
    kept = {name: value for name, value in headers.items() if name != "Content-Length"}
    return Response(part, 206, kept | where, media)


def _digest(product: Product) -> dict[str, str]:
    told = product.checksum
    if told is None or told.type != "sha-256" or not _SHA256.fullmatch(told.value or ""):
        return {}
    value = str(told.value)
    digest = base64.b64encode(bytes.fromhex(value)).decode()
    return {"Repr-Digest": f"sha-256=:{digest}:", "ETag": f'"{value[:32]}"'}


def _disposition(product: Product) -> dict[str, str]:
    name = product.name.rpartition("/")[2]
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
