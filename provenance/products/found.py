# SPDX-License-Identifier: Apache-2.0
"""What a product says about itself, and whether its content is still that."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from provenance.canonical import ni
from provenance.signing.signature import Signature


class Binding(StrEnum):
    """How far a record and the content it is found with belong together.

    STALE: what was recorded is here, and was edited or added to since: other
    keywords in a header, an HDU more, a header that points to another
    record; or the file only points to the record of something that it came
    of, and has other data. TAMPERED: data are not those that were recorded, or are gone, or
    the record is not the one that its digest names; nobody declared that.
    UNCHECKED: nobody looked.
    """

    BOUND = "BOUND"
    UNCHECKED = "UNCHECKED"
    STALE = "STALE"
    TAMPERED = "TAMPERED"


_GRAVITY = tuple(Binding)


def worst(bindings: Sequence[Binding]) -> Binding:
    """Return the gravest of the bindings."""
    return max(bindings, key=_GRAVITY.index, default=Binding.UNCHECKED)


class Rung(StrEnum):
    """Where a record was found, the surest place first.

    POINTER: in the store, by the digest that the file still carries. STORE:
    in the store, by the digest of the content.
    """

    EMBEDDED = "embedded"
    POINTER = "pointer"
    STORE = "store"
    SIDECAR = "sidecar"


class Part(NamedTuple):
    """One part of a file's content: an HDU, or the whole file.

    ``data`` and ``header`` are digests. A header's digest covers what it
    means, not how it is written. ``size`` is in bytes.
    """

    name: str
    data: str
    header: str | None
    size: int


DOCUMENT_LIMIT = 64 << 10
"""Bytes that an attached document has at most."""


def content_digest(parts: Sequence[Part]) -> str:
    """Return one digest for the data of all parts that have any.

    Of a file that is one part it is the part's own, which for a file of no
    known format is what ``sha256sum`` says.
    """
    digests = [part.data for part in parts if part.size] or [part.data for part in parts]
    return digests[0] if len(digests) == 1 else ni("\n".join(digests).encode())


class PartState(NamedTuple):
    """One part, and what became of it since it was recorded."""

    name: str
    binding: Binding
    reason: str = ""


class Embedded(NamedTuple):
    """The document that a file carries, unread, and where in the file it is.

    ``pointer`` is the record's digest as written beside the document;
    ``signpost`` as written where it survives the loss of the document.
    """

    document: str
    place: str
    pointer: str | None
    signpost: str | None
    product: int | None = None


class Contents(NamedTuple):
    """What one reading of a file gives; ``parts`` is empty where nobody asked for digests.

    ``signpost`` is the record's digest as written where it survives the loss
    of the document, and ``described`` the digest of the content there. Where
    the content can't be digested, ``unchecked`` says why.
    """

    parts: tuple[Part, ...]
    embedded: Embedded | None = None
    signpost: str | None = None
    described: str | None = None
    unchecked: str = ""


class Label(NamedTuple):
    """What goes beside a document: the digests of record and content, and the product's number there."""

    record: str
    content: str
    product: int


class Embedding(NamedTuple):
    """Where in a file a document was put, and what could have gone better."""

    place: str
    note: str = ""


class Found(NamedTuple):
    """A record as found with a file; as plain JSON, so that reading needs no model.

    ``product`` is the record's entry about this very file, by its name when
    it was recorded. ``faults`` says what is wrong with the record itself.
    """

    path: str
    record: dict[str, Any]
    text: str
    digest: str
    product: dict[str, Any] | None
    rung: Rung
    place: str
    parts: tuple[PartState, ...] = ()
    faults: tuple[PartState, ...] = ()
    signatures: tuple[Signature, ...] = ()

    @property
    def binding(self) -> Binding:
        """The gravest binding of all parts and of the record itself."""
        return worst([state.binding for state in (*self.parts, *self.faults)])


def descended(states: Sequence[PartState]) -> tuple[PartState, ...]:
    """Return the states for a file that only points to the record of what it came of."""
    reason = "the file points to what it came of; the data are others"
    return tuple(
        PartState(state.name, Binding.STALE, reason) if state.binding is Binding.TAMPERED else state
        for state in states
    )


def judged(recorded: Sequence[Mapping[str, Any]], present: Sequence[Part]) -> tuple[PartState, ...]:
    """Compare the parts of a file with those recorded, by name; extra ones come last."""
    here = {part.name: part for part in present}
    names = {str(part.get("name", "")) for part in recorded}
    known = [_judged(part, here.get(str(part.get("name", "")))) for part in recorded]
    added = [
        PartState(part.name, Binding.STALE, "added since the record was made")
        for part in present
        if part.name not in names
    ]
    return (*known, *added)


def _judged(recorded: Mapping[str, Any], part: Part | None) -> PartState:
    if part is None:
        return PartState(str(recorded.get("name", "")), Binding.TAMPERED, "recorded, but not in the file")
    if part.data != recorded.get("data"):
        return PartState(part.name, Binding.TAMPERED, "the data are not those recorded")
    if part.header != recorded.get("header"):
        return PartState(part.name, Binding.STALE, "the header was edited since; the data are as recorded")
    return PartState(part.name, Binding.BOUND)
