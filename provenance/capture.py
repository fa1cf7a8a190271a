# SPDX-License-Identifier: Apache-2.0
"""Remember a run: its record made, kept in the store, and put into each product.

The order makes it safe to kill anywhere and to do again. The record is in
the store before a product carries it, and a session that has a record there
gets no other one. A copied product appears under its name whole, its record
in it; what stood there before is never overwritten.
"""

import errno
import hashlib
import os
import shutil
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from eb_prefect.model.steprun import StepRun
from provenance.canonical import ni_of_hex
from provenance.errors import (
    CanNotDeliverError,
    MalformedRecordError,
    NoRecordError,
    ProductExistsError,
    UnreadableProductError,
)
from provenance.gather import gathered, inputs
from provenance.parts import Link
from provenance.products.attach import Attached, attach, embed
from provenance.products.extract import content_digest, content_parts, extract
from provenance.products.found import Rung
from provenance.products.sidecar import is_ours, sidecar
from provenance.record import StepRecord, draft
from provenance.store import Store

_DIGESTED_WHOLE = 64 << 20
_NO_LINKS = frozenset((errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV))


class Captured(NamedTuple):
    """A record, where the products are now, and how each carries it."""

    record: StepRecord
    products: tuple[Path, ...]
    attached: tuple[Attached, ...]


def capture(
    run: StepRun, store: Store, *, based_on: Link | None = None, into: Path | None = None
) -> Captured:
    """Record a run that has ended, however it ended, and put the record into its products.

    Products that are files here are copied below the directory ``into``, or
    left where the session put them. Again, with the same run and directory,
    it finds what it did and does what is left to do. What the run was made
    from may have been captured before or not.

    Raises
    ------
    ProductExistsError
        Other files are where products should go. Nothing was written there;
        the run is recorded, and its products stay where the session left them.
    CanNotDeliverError
        There is no room in ``into``, or it can't be made; the same holds.
    UnreadableProductError
        A product is damaged.
    CanNotAttachError
        A product can have its record neither inside nor beside it. The
        record is in the store.
    StoreError
        The store can't be used. No product was touched.
    """
    have = gathered(run)
    record = store.of_session(run.broker.name, run.session.uuid)
    files = {name: into / name for name in have.files} if into else have.files
    if others := _in_the_way(files, record) if into else []:
        raise ProductExistsError(others, capture(run, store, based_on=based_on).products)
    if record is None:
        made = draft(
            run, products=have.entries, inputs=inputs(run, store), based_on=based_on, missing=have.missing
        )
        record = made.record
        store.add(record, taken_out=made.secrets)
    try:
        attached = tuple(_delivered(have.files[name], path, record, name) for name, path in files.items())
    except OSError as reason:
        if into is None:
            raise
        kept = capture(run, store, based_on=based_on).products
        raise CanNotDeliverError(into, reason.strerror or str(reason), kept) from reason
    if files:
        store.located(record.digest, {name: (path.absolute(), _whole(path)) for name, path in files.items()})
    return Captured(record, tuple(files.values()), attached)


def _in_the_way(files: dict[str, Path], record: StepRecord | None) -> list[Path]:
    """Return what stands where files should go, but for what a capture of the same run has put there."""
    others = [
        path for name, path in files.items() if os.path.lexists(path) and not _is_done(path, name, record)
    ]
    return others + [beside for path in files.values() if not is_ours(beside := sidecar(path))]


def _is_done(path: Path, product: str, record: StepRecord | None) -> bool:
    entry = record.product(product) if record else None
    if record is None or entry is None or not path.is_file():
        return False
    try:
        same = content_digest(content_parts(path)) == entry.content
        return same and extract(path, check=False).digest == record.digest
    except NoRecordError:  # a kill came before its sidecar
        return True
    except (UnreadableProductError, MalformedRecordError):
        return False


def _delivered(source: Path, target: Path, record: StepRecord, product: str) -> Attached:
    """Attach where the file is, or copy it, attach, and only then give it its name."""
    if source == target or target.exists():
        return attach(target, record, product)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        shutil.copyfile(source, unfinished)
        done = embed(unfinished, record, product)
        _named(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
    return done if done.rung is Rung.EMBEDDED else attach(target, record, product)


def _named(unfinished: Path, target: Path) -> None:
    """Give the file its name, never in the place of another."""
    try:
        target.hardlink_to(unfinished)
    except FileExistsError as reason:
        raise ProductExistsError([target]) from reason
    except OSError as reason:
        if reason.errno not in _NO_LINKS:
            raise
        unfinished.rename(target)  # a file system without links


def _whole(path: Path) -> str | None:
    """Return the digest of the file as it is now; None for one too large to read again."""
    if path.stat().st_size > _DIGESTED_WHOLE:
        return None
    with path.open("rb") as file:
        return ni_of_hex(hashlib.file_digest(file, "sha256").hexdigest())
