# SPDX-License-Identifier: Apache-2.0
"""Find the record of a file wherever it still is, the surest place first.

The rungs are the record inside the file, the one in the store to which the
file still points, the one in the store that has this content among its
products, and the sidecar. Higher rungs end the climb only where they fit the
content: a copied pointer or record tells of what a file came of, not of what
it is.
"""

from collections.abc import Iterable
from pathlib import Path

from eb_prefect.home import records
from provenance.products.extract import Reading, reading
from provenance.products.found import Binding, Found, Rung

_ENOUGH = (Binding.BOUND, Binding.UNCHECKED)


def climb(path: Path, *, check: bool = True, database: Path | str | None = None) -> Found:
    """Return the record of a file that fits its content best, of equal ones the surest.

    The store is that in ``database``, by default this user's; one that has
    never been used is not made.
    Without ``check`` the content is not read, so only the file and its
    pointer are asked.

    Raises
    ------
    NoRecordError
        There is none on any rung.
    UnreadableProductError
        The file is not there, or is damaged.
    MalformedRecordError
        What it carries is not to be understood, and the store has nothing.
    NeedsExtraError
        Its format can't be read without a library that is not installed.
    StoreError
        The store can't be used.
    """
    near = reading(path, check=check)
    if any(one.binding in _ENOUGH for one in near.found):
        return near.truest
    if check and not near.contents.parts:
        near = reading(path, always=True)
    found = (*near.found, *_in_store(near, database or records(), check=check))
    return near._replace(found=tuple(sorted(found, key=lambda one: list(Rung).index(one.rung)))).truest


def _in_store(near: Reading, database: Path | str, *, check: bool) -> Iterable[Found]:
    if isinstance(database, Path) and not database.exists():
        return ()
    # without the store a start takes a tenth of the time
    from provenance.store import Store  # noqa: PLC0415 -- see above
    from provenance.stored import stored  # noqa: PLC0415 -- see above

    return stored(near, Store(database), check=check)
