# SPDX-License-Identifier: Apache-2.0
"""An in-toto Statement v1 whose predicate is SLSA Provenance v1.

The subjects are the products by the SHA-256 of the files as the program left
them, and the file at hand as it is now. Where no product has such a digest
the record itself is the subject. What was asked for are the external
parameters; data, image and software are the resolved dependencies.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from provenance.canonical import canonical, hex_of
from provenance.exports.story import (
    Story,
    broker_uri,
    executable,
    for_name,
    for_uri,
    hex_sha256,
    input_uri,
    product_sha256,
    session_uri,
)
from provenance.names import EB
from provenance.parts import Input, ProductEntry, Software
from provenance.record import StepRecord

BUILD_TYPE = f"{EB}ExecutionSession/v1"
"""Names what the external parameters mean: they are an execution request in neutral form."""

_ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512", "sha-1": "sha1"}


def written(story: Story, syntax: str) -> bytes:  # noqa: ARG001 -- as all formats have it
    """Return the statement as JSON in ASCII, unsigned; it goes into an envelope as it is."""
    record = story.record
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": list(_subjects(story)),
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"buildDefinition": _definition(record), "runDetails": _details(record)},
    }
    return json.dumps(json.loads(canonical(statement)), indent=2).encode() + b"\n"


def _subjects(story: Story) -> Iterator[dict[str, Any]]:
    record, found = story.record, False
    if story.file is not None:
        found = True
        notes = {"state": "as it is now", "product": story.carrier, "record": record.digest}
        yield _lean(
            name=story.file.name, digest={"sha256": _digest_of(story.file)}, annotations=_lean(**notes)
        )
    for product in record.products:
        if digest := product_sha256(product):
            found = True
            yield _product(product, digest, record)
    if not found:
        yield _record_file(record)


def _record_file(record: StepRecord) -> dict[str, Any]:
    digest = {"sha256": hex_of(record.digest)}
    return {"name": "record.json", "digest": digest, "mediaType": "application/json"}


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _product(product: ProductEntry, digest: str, record: StepRecord) -> dict[str, Any]:
    notes = _lean(state="as the program left it", content=product.content, record=record.digest)
    return _lean(
        name=product.name, digest={"sha256": digest}, mediaType=product.media_type, annotations=notes
    )


def _definition(record: StepRecord) -> dict[str, Any]:
    session = record.session
    asked = record.request.neutral() if record.request else None
    parameters = _lean(request=asked, missing=list(record.missing) or None)
    if asked is None:
        parameters["executable"] = session.executable.neutral() if session.executable else {}
    return {
        "buildType": BUILD_TYPE,
        "externalParameters": parameters,
        "internalParameters": _lean(chosen=record.chosen, requestDigest=record.request_digest),
        "resolvedDependencies": [
            *(_input(record, data) for data in record.inputs),
            *_image(record),
            *map(_software, record.software),
        ],
    }


def _details(record: StepRecord) -> dict[str, Any]:
    broker = record.broker
    version = {broker.kind: broker.version} if broker.version else None
    times = {"startedOn": _time(record.started), "finishedOn": _time(record.ended)}
    outcome = {"name": "phase", "annotations": {"phase": str(record.session.phase)}}
    return {
        "builder": _lean(id=for_uri(broker.url) if broker.url else broker_uri(record), version=version),
        "metadata": _lean(invocationId=session_uri(record), **times),
        "byproducts": [_record_file(record), {**outcome, "uri": f"{session_uri(record)}#phase"}],
    }


def _input(record: StepRecord, data: Input) -> dict[str, Any]:
    kind = (data.checksum.type or "").lower() if data.checksum else ""
    digests = {_ALGORITHMS.get(kind, kind): data.checksum.value} if data.checksum and kind else None
    made = data.made_by
    notes = {"content": data.content, "mount": data.mount, "madeBy": made.record if made else None}
    uri = for_uri(data.location or input_uri(record, data))
    return _lean(name=data.name, uri=uri, digest=digests, annotations=_lean(**notes) or None)


def _image(record: StepRecord) -> Iterable[dict[str, Any]]:
    ran = executable(record)
    if ran.location is not None:
        digests = {"sha256": ran.sha256} if ran.sha256 else None
        yield _lean(name=ran.name, uri=for_uri(ran.location), digest=digests)


def _software(one: Software) -> dict[str, Any]:
    package = f"pkg:generic/{for_name(one.name)}@{for_name(one.version or 'unknown')}"
    digest = hex_sha256(one.digest)
    return _lean(
        name=one.name,
        uri=for_uri(one.location) if one.location else package,
        digest={"sha256": digest} if digest else None,
        annotations={"version": one.version} if one.version else None,
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _lean(**said: Any) -> dict[str, Any]:
    return {key: value for key, value in said.items() if value is not None}
