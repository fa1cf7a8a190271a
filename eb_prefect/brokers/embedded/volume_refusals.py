# SPDX-License-Identifier: Apache-2.0
"""Why the volumes of a request can't be made."""

import posixpath
from collections import Counter
from collections.abc import Iterator

from eb_prefect.brokers.embedded.refusal import refusal, warning
from eb_prefect.brokers.embedded.volumes import path_of_volume, volumes_of
from eb_prefect.model.compute import OtherVolume, VolumeMount
from eb_prefect.model.parts import Message
from eb_prefect.model.request import ExecutionRequest

_SYSTEM = ("/proc", "/sys", "/dev")


def refusals(request: ExecutionRequest) -> Iterator[Message]:
    """Yield all that is wrong with the attached volumes and the names they use."""
    known = [item.name for item in (*request.data, *request.storage)]
    for name, count in Counter(known).items():
        if name is not None and count > 1:
            yield refusal(
                "duplicate-resource", f"{count} data and storage resources are named {name!r}", asked=name
            )
    for volume in request.compute.volumes if request.compute else ():
        if isinstance(volume, OtherVolume):
            yield refusal(
                "unknown-kind",
                f"volume {volume.name!r} is of kind {volume.kind!r};"
                " this broker mounts volume/simple-volume-mount",
                asked=volume.kind,
            )
        else:
            yield from _volume_refusals(volume, set(known))
    yield from _overlaps([path_of_volume(volume) for volume in volumes_of(request)])


def warnings(request: ExecutionRequest) -> Iterator[Message]:
    """Yield what the program will not see although the request has it."""
    seen = {name for volume in volumes_of(request) for name in volume.resources}
    for item in (*request.data, *request.storage):
        if item.name not in seen:
            yield warning(
                "unused-resource",
                f"{item.name!r} is in no volume, so the program can't see it and it is left alone",
            )
    for volume in request.volumes:
        yield warning("unattached-volume", f"volume {volume.name!r} is not attached to the compute resource")


def _volume_refusals(volume: VolumeMount, known: set[str | None]) -> Iterator[Message]:
    named = f"volume {volume.name or volume.path!r}"
    path = path_of_volume(volume)
    if not path.startswith("/") or posixpath.normpath(path) != path:
        yield refusal(
            "invalid-value",
            f"{named} needs an absolute path other than / and without . or .., got {volume.path!r}",
        )
    elif any(path == top or path.startswith(f"{top}/") for top in _SYSTEM):
        yield refusal("invalid-value", f"{named} can't be mounted at {path}: the system itself is there")
    if volume.mode not in ("READONLY", "READWRITE", None):
        yield refusal("invalid-value", f"{named} has mode {volume.mode!r}; it is READONLY or READWRITE")
    if volume.cardinality not in ("INSTANCE", "CONTAINER", "SINGLE", None):
        yield refusal(
            "invalid-value", f"{named} has cardinality {volume.cardinality!r}; it is INSTANCE or CONTAINER"
        )
    if not volume.resources or (len(volume.resources) > 1 and not volume.is_container):
        count = len(volume.resources)
        yield refusal(
            "invalid-value", f"{named} has {count} resources; an INSTANCE has one, a CONTAINER any number"
        )
    for name in volume.resources:
        if name not in known:
            yield refusal(
                "resource-not-found", f"{named} refers to {name!r}, which is no data or storage resource"
            )
        elif volume.is_container and (name in (".", "..") or "/" in name or "\0" in name):
            yield refusal("invalid-value", f"{named} can't have an entry named {name!r}; rename the resource")


def _overlaps(paths: list[str]) -> Iterator[Message]:
    for number, path in enumerate(paths):
        for other in paths[:number]:
            if path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/"):
                yield refusal("invalid-value", f"volumes at {other} and {path} lie inside one another")
