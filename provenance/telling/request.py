# SPDX-License-Identifier: Apache-2.0
"""The request as a plan: what it runs, the recipe it follows, and the places it asks for."""

from collections.abc import Iterator
from typing import Any

from eb_prefect.model.compute import VolumeMount
from eb_prefect.model.executable import Executable
from eb_prefect.model.phase import FINAL
from eb_prefect.model.request import ExecutionRequest
from provenance.canonical import canonical, ni
from provenance.record import StepRecord
from provenance.telling.statements import Name, Statements, content, place, thing

_VARIED = ("environment", "parameters", "command", "name", "description", "labels", "checksum")


def tell_request(story: Statements, record: StepRecord, session: Name) -> tuple[Name, ...]:
    """Tell of the request and its executable; return them as the plans that they are."""
    request, digest = record.request, record.request_digest
    if request is None or digest is None:
        return ()
    plan = content(digest)
    said = {"prov:type": [Name("prov:Plan"), Name("eb:ExecutionRequest")], "prov:label": request.name}
    story.element("entity", plan, said)
    story.specialization(plan, story.entity(recipe(request), "Recipe"))
    return (plan, _tell_executable(story, request.executable, session)) if request.executable else (plan,)


def recipe(request: ExecutionRequest) -> Name:
    """Return the name of what all reruns of a request have in common.

    That is the program, without how it is called and parametrized, and the
    paths where it finds data.
    """
    program = request.executable.neutral() if request.executable else {}
    kept = {key: value for key, value in program.items() if key not in _VARIED}
    if command := program.get("command"):
        kept["program"] = command[0]
    mounts = sorted((volume.path or "", volume.mode or "") for volume in _volumes(request))
    return content(ni(canonical({"executable": kept, "mounts": mounts})))


def _tell_executable(story: Statements, executable: Executable, session: Name) -> Name:
    neutral = executable.neutral()
    name = content(ni(canonical(neutral)))
    image = getattr(executable, "image", None)
    said: dict[str, Any] = {
        "prov:type": [Name("eb:Executable"), Name("prov:Plan")],
        "eb:kind": neutral.get("kind"),
        "eb:imageDigest": image.digest if image else None,
        "eb:image": image.locations[0] if image and image.locations else None,
    }
    story.element("entity", name, said | place(getattr(executable, "location", None)))
    story.use(session, name, Name("eb:executable"))
    return name


def tell_parameters(story: Statements, record: StepRecord, session: Name) -> None:
    """Tell of each value that the program was given, as an entity that the session used."""
    executable = record.request.executable if record.request else None
    given = {
        **getattr(executable, "environment", {}),
        **getattr(executable, "parameters", {}),
    }
    for key, value in given.items():
        text = value if isinstance(value, str) else canonical(value).decode()
        name = thing("parameter", key, text)
        said = {"prov:type": Name("eb:Parameter"), "eb:name": key, "prov:value": text}
        story.use(session, story.element("entity", name, said), key)


def tell_places(story: Statements, record: StepRecord, session: Name) -> None:
    """Tell of the volumes, and of rooms that were gone with the session."""
    request = record.request
    if request is None:
        return
    volumes = {volume.path: volume for volume in _volumes(request) if volume.path}
    told = {path: tell_volume(story, session, path, volume.mode) for path, volume in volumes.items()}
    kept = {product.volume for product in record.products}
    for room in (storage.name for storage in request.storage if storage.name):
        shown = [path for path, volume in volumes.items() if room in volume.resources]
        name = thing("room", session, room)
        said = {"prov:type": [Name("eb:Storage"), Name("prov:Location")], "eb:name": room}
        story.element("entity", name, said | {"prov:location": [told[path] for path in shown]})
        if not kept.intersection(shown) and not _held(request, room) and _is_told_out(record):
            _tell_scratch(story, name, session)


def _is_told_out(record: StepRecord) -> bool:
    """Whether a room without products is known to have had none that stayed."""
    return record.session.phase in FINAL and None not in {product.volume for product in record.products}


def _held(request: ExecutionRequest, room: str) -> bool:
    """Whether data that were there before are kept in the room."""
    return any(data.storage == room for data in request.data)


def _tell_scratch(story: Statements, room: Name, session: Name) -> None:
    """Tell that a room came and went with the session; when, nobody saw."""
    story.entity(room, "Scratch")
    story.generation(room, session)
    args = {"entity": room, "activity": session}
    story.relation("wasInvalidatedBy", thing("invalidation", room, session), args)


def tell_volume(story: Statements, session: Name, path: str, mode: str | None = None) -> Name:
    """Tell of a place that a session had; one of another session is another place."""
    said = {"prov:type": [Name("eb:Volume"), Name("prov:Location")], "eb:path": path, "eb:mode": mode}
    return story.element("entity", thing("volume", session, path), said)


def _volumes(request: ExecutionRequest) -> Iterator[VolumeMount]:
    for volume in (*(request.compute.volumes if request.compute else ()), *request.volumes):
        if isinstance(volume, VolumeMount):
            yield volume
