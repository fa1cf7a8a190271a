# SPDX-License-Identifier: Apache-2.0
"""A Process Run Crate 0.5: an RO-Crate 1.1 that tells of executions.

Each session is a CreateAction, and what it ran its instrument. A file that
is not in the crate is a CreativeWork, named as everywhere else: its address
may be of another machine. Whose the data are no record says, so the crate
has a licence that says so.

Validators want times without ``Z`` and without microseconds, programs under
``http`` names, and of each file a media type.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from provenance.canonical import short
from provenance.exports.crate_entities import (
    TERMS,
    Entity,
    agent_of,
    at,
    image_of,
    organisation_of,
    people_of,
    settings_of,
    software_of,
    status_of,
    web,
)
from provenance.exports.story import (
    Executable,
    Story,
    digest_uri,
    executable,
    for_name,
    for_text,
    for_uri,
    hex_sha256,
    input_uri,
    moment,
    our_url,
    product_uri,
    session_uri,
    unique,
)
from provenance.extras import needed
from provenance.parts import Input, ProductEntry
from provenance.record import StepRecord

METADATA = "ro-crate-metadata.json"
"""The name of the file that makes a directory a crate."""

ROOT = "./"
"""The name of the crate in itself."""

_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_MEDIA_TYPE = re.compile(r"\w+/\w[\w.-]*(?:\+\w[\w.-]*)?", re.ASCII)
_ANY_FILE = "application/octet-stream"
_LICENCE = "#licence-not-recorded"
_ENVIRONMENT = "executable.environment."


def written(story: Story, syntax: str) -> bytes:  # noqa: ARG001 -- as all formats have it
    """Return the metadata of a crate that has no files; the records' texts are in it.

    Raises
    ------
    NeedsExtraError
        The library rocrate is not installed.
    """
    return metadata(story, {})


def record_file(record: StepRecord) -> str:
    """Return the name that the text of a record has in a crate."""
    return f"records/{for_name(short(record.digest))[:100]}.json"


def metadata(story: Story, files: Mapping[str, str]) -> bytes:
    """Return the metadata of a crate, in ASCII.

    ``files`` are the paths in the crate of the files that it has, by the URI
    of each.

    Raises
    ------
    NeedsExtraError
        The library rocrate is not installed.
    """
    with needed("an RO-Crate", "export"):
        from rocrate.model import ContextEntity, File  # noqa: PLC0415 -- an extra
        from rocrate.rocrate import ROCrate  # noqa: PLC0415 -- an extra
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(f"{TERMS}/context")
    paths = {_path_uri(path): path for path in files.values()}
    for name, entity in _entities(story, files).items():
        if name == ROOT:
            crate.update_jsonld({"@id": ROOT, **entity})
        elif name in paths:
            crate.add(File(crate, dest_path=paths[name], properties=entity))
        else:
            crate.add(ContextEntity(crate, name, properties=entity))
    return _text(crate.metadata.generate())


def _entities(story: Story, files: Mapping[str, str]) -> dict[str, Entity]:
    """Return the entities by name; what is told of one twice is told at once."""
    entities: dict[str, Entity] = {}
    for told in _Graph(story, files).told():
        known = {key: value for key, value in told.items() if value not in (None, "", [])}
        name = known.pop("@id")
        entities[name] = {**entities.get(name, {}), **known}
    return {name: _plain(entities[name]) for name in sorted(entities)}


def _text(document: Entity) -> bytes:
    graph = sorted(document["@graph"], key=lambda one: str(one["@id"]))
    return json.dumps({**document, "@graph": graph}, indent=2, sort_keys=True).encode() + b"\n"


def _plain(item: Any) -> Any:
    match item:
        case str():
            return for_text(item)
        case [one]:
            return _plain(one)  # RO-Crate 1.1 wants no lists of one
        case list():
            return [_plain(one) for one in item]
        case dict():
            return {key: _plain(one) for key, one in item.items()}
        case _:
            return item


class _Graph:
    """The entities of one crate."""

    def __init__(self, story: Story, files: Mapping[str, str]) -> None:
        self.story = story
        self.files = files

    def told(self) -> Iterator[Entity]:
        """Yield every entity; of those with one name the later says more."""
        yield from self.crate()
        for record in reversed(self.story.records):
            yield from self.action(record)

    def crate(self) -> Iterator[Entity]:
        record = self.story.record
        name = self.story.carrier or record.name
        broker = at(organisation_of(record))
        yield {
            "@id": ROOT,
            "@type": "Dataset",
            "name": name or "step",
            "description": f"{name} with the record of the step that made it",
            "datePublished": _time(moment(record)),
            "license": at(_LICENCE),
            "author": broker,
            "publisher": broker,
            "conformsTo": at(_PROFILE),
            "mentions": [at(session_uri(one)) for one in self.story.records],
        }
        yield {"@id": _PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
        said = "The records of the steps do not say under which licence the data are"
        yield {"@id": _LICENCE, "@type": "CreativeWork", "name": "Not recorded", "description": said}

    def action(self, record: StepRecord) -> Iterator[Entity]:
        ran, image = executable(record), None
        instrument = our_url("executable", ran.digest)
        if ran.image:
            image = image_of(ran.image, ran)
            yield image
        settings = list(settings_of(record))
        yield from settings
        environment = [one for one in settings if one["name"].startswith(_ENVIRONMENT)]
        others = [one for one in settings if one not in environment]
        inputs = [self.input(record, data) for data in record.inputs]
        products = [self.product(record, product) for product in record.products]
        yield from (*inputs, *products, *self.origin(record), self.text(record))
        yield from self.program(record, ran, instrument)
        yield from people_of(record)
        yield {
            "@id": session_uri(record),
            "@type": "CreateAction",
            "name": record.name or "step",
            "description": f"{ran.name}, run by {record.broker.name}: {record.session.phase}",
            "instrument": at(instrument),
            "agent": at(agent_of(record)),
            "object": _refer([*inputs, *others]),
            "result": _refer([*products, self.text(record)]),
            "startTime": _time(record.started) if record.started else None,
            "endTime": _time(record.ended) if record.ended else None,
            "environment": _refer(environment),
            "containerImage": at(image["@id"]) if image else None,
            **status_of(record),
        }

    def program(self, record: StepRecord, ran: Executable, name: str) -> Iterator[Entity]:
        needs = [software_of(one) for one in record.software]
        yield from needs
        yield {
            "@id": name,
            "@type": "SoftwareApplication",
            "name": ran.name or ran.kind,
            "url": at(web(ran.location) or name),
            "version": ran.version,
            "softwareRequirements": _refer(needs),
        }

    def input(self, record: StepRecord, data: Input) -> Entity:
        return {
            **self.file(input_uri(record, data), None),
            "name": data.name,
            "url": for_uri(data.location) if data.location else None,
            "contentSize": _size(data.size),
            "sha256": hex_sha256(data.file),
        }

    def product(self, record: StepRecord, product: ProductEntry) -> Entity:
        return {
            **self.file(product_uri(record.digest, product.name), product.media_type),
            "name": product.name,
            "contentSize": _size(product.size),
            "identifier": product.content,
        }

    def origin(self, record: StepRecord) -> Iterator[Entity]:
        """Yield the earlier record that the request was taken from."""
        if record.based_on:
            name = {"name": "record of an earlier step", "identifier": record.based_on.record}
            yield {**self.file(digest_uri(record.based_on.record), "application/json"), **name}

    def text(self, record: StepRecord) -> Entity:
        origin = list(self.origin(record))
        entity = {
            **self.file(record.digest, "application/json"),
            "name": f"record of {record.name}",
            "identifier": record.digest,
            "isBasedOn": _refer(origin),
        }
        return entity if record.digest in self.files else {**entity, "text": record.text}

    def file(self, uri: str, media_type: str | None) -> Entity:
        path = self.files.get(uri)
        kind = media_type if media_type and _MEDIA_TYPE.fullmatch(media_type) else _ANY_FILE
        if path is None:
            return {"@id": for_uri(uri), "@type": "CreativeWork", "encodingFormat": media_type and kind}
        return {"@id": _path_uri(path), "@type": "File", "encodingFormat": kind}


def _path_uri(path: str) -> str:
    return "/".join(map(for_path, path.split("/")))


def for_path(segment: str) -> str:
    """Return a name of a file as a segment of a relative URI."""
    return for_name(segment).replace("%2E", ".").replace("%7E", "~")


def _size(size: int | None) -> str | None:
    return None if size is None else str(size)


def _time(when: datetime) -> str:
    return when.astimezone(UTC).replace(microsecond=0).isoformat()


def _refer(entities: list[Entity]) -> list[Entity]:
    return [at(name) for name in unique(str(entity["@id"]) for entity in entities)]
