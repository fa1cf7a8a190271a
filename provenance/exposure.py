# SPDX-License-Identifier: Apache-2.0
"""What a request would be able to do: what runs, what it reads and where from, what it opens.

A request out of a file may have been written by anyone. A program of this
machine can do all that its user can; a container sees what is mounted, and
the network of its machine; and whatever is read as an input can be sent
elsewhere by what runs.
"""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from eb_prefect.brokers.embedded.sources import is_local, path_of
from eb_prefect.model.data import OtherData
from eb_prefect.model.executable import (
    DockerContainer,
    JupyterNotebook,
    JupyterServer,
    OtherExecutable,
    Program,
    SingularityContainer,
)
from eb_prefect.model.request import ExecutionRequest

_STEERS = re.compile(
    r"PATH|LD_\w+|DYLD_\w+|PYTHON\w+|PERL5\w*|RUBY\w+|NODE_\w+|BASH_ENV|BASH_FUNC.*|ENV|IFS|SHELLOPTS|BASHOPTS"
)
_ODD = re.compile(r"[\s\\\x00-\x1f]")
_PLACES = ("location", "endpoint", "access_url", "dataurl")


class Exposure(NamedTuple):
    """What a request names, sorted by what can come of it.

    ``programs`` and ``images`` run. ``steering`` are names of environment
    variables that decide what a program really is. ``files`` are paths of
    this machine, ``hosts`` names of others; an address that can't be told
    is a host as it is written. ``strange`` are parts of kinds that can't be judged.
    """

    programs: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()
    steering: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    strange: frozenset[str] = frozenset()

    def shared(self, other: Self) -> Self:
        """Return what both name."""
        return type(self)(*(one & two for one, two in zip(self, other, strict=True)))


def exposure(request: ExecutionRequest) -> Exposure:
    """Return what a request would be able to do, as far as its words tell."""
    places = [place for _, place in addresses(request)]
    images = frozenset(_images(request))
    return Exposure(
        programs=frozenset(_programs(request)),
        images=images,
        steering=frozenset(_steering(request)),
        files=frozenset(path_of(place) if is_local(place) else place for place in places if _is_file(place)),
        hosts=frozenset(_host(place) for place in places if not _is_file(place)),
        strange=frozenset(_strange(request)),
    )


def addresses(request: ExecutionRequest) -> Iterator[tuple[str, str]]:
    """Yield every address from which something would be read, with the name of what needs it."""
    for data in request.data:
        for place in _places(data.neutral()):
            yield f"data[{data.name or data.uuid or ''}]", place
    located = (JupyterNotebook, JupyterServer, SingularityContainer)
    if isinstance(request.executable, located) and request.executable.location:
        yield "executable", request.executable.location


def _places(item: Any) -> Iterator[str]:
    """Yield all texts below that are addresses, whatever their name: brokers differ in what they read."""
    match item:
        case Mapping():
            for key, value in item.items():
                if isinstance(value, str) and key != "kind" and (key in _PLACES or _is_address(value)):
                    yield value
                else:
                    yield from _places(value)
        case list() | tuple():
            for value in item:
                yield from [value] if isinstance(value, str) and _is_address(value) else _places(value)
        case _:
            return


def _is_address(text: str) -> bool:
    return "://" in text or text.startswith("/") or is_local(text)


def _is_file(place: str) -> bool:
    return is_local(place) or place.startswith("/")


def _host(place: str) -> str:
    """Return the host of an address; all of one that different readers may read differently."""
    try:
        host = urlsplit(place).hostname
    except ValueError:
        return place
    return place if host is None or _ODD.search(place) else host.lower()


def _programs(request: ExecutionRequest) -> Iterator[str]:
    match request.executable:
        case Program(command=(first, *_)):
            yield first
        case JupyterNotebook(location=str() as place) | SingularityContainer(location=str() as place):
            yield place
        case JupyterServer():
            yield "jupyter-server"  # what it opens is told by its address
        case _:
            return


def _images(request: ExecutionRequest) -> Iterator[str]:
    if isinstance(request.executable, DockerContainer) and request.executable.image:
        yield from request.executable.image.locations


def _steering(request: ExecutionRequest) -> Iterator[str]:
    if isinstance(request.executable, Program | JupyterServer):
        yield from (name for name in request.executable.environment if _STEERS.fullmatch(name))


def _strange(request: ExecutionRequest) -> Iterator[str]:
    if isinstance(request.executable, OtherExecutable):
        yield f"executable of kind {request.executable.kind}"
    yield from (f"data of kind {one.kind}" for one in request.data if isinstance(one, OtherData))
    attached = request.compute.volumes if request.compute else ()
    known = "volume/simple-volume-mount"
    yield from (f"volume of kind {one.kind}" for one in (*attached, *request.volumes) if one.kind != known)


def is_below(path: str, directories: tuple[os.PathLike[str], ...]) -> bool:
    """Whether a path is inside one of the directories, by its words and where its links lead."""
    whole = os.path.normpath(path)
    return any(
        _is_inside(whole, os.fspath(one)) and _is_inside(os.path.realpath(path), os.path.realpath(one))
        for one in directories
    )


def _is_inside(path: str, directory: str) -> bool:
    above = os.path.normpath(directory)
    return path.startswith("/") and os.path.commonpath([path, above]) == above
