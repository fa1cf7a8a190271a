# SPDX-License-Identifier: Apache-2.0
"""What a scripted server understands of what clients send: its own dialect, and nothing else."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from eb_prefect.errors import Fault, InvalidRequestError
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.unknown import unknown_fields
from eb_prefect.testing.exchange import Asked
from eb_prefect.wire.dialect import Dialect, dialect_of
from eb_prefect.wire.document import read_request
from eb_prefect.wire.text import parse


class UnsupportedTypeError(Exception):
    """The body is of a media type that no server reads."""


class PhaseUpdate(NamedTuple):
    """What a client wants changed; anything but a phase changes nothing."""

    path: str
    value: str


def request_in(asked: Asked, dialect: Dialect) -> ExecutionRequest:
    """Return the request that was sent.

    As servers do, it refuses kinds of another dialect, and unknown fields in
    YAML though not in JSON.

    Raises
    ------
    UnsupportedTypeError
        It is neither JSON nor YAML by its Content-Type.
    InvalidDocumentError
        It is no request of the dialect.
    """
    is_yaml = _is_yaml(asked)
    strange = [kind for kind in _kinds(parse(asked.body), dialect) if not _is_of(kind, dialect)]
    if strange:
        raise InvalidRequestError("the request", [Fault("", f"has kinds like {strange[0]}")])
    request = read_request(asked.body)
    unknown = [Fault(".".join(map(str, path)), "is unknown") for path, _ in unknown_fields(request)]
    if is_yaml and unknown:
        raise InvalidRequestError("the request", unknown)
    return request


def update_in(asked: Asked, dialect: Dialect) -> PhaseUpdate:
    """Return the update that was sent.

    Raises
    ------
    UnsupportedTypeError
        It is neither JSON nor YAML by its Content-Type.
    InvalidDocumentError
        It is not in the wrapper of the dialect, or has no kind.
    """
    _is_yaml(asked)
    sent = parse(asked.body)
    if dialect is Dialect.A:
        sent = sent.get("update") if isinstance(sent, dict) else None
    key = "type" if dialect is Dialect.A else "kind"
    if not isinstance(sent, dict) or not isinstance(sent.get(key), str):
        raise InvalidRequestError("the update", [Fault("", f"has no {key}")])
    return PhaseUpdate(str(sent.get("path", "")).removeprefix("/"), str(sent.get("value", "")))


def _is_yaml(asked: Asked) -> bool:
    sent = asked.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent not in {"application/json", "application/yaml"}:
        raise UnsupportedTypeError(sent)
    return sent == "application/yaml"


def _is_of(kind: str | None, dialect: Dialect) -> bool:
    # a kind without a base of any dialect is a newer one, or somebody's own
    return kind is not None and dialect_of(kind) in {dialect, None}


def _kinds(document: Any, dialect: Dialect) -> Iterator[str | None]:
    """Yield the kinds of a request's parts where the dialect has them, None where one is due."""
    key = "type" if dialect is Dialect.A else "kind"
    for part in _parts(document):
        kind = part.get(key)
        yield kind if isinstance(kind, str) else None


def _parts(document: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(document, dict):
        return
    for name in ("executable", "compute", "storage", "volumes", "data"):
        given = document.get(name)
        for part in given if isinstance(given, list) else [given]:
            if isinstance(part, dict):
                yield part
                yield from _parts(part) if name == "compute" else ()
