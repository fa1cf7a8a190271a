# SPDX-License-Identifier: Apache-2.0
"""A CAOM 2.4 observation whose planes have the step as their Provenance.

It is a fragment to complete: what was observed nobody here knows. The
observation is named by the record, so that the planes of a later step can
name those that it was made from. Archives give names of their own.
"""

import io
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from provenance.canonical import short
from provenance.exports.story import (
    Story,
    executable,
    for_name,
    for_uri,
    for_xml,
    parameters,
    product_sha256,
    product_uri,
    session_uri,
    unique,
)
from provenance.extras import needed
from provenance.names import EB, name_of
from provenance.parts import Input, ProductEntry
from provenance.record import StepRecord

COLLECTION = "EB"
"""The collection, until an archive says which it is."""

_NAME = re.compile(r"[A-Za-z0-9._+-]{1,100}")
_PLANE = re.compile(r"caom:[A-Za-z0-9._+-]+/[A-Za-z0-9._+-]+/[A-Za-z0-9._+-]+")
_LONG = 2**63 - 1
_FIRST_YEAR = 1000  # the library writes earlier ones in less than four digits


def written(story: Story, syntax: str) -> bytes:  # noqa: ARG001 -- as all formats have it
    """Return the observation as XML that is valid by the schema.

    Raises
    ------
    NeedsExtraError
        The library caom2 is not installed.
    """
    with needed("CAOM", "export"):
        import caom2  # noqa: PLC0415 -- an extra
        from caom2.obs_reader_writer import ObservationWriter  # noqa: PLC0415 -- an extra
    out = io.StringIO()
    ObservationWriter(validate=True).write(_Observation(caom2, story.record).told(), out)
    return out.getvalue().encode()


class _Observation:
    """One observation while it is being made, by the library given."""

    def __init__(self, caom2: Any, record: StepRecord) -> None:
        self.caom2 = caom2
        self.record = record

    def told(self) -> Any:
        algorithm = self.caom2.Algorithm(_text(executable(self.record).name))
        name = _observation(self.record.digest)
        observation = self.caom2.DerivedObservation(COLLECTION, name, algorithm)
        for product in self.record.products:
            self.add(observation, self.plane(product.name, [self.artifact(product)]))
        if not self.record.products:
            self.add(observation, self.plane(self.record.name, []))
        return _named(observation, "observation", self.record.digest)

    def add(self, observation: Any, plane: Any) -> None:
        observation.planes[plane.product_id] = plane

    def plane(self, name: str, artifacts: list[Any]) -> Any:
        plane = self.caom2.Plane(_plane(name), provenance=self.provenance())
        for artifact in artifacts:
            plane.artifacts[artifact.uri] = artifact
        return _named(plane, "plane", self.record.digest, name)

    def provenance(self) -> Any:
        record, ran = self.record, executable(self.record)
        told = self.caom2.Provenance(
            _text(ran.name),
            version=_text(ran.version),
            producer=_text(record.broker.name),
            run_id=session_uri(record),
            reference=f"{EB}record-{for_name(short(record.digest))}",
            last_executed=_time(record.ended or record.started),
        )
        told._keywords = unique(_keywords(record))  # noqa: SLF001 -- its set would have another order each time
        told._inputs = [  # noqa: SLF001 -- the same
            self.caom2.PlaneURI(uri) for uri in unique(filter(None, map(_input, record.inputs)))
        ]
        return told

    def artifact(self, product: ProductEntry) -> Any:
        digest = product_sha256(product)
        size = product.size if product.size is not None and 0 <= product.size <= _LONG else None
        artifact = self.caom2.Artifact(
            product_uri(self.record.digest, product.name),
            self.caom2.ProductType.SCIENCE,
            self.caom2.ReleaseType.DATA,
            content_type=_text(product.media_type) if product.media_type else None,
            content_length=size,
            content_checksum=self.caom2.ChecksumURI(f"sha256:{digest}") if digest else None,
        )
        return _named(artifact, "artifact", self.record.digest, product.name)


def _named(entity: Any, *parts: str) -> Any:
    """Return the entity with an identifier of its own instead of one by chance."""
    entity._id = UUID(name_of("caom", *parts))  # noqa: SLF001 -- the library lets nobody say it
    return entity


def _time(when: datetime | None) -> datetime | None:
    if when is None or when.year < _FIRST_YEAR:
        return None
    return when.astimezone(UTC).replace(tzinfo=None)


def _keywords(record: StepRecord) -> list[str]:
    """Return the phase, what was set, and the data that are no planes."""
    others = [f"input={for_uri(data.location or data.name)}" for data in record.inputs if not _input(data)]
    said = [f"{name}={value}" for name, value in parameters(record).items()]
    return [
        _text(word) for word in (f"phase={record.session.phase}", f"record={record.digest}", *said, *others)
    ]


def _input(data: Input) -> str | None:
    if data.made_by:
        return f"caom:{COLLECTION}/{_observation(data.made_by.record)}/{_plane(data.made_by.product)}"
    return data.location if data.location and _PLANE.fullmatch(data.location) else None


def _observation(record: str) -> str:
    return _plane(short(record))


def _plane(name: str) -> str:
    """Return the name, or one made of it where a CAOM URI can't hold it."""
    if _NAME.fullmatch(name):
        return name
    return f"{re.sub('[^A-Za-z0-9._+-]+', '_', name)[:60]}-{name_of('plane', name)}"


def _text(text: str) -> str:
    return for_xml(text) or "unknown"
