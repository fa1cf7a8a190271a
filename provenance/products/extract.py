# SPDX-License-Identifier: Apache-2.0
"""Get the record out of a file, and say whether the file is still what it describes.

Needs nothing but the file: no store, no network, and of libraries only the
one that writes canonical JSON.
"""

from pathlib import Path
from typing import Any

from provenance.canonical import ni, short
from provenance.errors import MalformedRecordError, NoRecordError, UnreadableProductError
from provenance.products import sidecar
from provenance.products.envelope import Envelope, opened
from provenance.products.formats import format_of
from provenance.products.found import Binding, Embedded, Found, Part, PartState, Rung, judged


def extract(path: Path, *, check: bool = True) -> Found:
    """Return the record that a file carries, or that lies beside it.

    Without ``check`` the content is not read, only headers and the record,
    and every part is UNCHECKED.

    Raises
    ------
    NoRecordError
        There is none; the error says which it was, where a header still does.
    UnreadableProductError
        The file is not there, or is damaged.
    MalformedRecordError
        What it carries is not to be understood.
    """
    try:
        format_ = format_of(path)
        contents = format_.read(path, check=False)
        beside = sidecar.read(path)
        if check and (contents.embedded or beside):
            contents = format_.read(path)
    except OSError as reason:
        raise UnreadableProductError(path, reason.strerror or str(reason)) from reason
    found = [
        _found(path, one, rung, contents.parts if check else None)
        for one, rung in ((contents.embedded, Rung.EMBEDDED), (beside, Rung.SIDECAR))
        if one is not None
    ]
    if not found:
        raise NoRecordError(path, contents.signpost)
    return _truest(found)


def _truest(found: list[Found]) -> Found:
    """Return the record that fits the content best, of equal ones the surest.

    A file can carry the record of the input it was made from, and have its
    own beside it where it could not be put inside.
    """
    gravities = list(Binding)
    return min(found, key=lambda one: gravities.index(one.binding))


def content_parts(path: Path) -> tuple[Part, ...]:
    """Return the digests of the file's content, part by part, without records of ours.

    Raises
    ------
    UnreadableProductError
        The file begins like a format that we know, and is damaged.
    """
    return format_of(path).read(path).parts


def content_digest(parts: tuple[Part, ...]) -> str:
    """Return one digest for the data of all parts that have any.

    Of a file that is one part it is the part's own, which for any file but
    FITS is what ``sha256sum`` says.
    """
    digests = [part.data for part in parts if part.size] or [part.data for part in parts]
    return digests[0] if len(digests) == 1 else ni("\n".join(digests).encode())


def _found(path: Path, embedded: Embedded, rung: Rung, present: tuple[Part, ...] | None) -> Found:
    where = f"{path}, {embedded.place}" if rung is Rung.EMBEDDED else embedded.place
    envelope = opened(embedded.document, where)
    products = envelope.record.get("products", [])
    if not isinstance(products, list) or not all(isinstance(one, dict) for one in products):
        raise MalformedRecordError(where, "its products are no list of objects")
    product = _product(products, envelope.product, embedded.product)
    recorded = product.get("parts", []) if product else []
    if not isinstance(recorded, list) or not all(isinstance(one, dict) for one in recorded):
        raise MalformedRecordError(where, "the parts of its product are no list of objects")
    return Found(
        path=str(path),
        record=envelope.record,
        text=envelope.text,
        digest=envelope.digest,
        product=product,
        rung=rung,
        place=embedded.place,
        parts=_unchecked(recorded) if present is None else judged(recorded, present),
        faults=(*_faults(envelope, embedded), *_strange(product)),
    )


def _product(products: list[dict[str, Any]], name: str | None, number: int | None) -> dict[str, Any] | None:
    if number is not None:
        return products[number] if 0 <= number < len(products) else None
    return next((one for one in products if one.get("name") == name), None)


def _unchecked(recorded: list[dict[str, Any]]) -> tuple[PartState, ...]:
    return tuple(PartState(str(part.get("name", "")), Binding.UNCHECKED) for part in recorded)


def _strange(product: dict[str, Any] | None) -> tuple[PartState, ...]:
    if product is None:
        return (PartState("record", Binding.TAMPERED, "it does not tell of the file that it is in"),)
    return ()


def _faults(envelope: Envelope, embedded: Embedded) -> tuple[PartState, ...]:
    """Say what speaks against the record being the one that was attached."""
    found = []
    if not envelope.is_canonical:
        found.append(PartState("record", Binding.TAMPERED, "its text is not canonical"))
    if envelope.said != envelope.digest:
        found.append(PartState("record", Binding.TAMPERED, f"its digest should be {short(envelope.said)}"))
    if embedded.pointer not in (None, envelope.digest):
        found.append(PartState("record", Binding.TAMPERED, "its header names another record"))
    if embedded.signpost not in (None, envelope.digest):
        found.append(PartState("record", Binding.STALE, "the first header points to another record"))
    return tuple(found)
