# SPDX-License-Identifier: Apache-2.0
"""What the status of an answer means, as an error that says what to do."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from eb_prefect.brokers.http.address import shown
from eb_prefect.brokers.http.connection import REDIRECTS, Connection
from eb_prefect.brokers.http.exchange import Reply
from eb_prefect.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    EBError,
    NotABrokerError,
    UnknownSessionError,
    UnreadableDocumentError,
    UnusableAnswerError,
)
from eb_prefect.wire.text import parse

_LATER = frozenset({408, 425, 429})
_LONGEST = 86_400.0
_EXCERPT = 300
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?")


def failure(connection: Connection, reply: Reply) -> EBError | None:
    """Return the error that a status means for every verb; None for one that depends on the verb."""
    status = reply.status
    if status in {401, 403}:
        return AccessDeniedError(connection.name, status, said(connection, reply))
    if status in _LATER or status >= 500:
        reason = f"it answers {phrase(status)}: {said(connection, reply)}"
        return BrokerUnavailableError(connection.name, reason, retry_after=retry_after(reply))
    if status in REDIRECTS:
        where = shown(reply.header(b"location"))
        return NotABrokerError(str(connection.address), f"it redirects with {status} to {where}")
    return None


def session_failure(connection: Connection, reply: Reply, session: str) -> EBError | None:
    """Return the error that a status means for what is done with a session; None for a success."""
    if 200 <= reply.status < 300:
        return None
    if found := failure(connection, reply):
        return found
    if reply.status in {404, 410}:
        return UnknownSessionError(connection.name, session)
    return unusable(connection, reply)


def unusable(connection: Connection, reply: Reply) -> UnusableAnswerError:
    """Return the error for a status that the protocol has no place for."""
    return UnusableAnswerError(
        connection.name, f"it answers {phrase(reply.status)}: {said(connection, reply)}"
    )


def phrase(status: int) -> str:
    """Return a status with its name."""
    known = next((known.phrase for known in HTTPStatus if known == status), "")
    return f"{status} {known}".strip()


def said(connection: Connection, reply: Reply) -> str:
    """Return what the body of an error says, for a person to read."""
    text = connection.hidden(_said(reply.body))
    printable = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return printable if len(printable) <= _EXCERPT else f"{printable[:_EXCERPT]}..."


def _said(body: bytes) -> str:
    if not body.strip():
        return "its body is empty"
    if body.lstrip()[:1] == b"<":
        return "its body is HTML or XML"
    document = _document(body)
    if isinstance(document, dict):
        told = [document.get(key) for key in ("message", "detail", "error")]
        return next((text for text in told if isinstance(text, str) and text), "its body gives no reason")
    return f"its body is {body[: 2 * _EXCERPT].decode(errors='replace')!r}"


def _document(body: bytes) -> object:
    try:
        return parse(body)
    except UnreadableDocumentError:
        return None


def retry_after(reply: Reply) -> float | None:
    """Return how many seconds the server asks to be left alone, at most a day."""
    text = reply.header(b"retry-after")
    if _SECONDS.fullmatch(text):
        return min(float(text), _LONGEST)
    seconds = _until(text)
    return None if seconds is None else max(0.0, min(seconds, _LONGEST))


def _until(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime.now(UTC)).total_seconds()
