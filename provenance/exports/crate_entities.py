# SPDX-License-Identifier: Apache-2.0
"""What a crate tells of beside its files and actions: people, programs, images, settings."""

import re
from collections.abc import Iterator
from typing import Any

from eb_prefect.model.phase import Phase
from provenance.exports.story import (
    Executable,
    broker_uri,
    complaints,
    for_uri,
    other_uri,
    our_url,
    parameters,
    unique,
)
from provenance.parts import Software
from provenance.record import StepRecord

TERMS = "https://w3id.org/ro/terms/workflow-run"
"""The vocabulary of workflow runs."""

Entity = dict[str, Any]


def status_of(record: StepRecord) -> Entity:
    """Return whether the session ended well, and if not, why."""
    if record.session.phase == Phase.COMPLETED:
        return {"actionStatus": "http://schema.org/CompletedActionStatus"}
    if not record.session.is_final:
        return {}
    error = complaints(record) or f"the session ended {record.session.phase}"
    return {"actionStatus": "http://schema.org/FailedActionStatus", "error": error}


def settings_of(record: StepRecord) -> Iterator[Entity]:
    """Yield each value that the program was given."""
    for name, value in parameters(record).items():
        setting = other_uri("parameter", record.digest, name)
        yield {"@id": setting, "@type": "PropertyValue", "name": name, "value": value}


def people_of(record: StepRecord) -> Iterator[Entity]:
    """Yield the broker, and the people that stood behind the step."""
    broker = broker_uri(record)
    yield {
        "@id": organisation_of(record),
        "@type": "Organization",
        "name": record.broker.name or record.broker.kind,
        "url": for_uri(record.broker.url) if record.broker.url else broker,
    }
    for name in _persons(record):
        yield {"@id": other_uri("person", name), "@type": "Person", "name": name or "unknown"}


def agent_of(record: StepRecord) -> str:
    """Return the name of who the step was run for; the broker's where nobody is known."""
    return next((other_uri("person", name) for name in _persons(record)), organisation_of(record))


def _persons(record: StepRecord) -> list[str]:
    return unique(agent.name for agent in record.agents if agent.kind == "person")


def organisation_of(record: StepRecord) -> str:
    """Return the name of the broker."""
    return broker_uri(record)


def software_of(one: Software) -> Entity:
    """Return a program; validators want its name to be of the web."""
    name = our_url("software", one.name, one.version, one.digest)
    return {
        "@id": name,
        "@type": "SoftwareApplication",
        "name": one.name or "unknown",
        "url": at(web(one.location) or name),
        "version": one.version or one.digest or "unknown",
    }


def image_of(location: str, ran: Executable) -> Entity:
    """Return the container image by the parts of its name, with the digest that was run."""
    reference = re.sub(r"^\w+://", "", location).partition("@")[0]
    registry, slash, path = reference.partition("/")
    if not slash or not re.search(r"[.:]|^localhost$", registry):
        registry, path = "docker.io", reference
    name, _, tag = path.partition(":")
    kind = "SIFImage" if "singularity" in ran.kind or location.endswith(".sif") else "DockerImage"
    return {
        "@id": other_uri("image", location, ran.sha256),
        "@type": "ContainerImage",
        "additionalType": at(f"{TERMS}#{kind}"),
        "registry": registry,
        "name": name or location,
        "tag": tag or ("latest" if not ran.sha256 else None),
        "sha256": ran.sha256,
    }


def web(location: str | None) -> str | None:
    """Return the address of something if it is of the web."""
    return for_uri(location) if location and re.match(r"https?://", location) else None


def at(name: str) -> Entity:
    """Return a reference to an entity."""
    return {"@id": name}
