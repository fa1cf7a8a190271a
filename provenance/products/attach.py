# SPDX-License-Identifier: Apache-2.0
"""Put a record into its product: inside where the format has a place, else beside it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from provenance.errors import CanNotAttachError, NeedsExtraError
from provenance.products import sidecar
from provenance.products.formats import Format, format_of
from provenance.products.found import DOCUMENT_LIMIT, Embedding, Label, Rung
from provenance.products.remote import RemoteFile
from provenance.products.replacing import replacing
from provenance.record import StepRecord
from provenance.telling.story import prov_json


class Attached(NamedTuple):
    """Where a record was put, and why not better."""

    rung: Rung
    place: str
    note: str = ""


def attach(path: Path, record: StepRecord, product: str, signatures: tuple[str, ...] = ()) -> Attached:
    """Attach the record to the file of its product; twice is as once.

    The content is not touched. It goes inside where the format has a place
    for it; any other file, and one that is not writable or can't hold it, gets
    a sidecar. A kill at any moment leaves a file that its
    readers read, with or without the record.

    Raises
    ------
    CanNotAttachError
        Neither was possible. The file is as it was.
    UnreadableProductError
        The file begins like one of a format that we know, and is damaged.
    """
    document = prov_json(record, carrier=product, signatures=signatures)
    done = _embed(path, document, _label(record, product), _in_place)
    if done.rung is Rung.EMBEDDED:
        return done
    return Attached(Rung.SIDECAR, str(sidecar.attach(path, document)), done.note)


def embed(path: Path, record: StepRecord, product: str, signatures: tuple[str, ...] = ()) -> Attached:
    """Attach the record inside a file that nobody else reads yet; where that can't be, say so and do nothing.

    Raises
    ------
    UnreadableProductError
        The file begins like one of a format that we know, and is damaged.
    """
    document = prov_json(record, carrier=product, signatures=signatures)
    return _embed(path, document, _label(record, product), lambda one, *given: one.embed(*given))


_Embeds = Callable[[Format, Path, bytes, Label], Embedding]


def _embed(path: Path, document: bytes, label: Label, embeds: _Embeds) -> Attached:
    if isinstance(path, RemoteFile):
        raise CanNotAttachError(
            path, "it is elsewhere, where its checksum may be registered; attach to a copy here"
        )
    if len(document) > DOCUMENT_LIMIT:
        return Attached(
            Rung.SIDECAR, "", f"it has {len(document)} bytes and may have {DOCUMENT_LIMIT} inside a file"
        )
    try:
        done = embeds(format_of(path), path, document, label)
    except CanNotAttachError as reason:
        return Attached(Rung.SIDECAR, "", reason.reason)
    except NeedsExtraError as reason:
        return Attached(Rung.SIDECAR, "", str(reason))
    except PermissionError as reason:
        return Attached(Rung.SIDECAR, "", reason.strerror or str(reason))
    return Attached(Rung.EMBEDDED, *done)


def _in_place(format_: Format, path: Path, document: bytes, label: Label) -> Embedding:
    if not format_.TEARS:
        return format_.embed(path, document, label)
    there = format_.read(path, check=False).embedded
    if there is not None and there.document.encode() == document:
        return Embedding(there.place)
    with replacing(path) as copy:
        return format_.embed(copy, document, label)


def _label(record: StepRecord, product: str) -> Label:
    number = next(at for at, one in enumerate(record.products) if one.name == product)
    return Label(record.digest, record.products[number].content or "", number)
