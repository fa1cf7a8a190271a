# SPDX-License-Identifier: Apache-2.0
"""What a client asks, once it is known who asks, how, and with which document."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from eb_prefect.brokers.http.paths import is_identifier
from eb_prefect.server.media import JSON, Media
from eb_prefect.server.refusal import Refusal
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.limits import MAX_BYTES

PATIENCE = 60.0
"""Seconds within which a document must have come."""


@dataclass(frozen=True)
class Asked:
    """One call of a verb.

    ``base`` is the address that the paths of the dialect are below. ``user``
    is None where nobody needs to say who asks.
    """

    dialect: Dialect
    base: str
    user: str | None = None
    path: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    wants: Media = JSON
    sends: Media = JSON
    body: bytes = b""
    is_head: bool = False

    @property
    def uuid(self) -> str:
        """The identifier in the path.

        Raises
        ------
        Refusal
            It is none (400, as brokers answer).
        """
        given = self.path["uuid"]
        if not is_identifier(given):
            raise Refusal(400, f"{given[:60]!r} is no identifier; it should be a UUID")
        return given.lower()

    def answer(
        self, document: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Return a document in the form that the client wants."""
        told = {"Vary": "Accept", "Cache-Control": "no-cache", **(headers or {})}
        return Response(self.wants.text(document), status, told, self.wants.name)

    def reading(self, document: dict[str, Any]) -> Response:
        """Return a document with the mark of its bytes, or 304 if the client has it already."""
        whole = self.answer(document)
        mark = f'"{hashlib.sha256(bytes(whole.body)).hexdigest()[:32]}"'
        whole.headers["ETag"] = mark
        if not is_known(self.headers.get("if-none-match"), mark):
            return whole
        kept = {name: whole.headers[name] for name in ("ETag", "Vary", "Cache-Control")}
        return Response(status_code=304, headers=kept)


def is_known(if_none_match: str | None, mark: str) -> bool:
    """Return whether a client has what the mark stands for, by its ``If-None-Match``."""
    known = [each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")]
    return bool(mark) and (mark in known or known == ["*"])


async def body_of(request: Request) -> bytes:
    """Return the document that a client sends.

    Raises
    ------
    Refusal
        It is larger than any document may be (413), and not read to its end;
        or it did not come in time (408).
    """
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(PATIENCE):
            return await _read(request)
    except TimeoutError:
        reason = f"the document did not come within {PATIENCE:g} s"
        raise Refusal(408, reason, headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise Refusal(400, "the document broke off") from None


async def _read(request: Request) -> bytes:
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BYTES:
            raise _too_large()
        pieces.append(piece)
    return b"".join(pieces)


def _too_large() -> Refusal:
    reason = f"a document may have {MAX_BYTES >> 20} MiB"
    return Refusal(413, reason, headers={"Connection": "close"})
