# SPDX-License-Identifier: Apache-2.0
"""A request from a session alone, where nobody kept the one that was sent.

Brokers add to a session what a request has no place for, and leave out much
that it had. What they assigned is stripped, what is only likely is said to be
so, and what is not there is a hole for the user to fill.
"""

import re
from typing import Any, NamedTuple

from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session

_ASSIGNED = (
    "uuid", "url", "created", "modified", "messages", "options", "phase", "schedule",
    "expires", "connectors", "costs", "metrics",
)  # fmt: skip
_MADE_BY_BROKERS = re.compile(r"Storage for \[.*\]|BindMount|VolumeMount")
_DEFAULT_COMPUTE = "Default compute resource"
_DEFAULT_PLATFORM = {"architecture": "amd64", "os": "linux"}


class Derived(NamedTuple):
    """A request, and what about it is a guess or not known at all."""

    request: ExecutionRequest
    notes: tuple[str, ...]


def derived(session: Session) -> Derived:
    """Return the request that would lead to a session like this one, as far as it tells."""
    given = session.neutral()
    notes: list[str] = []
    names = _names(given)
    storage = [_storage(one, names, notes) for one in given.get("storage", ()) if not _is_made_up(one)]
    kept = {one["name"] for one in storage}
    volumes = [_volume(one, names, notes) for one in given.get("volumes", ())]
    request: dict[str, Any] = {
        "executable": _executable(given.get("executable", {})),
        "compute": _compute(given.get("compute", {}), names, notes),
        "storage": storage,
        "volumes": volumes,
        "data": [_data(one, names, kept) for one in given.get("data", ())],
        "schedule": _schedule(given, notes),
    }
    if not volumes and not request["compute"].get("volumes"):
        notes.append("compute.volumes: the session does not say where data appear")
    return Derived(ExecutionRequest.model_validate(request), tuple(notes))


def _own(component: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in component.items() if key not in _ASSIGNED}


def _names(given: dict[str, Any]) -> dict[str, str]:
    """Return a name, the only one of its kind, for what volumes refer to by UUID."""
    names: dict[str, str] = {}
    for part in ("data", "storage"):
        for number, one in enumerate(given.get(part, ()), 1):
            name = one.get("name")
            if not name or name in names.values():
                name = f"{part}-{number}"
            names[str(one.get("uuid", name))] = name
            names.setdefault(name, name)
    return names


def _named(one: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return _own(one) | {"name": names[str(one.get("uuid", one.get("name")))]} if one else {}


def _is_made_up(storage: dict[str, Any]) -> bool:
    return bool(_MADE_BY_BROKERS.fullmatch(storage.get("name", "")))


def _storage(one: dict[str, Any], names: dict[str, str], notes: list[str]) -> dict[str, Any]:
    storage = _named(one, names)
    storage.pop("data", None)
    if not storage.get("size"):
        notes.append(f"storage[{storage['name']}].size: not in the session")
    return storage


def _data(one: dict[str, Any], names: dict[str, str], kept: set[str]) -> dict[str, Any]:
    data = _named(one, names)
    where = names.get(str(data.pop("storage", "")))
    if where in kept:
        data["storage"] = where
    if data.get("skao"):
        data["skao"] = {
            key: value for key, value in data["skao"].items() if key not in ("datasize", "replicas")
        }
    return data


def _volume(one: dict[str, Any], names: dict[str, str], notes: list[str]) -> dict[str, Any]:
    volume = _own(one)
    wanted = [str(resource) for resource in volume.get("resources", ())]
    lost = [resource for resource in wanted if resource not in names]
    notes += [f"volume {volume.get('path')}: nothing in the session is {resource}" for resource in lost]
    return volume | {"resources": [names[resource] for resource in wanted if resource in names]}


def _compute(given: dict[str, Any], names: dict[str, str], notes: list[str]) -> dict[str, Any]:
    compute = _own(given)
    compute["volumes"] = [_volume(one, names, notes) for one in compute.get("volumes", ())]
    if compute.get("name") == _DEFAULT_COMPUTE:
        return {key: value for key, value in compute.items() if key in ("kind", "volumes")}
    if compute.get("memory") == compute.get("cores"):
        # brokers of 2026 report the cores as the memory
        compute.pop("memory", None)
    for part in ("cores", "memory"):
        if low := compute.get(part, {}).get("min"):
            compute[part] = compute[part] | {"min": -(-low // 2)}
            notes.append(f"compute.{part}: an estimate, half of what was offered")
    return compute


def _schedule(given: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    for schedule in (given.get("compute", {}).get("schedule", {}), given.get("schedule", {})):
        if length := schedule.get("available", {}).get("duration"):
            notes.append("schedule.requested.duration: an estimate, as long as was offered")
            return {"requested": {"duration": length}}
    return {}


def _executable(given: dict[str, Any]) -> dict[str, Any]:
    executable = _own(given)
    if executable.get("privileged") is False:
        del executable["privileged"]
    if executable.get("image", {}).get("platform") == _DEFAULT_PLATFORM:
        executable["image"] = {k: v for k, v in executable["image"].items() if k != "platform"}
    for port in executable.get("network", {}).get("ports", ()):
        port.pop("external", None)
    return executable
