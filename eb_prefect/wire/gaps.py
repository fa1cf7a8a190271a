# SPDX-License-Identifier: Apache-2.0
"""What a dialect has no place for."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from eb_prefect.model.kind import KNOWN, PLACEHOLDERS
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.faults import Steps
from eb_prefect.wire.recognise import DocumentType

OURS = frozenset(
    {"outcome", "products", "executable.checksum", "executable.parameters", "data.checksum", "compute.gpus"}
)
"""The fields of our own that no dialect has; a client or server keeps them itself."""

_AMOUNTS = frozenset({"costs", "metrics"})

_OF_DOCUMENTS: dict[tuple[DocumentType, Dialect], frozenset[str]] = {
    (DocumentType.REQUEST, Dialect.A): _AMOUNTS,
    (DocumentType.REQUEST, Dialect.B1): _AMOUNTS | {"name", "description", "volumes"},
    (DocumentType.REQUEST, Dialect.B2): frozenset({"name", "description", "volumes"}),
    (DocumentType.OFFER_SET, Dialect.A): _AMOUNTS | {"description", "modified", "options"},
    (DocumentType.OFFER_SET, Dialect.B1): _AMOUNTS,
    (DocumentType.SESSION, Dialect.A): _AMOUNTS | {"description", "modified", "outcome", "products"},
    (DocumentType.SESSION, Dialect.B1): _AMOUNTS | {"volumes", "outcome", "products"},
    (DocumentType.SESSION, Dialect.B2): frozenset({"volumes", "outcome", "products"}),
}
_OF_COMPONENTS: dict[Dialect, frozenset[str]] = {
    Dialect.A: _AMOUNTS | {"description", "url", "modified", "options"},
    Dialect.B1: _AMOUNTS,
}
_OF_KINDS: dict[tuple[str, Dialect], frozenset[str]] = {
    ("executable/docker-container", Dialect.A): frozenset({"command", "labels"}),
    ("executable/docker-container", Dialect.B1): frozenset({"labels"}),
}
_OF_FAMILIES = {
    "executable": frozenset({"checksum", "parameters"}),
    "data": frozenset({"checksum"}),
    "compute": frozenset({"gpus"}),
    "volume": frozenset({"phase", "schedule"}),
}


class Gap(NamedTuple):
    """A field that can't be written, and why."""

    steps: Steps
    reason: str

    @property
    def name(self) -> str:
        """The path without numbers, and without the offer: what a caller calls it.

        An item of a list has none: only fields are left out by name.
        """
        if isinstance(self.steps[-1], int):
            return ""
        names = [step for step in self.steps if isinstance(step, str)]
        return ".".join(names[1:] if names[0] == "offers" else names)


def gaps(document: dict[str, Any], what: DocumentType, dialect: Dialect, at: Steps = ()) -> Iterator[Gap]:
    """Yield what a neutral document has and the dialect has not."""
    reason = f"{dialect} has no place for it"
    for key in sorted(_OF_DOCUMENTS.get((what, dialect), frozenset()) & document.keys()):
        yield Gap((*at, key), reason)
    for n, offer in enumerate(document.get("offers", ())):
        yield from gaps(offer, DocumentType.SESSION, dialect, (*at, "offers", n))
    for steps, component in components(document):
        kind = component.get("kind", "")
        lacking = _OF_COMPONENTS.get(dialect, frozenset()) | _OF_KINDS.get((kind, dialect), frozenset())
        if kind in KNOWN:
            lacking |= _OF_FAMILIES.get(kind.partition("/")[0], frozenset())
        for key in sorted(lacking & component.keys()):
            yield Gap((*at, *steps, key), reason)
        if kind in PLACEHOLDERS and dialect is not Dialect.B2:
            yield Gap((*at, *steps, "kind"), f"{dialect} has no placeholder kinds; put a concrete one")


def components(document: dict[str, Any]) -> Iterator[tuple[Steps, dict[str, Any]]]:
    """Yield each component of a neutral request or session, with its path."""
    for key in ("executable", "compute"):
        if key in document:
            yield (key,), document[key]
    for n, volume in enumerate(document.get("compute", {}).get("volumes", ())):
        yield ("compute", "volumes", n), volume
    for key in ("storage", "volumes", "data"):
        for n, component in enumerate(document.get(key, ())):
            yield (key, n), component
