# SPDX-License-Identifier: Apache-2.0
"""Which document this is, and in which dialect."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from eb_prefect.errors import Fault, InvalidDocumentError
from eb_prefect.wire.dialect import Dialect, dialect_of


class DocumentType(StrEnum):
    """What goes over the wire between a client and a broker."""

    REQUEST = "request"
    OFFER_SET = "offer set"
    SESSION = "session"
    UPDATE = "update"
    SERVER_ERROR = "server error"


class Recognised(NamedTuple):
    """What a document is, and why.

    Without a dialect it is one that all dialects write alike. ``strangers``
    are dialects that some of its kinds have and the document as a whole has
    not: a server of either dialect refuses such a mix. ``alike`` are other
    dialects that would have written just the same.
    """

    document: DocumentType
    dialect: Dialect | None
    reasons: tuple[str, ...]
    strangers: tuple[Dialect, ...] = ()
    alike: tuple[Dialect, ...] = ()


_PARTS = ("executable", "compute", "computer", "storage", "volumes", "data", "offers")
_REQUEST_KEYS = {"executable", "compute", "computer", "storage", "volumes", "data", "schedule"}
_SESSION_KEYS = {"phase", "expires", "connectors"}


def recognise(document: Any) -> Recognised:
    """Return what the plain document is.

    Raises
    ------
    InvalidDocumentError
        It has nothing that any document of the protocol has.
    """
    if not isinstance(document, dict):
        raise InvalidDocumentError("the document", [Fault("", f"is {_a(document)}; a mapping is due")])
    kind, why = _document_type(document)
    if kind is DocumentType.SERVER_ERROR:
        return Recognised(kind, None, (why,))
    if kind is DocumentType.UPDATE:
        dialect, reason = _update_dialect(document)
        return Recognised(kind, dialect, (why, reason), alike=_alike(dialect))
    dialect, reason, strangers = _dialect(document)
    based = any(dialect_of(uri) is not None for uri in _uris(document))
    return Recognised(kind, dialect, (why, reason), strangers, () if based else _alike(dialect))


def _alike(dialect: Dialect) -> tuple[Dialect, ...]:
    return (Dialect.B1,) if dialect is Dialect.B2 else ()


def _a(value: Any) -> str:
    names = {list: "a list", str: "text", bool: "true or false", type(None): "empty"}
    return names.get(type(value), "a number")


def _document_type(document: dict[str, Any]) -> tuple[DocumentType, str]:
    keys = document.keys()
    if isinstance(document.get("update"), dict) or ("path" in keys and keys & {"value", "delta"}):
        return DocumentType.UPDATE, "it sets a path"
    if "error" in keys and not keys & (_REQUEST_KEYS | _SESSION_KEYS):
        return DocumentType.SERVER_ERROR, "it has an error and no part of a request or session"
    if keys & {"result", "offers"}:
        return DocumentType.OFFER_SET, "it has a result or offers"
    if keys & _SESSION_KEYS:
        return DocumentType.SESSION, f"it has {' and '.join(sorted(keys & _SESSION_KEYS))}"
    if "/session/" in str(document.get("kind") or document.get("type") or ""):
        return DocumentType.SESSION, "its kind is a session's"
    if keys & _REQUEST_KEYS:
        return DocumentType.REQUEST, f"it has {' and '.join(sorted(keys & _REQUEST_KEYS))} and no phase"
    reason = (
        "is no request, offer set, session or update: it has no executable, compute, data, phase or result"
    )
    raise InvalidDocumentError("the document", [Fault("", reason)])


def _update_dialect(document: dict[str, Any]) -> tuple[Dialect, str]:
    if "update" in document or "type" in document:
        return Dialect.A, "A wraps the update or calls its kind type"
    return Dialect.B2, "B1 and B2 write the update bare, with a kind, and alike"


def _dialect(document: dict[str, Any]) -> tuple[Dialect, str, tuple[Dialect, ...]]:
    uris = list(_uris(document))
    based = [(dialect, uri) for uri in uris if (dialect := dialect_of(uri)) is not None]
    if "computer" in document or any(dialect is Dialect.A0 for dialect, _ in based):
        return Dialect.A0, "A0 says computer for compute", ()
    if based:
        first, uri = based[0]
        strangers = tuple(dict.fromkeys(dialect for dialect, _ in based if dialect is not first))
        return first, f"the kind {uri} is of dialect {first}", strangers
    return *_by_shape(document), ()


def _by_shape(document: dict[str, Any]) -> tuple[Dialect, str]:
    parts = list(_components(document))
    if any("meta" in part for part in parts):
        return Dialect.B2, "names are in meta, and no kind tells B1 from B2"
    if any("type" in part and "kind" not in part for part in parts):
        return Dialect.A, "kinds are called type"
    return Dialect.NEUTRAL, "no kind has the base of a dialect, and there is no meta"


def _uris(document: dict[str, Any]) -> Iterator[str]:
    for part in _components(document):
        uri = part.get("kind", part.get("type"))
        if isinstance(uri, str):
            yield uri


def _components(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield document
    for key in _PARTS:
        given = document.get(key)
        for part in given if isinstance(given, list) else [given]:
            if isinstance(part, dict):
                yield from _components(part)
