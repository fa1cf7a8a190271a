# SPDX-License-Identifier: Apache-2.0
"""Requests and updates as a dialect has them."""

import json
from typing import NamedTuple

from eb_prefect.brokers.http.answers import warning
from eb_prefect.check import require
from eb_prefect.model.parts import Message, Update
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.recognise import DocumentType
from eb_prefect.wire.write import Style, write, write_update

# checksums pin what runs and do not change it; all else that is ours would
_STYLE = Style(lossy=True, drop=frozenset({"executable.checksum", "data.checksum"}))


class Outbound(NamedTuple):
    """A request as it is sent, and what had to be changed or left out for the dialect."""

    document: bytes
    changed: tuple[Message, ...]


def request_text(request: ExecutionRequest, dialect: Dialect) -> Outbound:
    """Return the request as the dialect has it.

    Raises
    ------
    InvalidRequestError
        No broker could run it; every reason is told.
    NotExpressibleError
        The dialect has no place for some of it.
    """
    require(request)
    written = write(request, DocumentType.REQUEST, dialect, _STYLE)
    changed = tuple(warning(f"written-for-{dialect}", note) for note in written.notes)
    return Outbound(_json(written.document), changed)


def update_text(phase: Phase, dialect: Dialect) -> bytes:
    """Return the update that asks for a phase."""
    update = Update(kind="uri:enum-value-update", path="phase", value=phase)
    return _json(write_update(update, dialect))


def _json(document: dict[str, object]) -> bytes:
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode("ascii")
