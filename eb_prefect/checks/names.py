# SPDX-License-Identifier: Apache-2.0
"""Kinds, and the names by which the parts of a request refer to each other."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple

from eb_prefect.errors import Fault
from eb_prefect.model.kind import PLACEHOLDERS
from eb_prefect.model.request import ExecutionRequest

_CONCRETE = {
    "executable": "executable/docker-container",
    "compute": "compute/simple-compute-resource",
    "volumes": "volume/simple-volume-mount",
    "storage": "storage/simple-storage-resource",
    "data": "data/simple-data-resource",
}
_TELLABLE = 10
_COMPARABLE = 500


class Names(NamedTuple):
    """What a request's data and storage can be called: their names, and UUIDs where they have one."""

    data: frozenset[str]
    storage: frozenset[str]
    all: frozenset[str]


def names_of(request: ExecutionRequest) -> Names:
    """Return the names that the parts of a request may refer to."""
    data, storage = _names(request.data), _names(request.storage)
    return Names(data, storage, data | storage)


def _names(parts: Iterable[Any]) -> frozenset[str]:
    return frozenset(name for part in parts for name in (part.name, part.uuid) if name is not None)


def no_such(name: str, names: frozenset[str], what: str) -> str:
    """Return that the name is nobody's, with the one that may have been meant."""
    if len(names) > _COMPARABLE:
        return f"names no {what}: {name!r}, among {len(names)} names"
    near = get_close_matches(name, names, 1)
    if near:
        return f"names no {what}: {name!r}; did you mean {near[0]!r}?"
    some = ", ".join(sorted(names)[:_TELLABLE]) + (", ..." if len(names) > _TELLABLE else "")
    return f"names no {what}: {name!r}; there is {some or 'none'}"


def same_names(request: ExecutionRequest) -> Iterator[Fault]:
    """Yield the names that are not unique over data and storage, which volumes refer to."""
    places: dict[str, list[str]] = {}
    for family, parts in (("data", request.data), ("storage", request.storage)):
        for n, part in enumerate(parts):
            if part.name is not None:
                places.setdefault(part.name, []).append(f"{family}[{n}]")
    for name, (first, *others) in places.items():
        for path in others:
            yield Fault(
                f"{path}.name", f"is {name!r} like that of {first}; volumes could not tell them apart"
            )


def kind(component: Any, path: str) -> Iterator[Fault]:
    """Yield what is wrong with the kind of the component at a path."""
    example = _CONCRETE[re.sub(r"\[\d+\]$", "", path).rpartition(".")[2]]
    if component.kind is None:
        yield Fault(f"{path}.kind", f"is missing; give one, such as {example}")
    elif component.kind in PLACEHOLDERS:
        yield Fault(
            f"{path}.kind", f"is the placeholder {component.kind}; give a concrete one, such as {example}"
        )


def one_of(given: str | None, known: tuple[str, ...], path: str) -> Iterator[Fault]:
    """Yield a fault for text that is none of the words of a closed set."""
    if given is not None and given not in known:
        yield Fault(path, f"is {given!r}; it is {' or '.join(known)}")
