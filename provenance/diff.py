# SPDX-License-Identifier: Apache-2.0
"""What differs between two documents, by name rather than by position."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_KEYS = ("name", "path", "uuid", "location", "kind")
_STORY = ("broker", "request", "software", "inputs", "agents")


class Difference(NamedTuple):
    """One place where two documents differ; None on the side that has nothing there."""

    path: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.path}: {_shown(self.old)} -> {_shown(self.new)}"


def flat(document: Any) -> dict[str, Any]:
    """Return every leaf by its path, such as ``data[image].location``.

    The items of a list are named by what tells them apart: a name, a path,
    an identifier; only where nothing does by their number.
    """
    return dict(_leaves(document, ""))


def differences(old: Any, new: Any) -> tuple[Difference, ...]:
    """Return what differs between two JSON documents; the order of named items does not count."""
    before, after = flat(old), flat(new)
    paths = dict.fromkeys((*before, *after))
    return tuple(
        Difference(path, before.get(path), after.get(path))
        for path in paths
        if before.get(path) != after.get(path) or (path in before) != (path in after)
    )


def record_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return what differs between two records (as plain JSON): what was asked, on what, and what came of it.

    When it ran, and what a broker calls its parts, is different each time
    and left out.
    """
    return differences(_told(old), _told(new))


def _told(record: Mapping[str, Any]) -> dict[str, Any]:
    session = record.get("session", {})
    outcome = session.get("outcome", {})
    products = [
        {"name": one.get("name"), "content": one.get("content"), "size": one.get("size")}
        for one in record.get("products", ())
    ]
    return {
        **{part: record[part] for part in _STORY if part in record},
        "phase": session.get("phase"),
        "outcome": {key: outcome[key] for key in ("exit_code", "signal") if key in outcome},
        "products": products,
    }


def _leaves(item: Any, path: str) -> Iterator[tuple[str, Any]]:
    match item:
        case dict() if item:
            for key, value in item.items():
                yield from _leaves(value, f"{path}.{key}" if path else str(key))
        case list() | tuple() if item:
            for name, value in zip(_names(item), item, strict=True):
                yield from _leaves(value, f"{path}[{name}]")
        case _:
            yield path, item


def _names(items: list[Any] | tuple[Any, ...]) -> list[str]:
    """Return a name for each item: the first key that all have and that tells all apart."""
    for key in _KEYS:
        found = [item.get(key) if isinstance(item, dict) else None for item in items]
        if all(isinstance(name, str) for name in found) and max(Counter(found).values()) == 1:
            return [str(name) for name in found]
    return [str(at) for at in range(len(items))]


def _shown(value: Any) -> str:
    return "(nothing)" if value is None else repr(value) if isinstance(value, str) else str(value)
