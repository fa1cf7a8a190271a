# SPDX-License-Identifier: Apache-2.0
"""Why volumes that are sound in themselves can't be made here."""

from collections.abc import Iterator
from itertools import combinations

from eb_prefect.brokers.embedded.refusal import refusal, warning
from eb_prefect.brokers.embedded.volumes import path_of_volume, volumes_of
from eb_prefect.model.compute import OtherVolume
from eb_prefect.model.parts import Message
from eb_prefect.model.request import ExecutionRequest

_SYSTEM = ("/proc", "/sys", "/dev")


def refusals(request: ExecutionRequest) -> Iterator[Message]:
    """Yield which attached volumes are of a foreign kind, in a place of the system, or inside one another."""
    for volume in request.compute.volumes if request.compute else ():
        if isinstance(volume, OtherVolume):
            yield refusal(
                "unknown-kind",
                f"volume {volume.name!r} is of kind {volume.kind!r};"
                " this broker mounts volume/simple-volume-mount",
                asked=volume.kind,
            )
    paths = [path_of_volume(volume) for volume in volumes_of(request)]
    for path in paths:
        if any(_is_inside(path, system) for system in _SYSTEM):
            text = f"a volume can't be mounted at {path}: the system itself is there"
            yield refusal("invalid-value", text, asked=path)
    for path, other in combinations(paths, 2):
        if path != other and (_is_inside(path, other) or _is_inside(other, path)):
            yield refusal("invalid-value", f"volumes at {path} and {other} lie inside one another")


def _is_inside(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}/")


def warnings(request: ExecutionRequest) -> Iterator[Message]:
    """Yield what the program will not see although the request has it."""
    seen = {name for volume in volumes_of(request) for name in volume.resources}
    for item in (*request.data, *request.storage):
        if seen.isdisjoint((item.name, item.uuid)):
            yield warning(
                "unused-resource",
                f"{item.name!r} is in no volume: the program can't see it, it is left alone",
            )
    for volume in request.volumes:
        yield warning("unattached-volume", f"volume {volume.name!r} is not attached to the compute resource")
