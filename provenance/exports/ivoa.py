# SPDX-License-Identifier: Apache-2.0
"""A record in the classes of the IVOA Provenance Data Model 1.0 (REC 2020-04-11).

The session is an Activity, what was asked for its ActivityDescription, and
each setting of it a Parameter; data and products are DatasetEntities. The
record itself is the ConfigFile.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from provenance.exports.story import (
    Story,
    broker_uri,
    complaints,
    executable,
    input_uri,
    other_uri,
    parameters,
    product_uri,
    session_uri,
    unique,
)
from provenance.names import session_name
from provenance.parts import Input, Link, ProductEntry
from provenance.record import StepRecord


class Activity(NamedTuple):
    """An execution; ``description`` is the identifier of what it is one of."""

    id: str
    name: str | None = None
    start: datetime | None = None
    stop: datetime | None = None
    comment: str | None = None
    description: str | None = None


class ActivityDescription(NamedTuple):
    """A kind of execution."""

    id: str
    name: str
    version: str | None
    type: str
    subtype: str


class Entity(NamedTuple):
    """A DatasetEntity; ``description`` is the identifier of its DatasetDescription."""

    id: str
    name: str
    location: str | None = None
    comment: str | None = None
    description: str | None = None


class EntityDescription(NamedTuple):
    """A DatasetDescription: what is common to all files of a media type."""

    id: str
    name: str
    content_type: str


class Agent(NamedTuple):
    """Someone, or something, responsible: a Person, or a SoftwareAgent."""

    id: str
    name: str
    type: str
    url: str | None = None


class Parameter(NamedTuple):
    """A setting."""

    id: str
    name: str
    value: str


class ConfigFile(NamedTuple):
    """A file that tells how an activity was set."""

    id: str
    name: str
    location: str


class Used(NamedTuple):
    """An activity used an entity."""

    activity: str
    entity: str
    role: str


class WasGeneratedBy(NamedTuple):
    """An activity made an entity."""

    entity: str
    activity: str
    role: str


class WasDerivedFrom(NamedTuple):
    """An entity was made from another."""

    generated: str
    used: str


class WasInformedBy(NamedTuple):
    """An activity builds on another."""

    informed: str
    informant: str


class WasAssociatedWith(NamedTuple):
    """An agent had to do with an activity."""

    activity: str
    agent: str
    role: str


class WasConfiguredBy(NamedTuple):
    """An activity was set by a Parameter or a ConfigFile, as ``artefact_type`` says."""

    activity: str
    artefact: str
    artefact_type: str


Relation = Used | WasGeneratedBy | WasDerivedFrom | WasInformedBy | WasAssociatedWith | WasConfiguredBy
"""What two things have to do with each other."""

Row = Activity | ActivityDescription | Entity | EntityDescription | Agent | Parameter | ConfigFile | Relation
"""One instance of a class."""

_DERIVATIONS = 64


def rows(story: Story) -> tuple[Row, ...]:
    """Return all that the story tells, each thing once; whatever a relation speaks of has its row."""
    told = dict.fromkeys(row for record in story.records for row in _record_rows(record))
    best: dict[tuple[type, str], Row] = {}
    for row in told:
        if isinstance(row, Activity | Entity):
            key = (type(row), row.id)
            best[key] = max(best.get(key, row), row, key=lambda one: sum(field is not None for field in one))
    return tuple(
        row for row in told if not isinstance(row, Activity | Entity) or best[(type(row), row.id)] is row
    )


def _record_rows(record: StepRecord) -> Iterator[Row]:
    yield from _activity(record)
    yield from _agents(record)
    yield from _settings(record)
    for data in record.inputs:
        yield from _input(record, data)
    for product in record.products:
        yield from _product(record, product)
    if len(record.inputs) * len(record.products) <= _DERIVATIONS:
        for product in record.products:
            made = product_uri(record.digest, product.name)
            yield from (WasDerivedFrom(made, input_uri(record, data)) for data in record.inputs)
    if record.based_on:
        yield from _link(record, record.based_on)


def _activity(record: StepRecord) -> Iterator[Row]:
    session, ran = session_uri(record), executable(record)
    described = other_uri("description", record.request_digest or ran.digest)
    said = complaints(record)
    comment = f"{record.session.phase}: {said}" if said else str(record.session.phase)
    yield Activity(session, record.name, record.started, record.ended, comment, described)
    yield ActivityDescription(described, ran.name, ran.version, "execution", ran.kind)


def _agents(record: StepRecord) -> Iterator[Row]:
    session, broker = session_uri(record), broker_uri(record)
    yield Agent(broker, record.broker.name, "SoftwareAgent", record.broker.url)
    yield WasAssociatedWith(session, broker, "broker")
    for name in unique(agent.name for agent in record.agents if agent.kind == "person"):
        person = other_uri("person", name)
        yield Agent(person, name, "Person")
        yield WasAssociatedWith(session, person, "operator")


def _settings(record: StepRecord) -> Iterator[Row]:
    session = session_uri(record)
    for name, value in parameters(record).items():
        setting = other_uri("parameter", record.digest, name)
        yield Parameter(setting, name, value)
        yield WasConfiguredBy(session, setting, "Parameter")
    yield ConfigFile(record.digest, "record of the step", record.digest)
    yield WasConfiguredBy(session, record.digest, "ConfigFile")


def _input(record: StepRecord, data: Input) -> Iterator[Row]:
    name = input_uri(record, data)
    known = f"{data.checksum.type}:{data.checksum.value}" if data.checksum else None
    yield Entity(name, data.name, data.location, known)
    yield Used(session_uri(record), name, data.mount or data.name)


def _product(record: StepRecord, product: ProductEntry) -> Iterator[Row]:
    name, kind = product_uri(record.digest, product.name), product.media_type
    described = other_uri("media type", kind) if kind else None
    yield Entity(name, product.name, None, product.content, described)
    yield WasGeneratedBy(name, session_uri(record), product.volume or product.name)
    if kind and described:
        yield EntityDescription(described, kind, kind)


def _link(record: StepRecord, link: Link) -> Iterator[Row]:
    if link.session:
        before = f"urn:uuid:{session_name(record.broker.name, link.session)}"
        yield Activity(before)
        yield WasInformedBy(session_uri(record), before)
