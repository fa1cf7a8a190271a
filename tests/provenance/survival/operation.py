# SPDX-License-Identifier: Apache-2.0
"""What people do to a product, and what is found of its record afterwards."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from provenance.capture import capture
from provenance.errors import NoRecordError, ProvenanceError
from provenance.ladder import climb
from provenance.store import Store
from tests.provenance.conftest import RunOf


class Subject(NamedTuple):
    """A product of one format: its file's name and what makes it, with the field's own library."""

    format: str
    name: str
    make: Callable[[Path], None]


class Outcome(NamedTuple):
    """What `eb show` says: of the file alone, and where the user's store is at hand."""

    alone: str
    with_store: str


class Operation(NamedTuple):
    """Something that is done to a product; ``do`` makes the second path of the first.

    ``why`` is the reason where less is found than could be.
    """

    name: str
    subject: Subject
    do: Callable[[Path, Path], object]
    expected: Outcome
    why: str = ""


HEADER_CHANGED = "The data are those that were recorded; the program wrote other keywords."
PACKED_ANEW = (
    "The digests are of the data as they lie in the file, so pixels that are packed anew are others."
)

BOUND = "embedded, BOUND"
STALE = "embedded, STALE"
TAMPERED = "embedded, TAMPERED"
POINTER_BOUND = "pointer, BOUND"
POINTER_STALE = "pointer, STALE"
STORE_BOUND = "store, BOUND"
STORE_STALE = "store, STALE"
NAMED = "its name only"
NOTHING = "nothing"

KEPT = Outcome(BOUND, BOUND)
EDITED = Outcome(STALE, STALE)
TORN = Outcome(TAMPERED, TAMPERED)
POINTED = Outcome(NAMED, POINTER_BOUND)
OTHERS = Outcome(NAMED, POINTER_STALE)
LIKE = Outcome(NOTHING, STORE_BOUND)
LIKENED = Outcome(NOTHING, STORE_STALE)
LOST = Outcome(NOTHING, NOTHING)
BESIDE = Outcome("sidecar, BOUND", "sidecar, BOUND")
EDITED_BESIDE = Outcome("sidecar, TAMPERED", "sidecar, TAMPERED")


def outcome(operation: Operation, run_of: RunOf, folder: Path) -> Outcome:
    """Record a product, do the operation, and say what is then found of the record."""
    source, target = (folder / side / operation.subject.name for side in ("before", "after"))
    for path in (source, target):
        path.parent.mkdir(parents=True)
    operation.subject.make(source)
    store = Store(folder / "state" / "records.db")
    capture(run_of(source), store)
    operation.do(source, target)
    return Outcome(_found(target, folder / "none.db"), _found(target, store.place))


def _found(path: Path, database: Path) -> str:
    try:
        found = climb(path, database=database)
    except NoRecordError as none:
        return NAMED if none.pointer else NOTHING
    except ProvenanceError as error:
        return type(error).__name__
    return f"{found.rung}, {found.binding}"
