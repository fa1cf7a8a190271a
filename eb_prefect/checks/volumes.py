# SPDX-License-Identifier: Apache-2.0
"""What to run it on, and where its data appear there."""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from eb_prefect.checks.names import Names, kind, no_such, one_of
from eb_prefect.checks.sizes import counts
from eb_prefect.errors import Fault
from eb_prefect.model.compute import OtherCompute, OtherVolume, Volume, VolumeMount
from eb_prefect.model.request import ExecutionRequest


def compute_faults(request: ExecutionRequest, names: Names) -> Iterator[Fault]:
    """Yield what is wrong with the compute resource and all volumes."""
    compute = request.compute
    if compute is not None:
        yield from kind(compute, "compute")
        if not isinstance(compute, OtherCompute):
            yield from counts(compute.cores, "compute.cores")
            yield from counts(compute.memory, "compute.memory")
        for n, volume in enumerate(compute.volumes):
            yield from _volume(volume, names, f"compute.volumes[{n}]")
        yield from _same_paths(compute.volumes)
    for n, volume in enumerate(request.volumes):
        yield from _volume(volume, names, f"volumes[{n}]")


def _volume(volume: Volume, names: Names, path: str) -> Iterator[Fault]:
    yield from kind(volume, path)
    if isinstance(volume, OtherVolume):
        return
    yield from _path(volume.path, f"{path}.path")
    yield from one_of(volume.mode, ("READONLY", "READWRITE"), f"{path}.mode")
    yield from one_of(volume.cardinality, ("INSTANCE", "CONTAINER"), f"{path}.cardinality")
    if not volume.resources:
        yield Fault(f"{path}.resources", "is empty; name the data or storage that is mounted")
    if volume.cardinality == "INSTANCE" and len(volume.resources) > 1:
        reason = f"is INSTANCE for {len(volume.resources)} resources; write CONTAINER"
        yield Fault(f"{path}.cardinality", reason)
    for n, resource in enumerate(volume.resources):
        at = f"{path}.resources[{n}]"
        if resource not in names.all:
            yield Fault(at, no_such(resource, names.all, "data or storage"))
        elif volume.is_container and ("/" in resource or resource in ("", ".", "..")):
            yield Fault(at, f"is {resource!r}, no name for a file, which it would be in the volume")


def _path(path: str | None, at: str) -> Iterator[Fault]:
    if not path:
        yield Fault(at, "is missing; say where the volume appears, such as /input")
    elif not path.startswith("/") or ".." in PurePosixPath(path).parts or "\0" in path:
        yield Fault(at, f"is {path!r}; a volume is mounted at an absolute path without '..'")
    elif not _below_root(path):
        yield Fault(at, "is the root, which would hide the program itself")


def _below_root(path: str) -> tuple[str, ...]:
    # POSIX lets "//" be another root than "/"; here it is not
    return PurePosixPath("/" + path.lstrip("/")).parts[1:]


def _same_paths(volumes: Iterable[Volume]) -> Iterator[Fault]:
    seen: dict[tuple[str, ...], int] = {}
    for n, volume in enumerate(volumes):
        if not isinstance(volume, VolumeMount) or not volume.path:
            continue
        first = seen.setdefault(_below_root(volume.path), n)
        if first != n:
            yield Fault(f"compute.volumes[{n}].path", f"is that of compute.volumes[{first}] too")
