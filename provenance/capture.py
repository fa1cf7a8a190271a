# SPDX-License-Identifier: Apache-2.0
"""Remember a run: its record made, kept in the store, and put into each product.

The files of one Zarr store or MeasurementSet are one product.

The order makes it safe to kill anywhere and to do again. The record is in
the store before a product carries it, and a session that has a record there
gets no other one. A copied product appears under its name whole, its record
in it; what stood there before is never overwritten.
"""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from eb_prefect.home import home
from eb_prefect.model.steprun import StepRun
from eb_prefect.outputs import fetched, fetching
from eb_prefect.step import StepOptions
from provenance.deliver import delivered
from provenance.errors import (
    CanNotDeliverError,
    MalformedRecordError,
    NoRecordError,
    ProductExistsError,
    UnreadableProductError,
)
from provenance.gather import Gathered, gathered, inputs
from provenance.parts import Link
from provenance.products.attach import Attached
from provenance.products.extract import content_parts, extract
from provenance.products.found import content_digest
from provenance.products.sidecar import is_ours, sidecar
from provenance.record import StepRecord, draft
from provenance.signing.own import signed
from provenance.store import Store
from provenance.trees import as_directories
from provenance.wholes import whole

_DIGESTED_WHOLE = 64 << 20
"""Bytes beyond which a product is not read again for its digest as a whole."""


class Captured(NamedTuple):
    """A record, where its products are, how each carries it, and why it is unsigned if it should not be."""

    record: StepRecord
    products: tuple[Path, ...]
    attached: tuple[Attached, ...]
    unsigned: str = ""


def capture(
    run: StepRun, store: Store, *, based_on: Link | None = None, into: Path | None = None
) -> Captured:
    """Record a run that has ended, however it ended, and put the record into its products.

    Products that are files or directories here are copied below the directory
    ``into``, or left where the session put them; of what `fetching_into` fetched from another
    machine only the copy in ``into`` stays. Again, with the same run and directory,
    it finds what it did and does what is left to do. What the run was made
    from may have been captured before or not. It is signed where the policy
    names a key (`provenance.policy`); that this fails is told, and ends nothing.

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
    run = as_directories(run)
    have = gathered(run)
    record = store.of_session(run.broker.name, run.session.uuid)
    files = {name: into / name for name in have.files} if into else have.files
    if others := _in_the_way(files, record) if into else []:
        raise ProductExistsError(others, capture(run, store, based_on=based_on).products)
    record = record or _recorded(run, have, store, based_on)
    seal = signed(record, store)
    try:
        attached = tuple(
            delivered(have.files[name], path, record, name, seal.signatures) for name, path in files.items()
        )
    except OSError as reason:
        if into is None:
            raise
        kept = capture(run, store, based_on=based_on).products
        raise CanNotDeliverError(into, reason.strerror or str(reason), kept) from reason
    if files:
        store.located(record.digest, {name: _place(path) for name, path in files.items()})
    if into:
        _drop_copies(run)
    return Captured(record, tuple(files.values()), attached, seal.why_not)


def _recorded(run: StepRun, have: Gathered, store: Store, based_on: Link | None) -> StepRecord:
    """Make the record of a run, and keep it."""
    made = draft(
        run, products=have.entries, inputs=inputs(run, store), based_on=based_on, missing=have.missing
    )
    store.add(made.record, taken_out=made.secrets)
    return made.record


def _place(path: Path) -> tuple[Path, str | None]:
    """Return where a product is, and its digest as a whole, if it is not too large for that."""
    return path.absolute(), whole(path, _DIGESTED_WHOLE)


def fetching_into(options: StepOptions, into: Path | None) -> StepOptions:
    """Return the options with which a step fetches its products, if they are to go into a directory here."""
    return options._replace(finish=fetching(_fetched_below())) if into else options


def _fetched_below() -> Path:
    return home() / "fetched"


def _drop_copies(run: StepRun) -> None:
    """Remove what was fetched, now that it is where it is wanted, and what a kill left half fetched."""
    shutil.rmtree(fetched(_fetched_below(), run), ignore_errors=True)


def _in_the_way(files: dict[str, Path], record: StepRecord | None) -> list[Path]:
    """Return what stands where files should go, but for what a capture of the same run has put there."""
    others = [
        path for name, path in files.items() if os.path.lexists(path) and not _is_done(path, name, record)
    ]
    return others + [beside for path in files.values() if not is_ours(beside := sidecar(path))]


def _is_done(path: Path, product: str, record: StepRecord | None) -> bool:
    entry = record.product(product) if record else None
    if record is None or entry is None or not path.exists():
        return False
    try:
        same = entry.undigested or content_digest(content_parts(path)) == entry.content
        return bool(same) and extract(path, check=False).digest == record.digest
    except NoRecordError:  # a kill came before its sidecar
        return True
    except (UnreadableProductError, MalformedRecordError):
        return False
