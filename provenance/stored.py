# SPDX-License-Identifier: Apache-2.0
"""What the store knows of a file: by the digest that the file points to, and by its content."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from provenance.canonical import short
from provenance.errors import UnknownRecordError
from provenance.products.extract import Reading, forged, states
from provenance.products.found import Contents, Found, Rung, content_digest, descended
from provenance.record import StepRecord
from provenance.signing.signature import checked
from provenance.store import Store


def stored(near: Reading, store: Store, *, check: bool) -> Iterator[Found]:
    """Yield the records of the store that belong to a file as read, the surest first.

    A pointer to a record that the file itself has says nothing more.
    """
    told = _Told(near.path, store, near.contents if check else None)
    if not any(one.digest == near.contents.signpost for one in near.found):
        yield from _pointed_at(near.contents, told)
    if check and near.contents.parts:
        for maker in store.by_content(content_digest(near.contents.parts))[:1]:
            yield told(store.find(maker.record), maker.product, Rung.STORE)


def _pointed_at(contents: Contents, told: "_Told") -> Iterator[Found]:
    """Yield what the pointer leads to; of several products the one whose content is named beside it."""
    if contents.signpost is None:
        return
    try:
        record = told.store.find(contents.signpost)
    except UnknownRecordError:
        return
    names = [one.name for one in record.products if short(one.content or "") == contents.described]
    for name in (names or [one.name for one in record.products])[:1]:
        yield told(record, name, Rung.POINTER)


class _Told(NamedTuple):
    """What the store says of a file, beside what is in it."""

    path: Path
    store: Store
    present: Contents | None

    def __call__(self, record: StepRecord, name: str, rung: Rung) -> Found:
        story: dict[str, Any] = json.loads(record.text)
        product = next(one for one in story["products"] if one["name"] == name)
        found = states(self.path, product, self.present, self.store.name)
        signatures = checked(self.store.signatures(record.digest), record.digest)
        how = "by the pointer in the file" if rung is Rung.POINTER else "by the digest of the content"
        return Found(
            path=str(self.path),
            record=story,
            text=record.text,
            digest=record.digest,
            product=product,
            rung=rung,
            place=f"{self.store.name}, {how}",
            parts=descended(found) if rung is Rung.POINTER else found,
            faults=forged(signatures),
            signatures=signatures,
        )
