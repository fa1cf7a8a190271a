# SPDX-License-Identifier: Apache-2.0
"""Where each volume's content is kept, and where the program sees it.

An INSTANCE volume is its one resource, at its path; where the command or the
environment names ``<path>/content`` the path is a directory that holds it
under that name, as the Calycopis docker platform has it. A CONTAINER volume
is a directory with each resource under its name. READONLY files of this
machine stay where they are; all else is the session's own.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TypeVar

from eb_prefect.brokers.embedded.launch import Bind
from eb_prefect.brokers.embedded.sources import address, algorithm, declared, is_local, path_of
from eb_prefect.model.compute import VolumeMount
from eb_prefect.model.data import Data
from eb_prefect.model.parts import Component
from eb_prefect.model.request import ExecutionRequest

CONTENT = "content"
_Resource = TypeVar("_Resource", bound=Component)


@dataclass
class Layout:
    """All that a plan says about volumes, while it is put together."""

    directory: str
    data: Mapping[str, Data]
    directories: list[str] = field(default_factory=list)
    stage: list[dict[str, object]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    binds: list[Bind] = field(default_factory=list)
    writable: list[dict[str, str]] = field(default_factory=list)
    storage: dict[str, str] = field(default_factory=dict)

    def place(
        self, volume: VolumeMount, place: str, entries: Mapping[str, str], stored: Container[str]
    ) -> None:
        """Add one volume: ``entries`` has its resources with their names in it, empty for the whole."""
        target, read_only = path_of_volume(volume), not volume.is_writable
        self.directories.append(place)
        whole = "" in entries.values()
        inner = [
            self._put(name, f"{place}/{entry or name.replace('/', '_')}", name in stored, read_only=read_only)
            for name, entry in entries.items()
        ]
        if whole:
            self.binds.append(Bind(inner[0], target, read_only))
        else:
            self.binds.append(Bind(place, target, read_only))
            for source, entry in zip(inner, entries.values(), strict=True):
                self._bind_inside(source, place, target, entry, read_only=read_only)
        if volume.is_writable:
            self.writable.append({"name": volume.name or target, "path": inner[0] if whole else place})

    def _put(self, name: str, path: str, is_stored: bool, *, read_only: bool) -> str:  # noqa: FBT001 - of the name
        """Keep a resource at a path, and return where it really is."""
        if is_stored:
            if name not in self.storage:
                self.storage[name] = path
                self.directories.append(path)
            return self.storage[name]
        item = stage_item(self.data[name], path, read_only=read_only)
        self.stage.append(item)
        return str(item["location"] if item["may_stay"] else path)

    def _bind_inside(self, source: str, place: str, target: str, entry: str, *, read_only: bool) -> None:
        if source != f"{place}/{entry}":
            self.links.append((f"{place}/{entry}", source))
            self.binds.append(Bind(source, f"{target}/{entry}", read_only))


def stage_item(data: Data, path: str, *, read_only: bool) -> dict[str, object]:
    """Return how a resource is staged, as `supervisor.plan.Item` reads it."""
    location = address(data) or ""
    local = is_local(location)
    return {
        "resource": data.name,
        "location": path_of(location) if local else location,
        "path": path,
        "is_remote": not local,
        "may_stay": local and read_only,
        "is_read_only": read_only,
        "checksums": [(algorithm(given), (given.value or "").lower()) for given in declared(data)],
    }


def layout(request: ExecutionRequest, directory: str) -> Layout:
    """Return the layout of a request that was not refused, for a session's directory."""
    made = Layout(directory, by_reference(request.data))
    made.directories += [f"{directory}/work", f"{directory}/root"]
    stored = by_reference(request.storage)
    for number, volume in enumerate(volumes_of(request)):
        place = f"{directory}/volumes/{number}"
        if volume.is_container:
            entries = {name: name for name in volume.resources}
        else:
            entries = dict.fromkeys(volume.resources, CONTENT if _names_content(request, volume) else "")
        made.place(volume, place, entries, stored)
    return made


def by_reference(resources: Iterable[_Resource]) -> dict[str, _Resource]:
    """Return resources by what volumes may call them: their names, and UUIDs where they have one."""
    return {key: item for item in resources for key in (item.uuid, item.name) if key is not None}


def volumes_of(request: ExecutionRequest) -> list[VolumeMount]:
    """Return the volumes that are attached, of the kind that is known here."""
    attached = request.compute.volumes if request.compute else ()
    return [volume for volume in attached if isinstance(volume, VolumeMount)]


def path_of_volume(volume: VolumeMount) -> str:
    """Return the path of a volume as it is compared: without a slash at its end."""
    return str(PurePosixPath(volume.path or ""))


def _names_content(request: ExecutionRequest, volume: VolumeMount) -> bool:
    named = f"{path_of_volume(volume)}/{CONTENT}"
    return any(_names(word, named) for word in words_of(request))


def _names(word: str, path: str) -> bool:
    begin, found, end = word.partition(path)
    return bool(found) and not begin.endswith("/") and not end[:1].isalnum()


def words_of(request: ExecutionRequest) -> Iterable[str]:
    """Yield the words of the command and the values of the environment."""
    command: tuple[str, ...] = getattr(request.executable, "command", ())
    environment: Mapping[str, str] = getattr(request.executable, "environment", {})
    yield from command
    yield from environment.values()
