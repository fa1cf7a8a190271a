# SPDX-License-Identifier: Apache-2.0
"""Put a record into its product: inside where the format has a place, else beside it."""

from pathlib import Path
from typing import NamedTuple

from provenance.errors import CanNotAttachError
from provenance.products import sidecar
from provenance.products.formats import format_of
from provenance.products.found import Label, Rung
from provenance.record import StepRecord
from provenance.w3c import prov_json


class Attached(NamedTuple):
    """Where a record was put, and why not better."""

    rung: Rung
    place: str
    note: str = ""


def attach(path: Path, record: StepRecord, product: str) -> Attached:
    """Attach the record to the file of its product; twice is as once.

    The content is not touched: FITS files get an HDU at the end and a few
    cards where the first header has room; any other file, and one that is
    compressed, not writable or can't hold it, gets a sidecar.

    Raises
    ------
    CanNotAttachError
        Neither was possible. The file is as it was.
    UnreadableProductError
        The file begins like FITS and is damaged.
    """
    done = embed(path, record, product)
    if done.rung is Rung.EMBEDDED:
        return done
    return Attached(Rung.SIDECAR, str(sidecar.attach(path, _document(record, product))), done.note)


def embed(path: Path, record: StepRecord, product: str) -> Attached:
    """Attach the record inside the file; where that can't be, say so and do nothing.

    Raises
    ------
    UnreadableProductError
        The file begins like FITS and is damaged.
    """
    try:
        done = format_of(path).embed(path, _document(record, product), _label(record, product))
    except CanNotAttachError as reason:
        return Attached(Rung.SIDECAR, "", reason.reason)
    except PermissionError as reason:
        return Attached(Rung.SIDECAR, "", reason.strerror or str(reason))
    return Attached(Rung.EMBEDDED, *done)


def _document(record: StepRecord, product: str) -> bytes:
    return prov_json(record, carrier=product)


def _label(record: StepRecord, product: str) -> Label:
    number = next(at for at, one in enumerate(record.products) if one.name == product)
    return Label(record.digest, record.products[number].content or "", number)
