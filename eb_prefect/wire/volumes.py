# SPDX-License-Identifier: Apache-2.0
"""Volumes as each dialect has them.

Ours mount any number of resources at a path, in compute. A names them there
and lists them at the top, or has them in place; B mounts one resource each.
"""

from collections import Counter
from typing import Any, NamedTuple

from eb_prefect.wire.faults import Steps, path_text
from eb_prefect.wire.gaps import Gap

_AT: Steps = ("compute", "volumes")


class Converted(NamedTuple):
    """The volumes as a dialect has them, what it could not have, and what was changed for it."""

    volumes: list[Any]
    gaps: list[Gap]
    notes: list[str]


def mounts(document: dict[str, Any], *, lossy: bool) -> Converted:
    """Return the attached volumes as mounts of one resource, which B has.

    A CONTAINER volume has no such form. Lossy, it becomes one mount for each
    resource at ``<path>/<name>``: programs find the same files, but nobody
    can tell afterwards that they were one volume.
    """
    names = {c["uuid"]: c["name"] for c in _resources(document) if "uuid" in c and "name" in c}
    done = Converted([], [], [])
    for n, volume in enumerate(document.get("compute", {}).get("volumes", ())):
        if "resources" not in volume and "cardinality" not in volume:
            done.volumes.append(volume)
            continue
        reason = _no_mount(volume)
        if reason is None:
            done.volumes.append(_mount(volume, volume.get("resources", ())))
        elif lossy and not reason.is_final:
            each = [_mount_in(volume, name, names.get(name, name)) for name in volume.get("resources", ())]
            done.volumes.extend(each)
            done.notes.append(f"{path_text((*_AT, n))}: one volume became {len(each)} mounts below its path")
        else:
            done.gaps.append(Gap((*_AT, n), reason.text))
    return done


class _Reason(NamedTuple):
    text: str
    is_final: bool


def _no_mount(volume: dict[str, Any]) -> _Reason | None:
    resources, cardinality = volume.get("resources", []), volume.get("cardinality")
    if cardinality not in (None, "INSTANCE", "CONTAINER"):
        return _Reason(f"has the cardinality {cardinality!r}, which B does not know", is_final=True)
    if cardinality != "CONTAINER" and len(resources) <= 1:
        return None
    if cardinality == "INSTANCE":
        return _Reason("is an INSTANCE of several resources; B mounts one", is_final=True)
    if any("/" in name or name in ("", ".", "..") for name in resources):
        return _Reason("has a resource whose name is no file name", is_final=True)
    return _Reason(
        "is a CONTAINER; B mounts one resource at a path (lossy: one mount each below it)", is_final=False
    )


def _mount(volume: dict[str, Any], resources: Any) -> dict[str, Any]:
    kept = {key: item for key, item in volume.items() if key not in ("resources", "cardinality")}
    return kept | ({"resource": resources[0]} if resources else {})


def _mount_in(volume: dict[str, Any], resource: str, name: str) -> dict[str, Any]:
    mount = _mount(volume, [resource]) | {"path": f"{volume.get('path', '').rstrip('/')}/{name}"}
    return mount | ({"name": f"{volume['name']}/{name}"} if "name" in volume else {})


def _resources(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [*document.get("data", ()), *document.get("storage", ())]


def named(document: dict[str, Any]) -> Converted:
    """Return the attached volumes, each with a name that A can attach it by."""
    attached = document.get("compute", {}).get("volumes", [])
    taken = {v.get("name") for v in (*attached, *document.get("volumes", ()))}
    done = Converted([], [], [])
    for n, volume in enumerate(attached):
        if "name" not in volume:
            name = next(free for m in range(1, len(taken) + 2) if (free := f"volume-{m}") not in taken)
            taken.add(name)
            done.notes.append(f"{path_text((*_AT, n))}: A attaches volumes by name, so it is now {name!r}")
            done.volumes.append({"name": name} | volume)
            continue
        done.volumes.append(volume)
    times = Counter(
        volume["name"] for volume in (*done.volumes, *document.get("volumes", ())) if "name" in volume
    )
    for n, volume in enumerate(done.volumes):
        if times[volume["name"]] > 1:
            reason = f"is named {volume['name']!r} like another volume's, and A attaches volumes by name"
            done.gaps.append(Gap((*_AT, n), reason))
    return done
