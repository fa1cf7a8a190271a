# SPDX-License-Identifier: Apache-2.0
"""Get the record out of a file, and say whether the file is still what it describes.

Needs nothing but the file: no store, no network, and of libraries only the
one that writes canonical JSON.
"""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from provenance.canonical import short
from provenance.errors import MalformedRecordError, NoRecordError, UnreadableProductError
from provenance.products import plain, sidecar
from provenance.products.envelope import Envelope, opened
from provenance.products.formats import Format, format_of
from provenance.products.found import (
    Binding,
    Contents,
    Embedded,
    Found,
    Part,
    PartState,
    Rung,
    content_digest,
    judged,
)
from provenance.products.plain import WHOLE
from provenance.signing.signature import Signature, checked


class Reading(NamedTuple):
    """What one reading of a file gave: its content, the records with it, and why one could not be used."""

    path: Path
    contents: Contents
    found: tuple[Found, ...]
    malformed: MalformedRecordError | None = None

    @property
    def truest(self) -> Found:
        """The record that fits the content best, of equal ones the surest.

        A file can carry the record of the input it was made from, and have
        its own beside it where it could not be put inside.

        Raises
        ------
        NoRecordError
            There is none; the error says which it was, where a header still does.
        MalformedRecordError
            There is one, and it is not to be understood.
        """
        if self.found:
            gravities = list(Binding)
            return min(self.found, key=lambda one: gravities.index(one.binding))
        if self.malformed is not None:
            raise self.malformed
        raise NoRecordError(self.path, self.contents.signpost)


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
    NeedsExtraError
        Its format can't be read without a library that is not installed.
    """
    return reading(path, check=check).truest


def reading(path: Path, *, check: bool = True, always: bool = False) -> Reading:
    """Read a file and what lies beside it; the content only if there is a record, or ``always``.

    Raises
    ------
    UnreadableProductError
        The file is not there, or is damaged.
    NeedsExtraError
        Its format can't be read without a library that is not installed.
    """
    try:
        format_ = format_of(path)
        with _near(path, format_) as here:
            contents = format_.read(here, check=False)
            beside, malformed = _beside(path)
            if check and (always or contents.embedded or beside):
                contents = _checked(format_, here, contents)
    except OSError as reason:
        raise UnreadableProductError(path, reason.strerror or str(reason)) from reason
    found = []
    for one, rung in ((contents.embedded, Rung.EMBEDDED), (beside, Rung.SIDECAR)):
        if one is None:
            continue
        try:
            found.append(_found(path, one, rung, contents if check else None))
        except MalformedRecordError as reason:
            malformed = malformed or reason
    return Reading(path, contents, tuple(found), malformed)


def _near(path: Path, format_: Format) -> AbstractContextManager[Path]:
    """Give what the format can read: the path itself, unless it is elsewhere."""
    if isinstance(path, Path):
        return nullcontext(path)
    from provenance.products.remote import near  # noqa: PLC0415 -- only what is elsewhere pays for it

    return near(path, format_)


def _checked(format_: Format, path: Path, contents: Contents) -> Contents:
    if not isinstance(path, Path):
        from provenance.products.remote import too_large  # noqa: PLC0415 -- as above

        if why := too_large(path):
            return contents._replace(unchecked=why)
    return format_.read(path)


def _beside(path: Path) -> tuple[Embedded | None, MalformedRecordError | None]:
    try:
        return sidecar.read(path), None
    except MalformedRecordError as reason:
        return None, reason


def content_parts(path: Path) -> tuple[Part, ...]:
    """Return the digests of the file's content, part by part, without records of ours.

    Raises
    ------
    UnreadableProductError
        The file begins like a format that we know, and is damaged.
    """
    return format_of(path).read(path).parts


def _found(path: Path, embedded: Embedded, rung: Rung, present: Contents | None) -> Found:
    where = f"{path}, {embedded.place}" if rung is Rung.EMBEDDED else embedded.place
    envelope = opened(embedded.document, where)
    product = _product(_objects(envelope.record, "products", where), envelope.product, embedded.product)
    signatures = checked(envelope.signatures, envelope.digest)
    return Found(
        path=str(path),
        record=envelope.record,
        text=envelope.text,
        digest=envelope.digest,
        product=product,
        rung=rung,
        place=embedded.place,
        parts=states(path, product, present, where),
        faults=(*_faults(envelope, embedded), *_strange(product), *forged(signatures)),
        signatures=signatures,
    )


def states(
    path: Path, product: dict[str, Any] | None, present: Contents | None, where: str
) -> tuple[PartState, ...]:
    """Return what became of each part of the product; None ``present`` says that nobody looked.

    Raises
    ------
    MalformedRecordError
        What the record says of the parts is not to be understood.
    """
    if product and product.get("undigested"):
        return (PartState("content", Binding.UNCHECKED, _as_told(product.get("checksum"))),)
    recorded = _objects(product or {}, "parts", where)
    if present is None or present.unchecked:
        reason = present.unchecked if present else ""
        names = [str(part.get("name", "")) for part in recorded] or ["content"]
        return tuple(PartState(name, Binding.UNCHECKED, reason) for name in names)
    if [part.get("name") for part in recorded] == [WHOLE]:
        # its format was not known then, so its bytes were digested
        return judged(recorded, plain.read(path).parts if path.is_file() else present.parts)
    if recorded or not product or not product.get("content"):
        return judged(recorded, present.parts)
    return (_as_a_whole(str(product["content"]), present),)


def _as_told(checksum: Any) -> str:
    known = checksum if isinstance(checksum, dict) else {}
    told = f"the broker told {known.get('type')} {known.get('value')}" if known else "no checksum was told"
    return f"it was too large to be digested; {told} of the file as it was made"


def _as_a_whole(recorded: str, present: Contents) -> PartState:
    if content_digest(present.parts) == recorded:
        return PartState("content", Binding.BOUND)
    return PartState("content", Binding.TAMPERED, "the data are not those recorded")


def _objects(holder: dict[str, Any], name: str, where: str) -> list[dict[str, Any]]:
    given = holder.get(name, [])
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise MalformedRecordError(where, f"its {name} are no list of objects")
    return given


def _product(products: list[dict[str, Any]], name: str | None, number: int | None) -> dict[str, Any] | None:
    if number is not None:
        return products[number] if 0 <= number < len(products) else None
    return next((one for one in products if one.get("name") == name), None)


def forged(signatures: tuple[Signature, ...]) -> tuple[PartState, ...]:
    """Say which signatures are none of the record."""
    return tuple(
        PartState("signature", Binding.TAMPERED, f"BAD signature: {one.bad}") for one in signatures if one.bad
    )


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
