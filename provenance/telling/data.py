# SPDX-License-Identifier: Apache-2.0
"""What the session used: data in the role of their mounts, and the code that was known."""

from typing import NamedTuple

from eb_prefect.model.data import SkaoData
from eb_prefect.model.parts import Checksum
from provenance.names import product_name
from provenance.parts import Input
from provenance.record import StepRecord
from provenance.telling.statements import Name, Statements, content, place, thing


class Used(NamedTuple):
    """An entity, and the name of its use."""

    entity: Name
    usage: Name


def tell_input(story: Statements, record: StepRecord, data: Input, session: Name) -> Used:
    """Tell of an input; replicas are alternates of it."""
    maker = data.made_by.record if data.made_by else None
    name = story.entity(
        _input_name(record, data),
        "Data",
        name=data.name,
        size=data.size,
        checksum=checksum_text(data.checksum),
        record=maker,
    )
    story.element("entity", name, place(data.location))
    if data.content and data.made_by:
        story.specialization(name, story.entity(content(data.content), "Content"))
    _tell_replicas(story, record, data, name)
    return Used(name, story.use(session, name, data.mount or data.name))


def checksum_text(checksum: Checksum | None) -> str | None:
    """Return a checksum in one word."""
    return f"{checksum.type}:{checksum.value}" if checksum else None


def _input_name(record: StepRecord, data: Input) -> Name:
    """Return the name from where it was made; else of its content, by its digest; else of its place."""
    if data.made_by:
        return Name("uu:" + product_name(data.made_by.record, data.made_by.product))
    if data.file:
        return content(data.file)
    return thing("data", data.location or (record.request_digest, data.name))


def _tell_replicas(story: Statements, record: StepRecord, data: Input, name: Name) -> None:
    found = [one for one in record.session.data if one.name == data.name and isinstance(one, SkaoData)]
    for replica in (copy for one in found if one.skao for copy in one.skao.replicas):
        if replica.dataurl:
            copy = story.entity(thing("replica", replica.dataurl), "Replica", storageElement=replica.rsename)
            story.element("entity", copy, place(replica.dataurl))
            story.pair("alternateOf", {"alternate1": copy, "alternate2": name})


def tell_code(story: Statements, record: StepRecord, session: Name) -> None:
    """Tell of the files of code that the session ran, where their digests were taken."""
    for one in record.software:
        if one.digest:
            name = story.entity(content(one.digest), "Code", name=one.name, version=one.version)
            story.element("entity", name, place(one.location))
            story.use(session, name, Name("eb:code"))
