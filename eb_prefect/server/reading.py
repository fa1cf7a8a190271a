# SPDX-License-Identifier: Apache-2.0
"""Requests and updates as clients send them, as strictly as brokers read them.

A server of one dialect refuses the documents of the others, and so do we. The
neutral form, which has no URIs of any dialect, is understood everywhere.
"""

from typing import NamedTuple

from eb_prefect.errors import Fault, InvalidDocumentError, InvalidRequestError
from eb_prefect.model.parts import Message, Update
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.unknown import unknown_fields
from eb_prefect.model.value import Value
from eb_prefect.server.media import Media
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.document import Inspected, inspect
from eb_prefect.wire.faults import path_text
from eb_prefect.wire.recognise import DocumentType

_UPDATES = ("string-value", "enum-value", "integer-value", "integer-delta")
_KINDS = frozenset(f"uri:{each}-update" for each in _UPDATES)
_UNKNOWN = "is unknown to all dialects"


class Read(NamedTuple):
    """A request, and what of it is ignored."""

    request: ExecutionRequest
    notes: tuple[Message, ...]


def request_of(body: bytes, sent: Media, dialect: Dialect) -> Read:
    """Return the request in a body.

    As with brokers, a field that is unknown to all dialects is a fault in
    YAML, and ignored in JSON; here a message says so. The neutral form keeps
    such fields.

    Raises
    ------
    InvalidRequestError
        It is no request of the dialect; every fault is told.
    UnreadableDocumentError
        It is no JSON or YAML.
    """
    seen = inspect(body)
    is_neutral = seen.recognised.dialect is Dialect.NEUTRAL
    _check(seen, DocumentType.REQUEST, dialect, InvalidRequestError)
    request = seen.value
    assert isinstance(request, ExecutionRequest)
    unknown = () if is_neutral else tuple(_unknown(request))
    if unknown and sent.form == "yaml":
        raise InvalidRequestError("the request", unknown)
    return Read(request, tuple(_note(fault) for fault in unknown))


def update_of(body: bytes, dialect: Dialect) -> Update:
    """Return the update in a body, which dialect A wraps and the others don't.

    Raises
    ------
    InvalidDocumentError
        It is no update of the dialect; every fault is told.
    UnreadableDocumentError
        It is no JSON or YAML.
    """
    seen = inspect(body)
    bare = Dialect.B2 if dialect is Dialect.NEUTRAL else dialect
    _check(seen, DocumentType.UPDATE, bare, InvalidDocumentError)
    update = seen.value
    assert isinstance(update, Update)
    if update.kind not in _KINDS:
        fault = Fault("kind", f"is {update.kind}; it should be one of {', '.join(sorted(_KINDS))}")
        raise InvalidDocumentError("the update", [fault])
    return update


def _check(seen: Inspected, due: DocumentType, dialect: Dialect, error: type[InvalidDocumentError]) -> None:
    what = f"the {due}"
    recognised = seen.recognised
    if recognised.document is not due:
        raise error(what, [Fault("", f"is a document of another sort: {recognised.document}")])
    found = recognised.dialect
    if found is not Dialect.NEUTRAL and dialect not in (found, *recognised.alike):
        why = "; ".join(recognised.reasons)
        raise error(what, [Fault("", f"is of dialect {found}, and this address speaks {dialect}: {why}")])
    if faults := (*seen.faults, *seen.doubts):
        raise error(what, faults)


def _unknown(value: Value) -> list[Fault]:
    return [Fault(path_text(steps), _UNKNOWN) for steps, _ in unknown_fields(value)]


def _note(fault: Fault) -> Message:
    kind = "urn:eb-prefect:message/unknown-field"
    return Message(kind=kind, level="WARN", message=f"{fault}, and ignored")
