# SPDX-License-Identifier: Apache-2.0
"""Paths that a person types, and what they lead to in a request.

``executable.environment.SIGMA``, ``executable.command[2]``,
``data[example-data-01].location``, or a JSON pointer such as
``/executable/command/2``. Square brackets take a number, the name of a part,
or any key; ``[-]`` is behind the last item.
"""

import re
from difflib import get_close_matches
from typing import Any, NamedTuple

from eb_prefect.errors import Fault
from eb_prefect.model.parts import Component
from eb_prefect.model.shape import Free, Items, Record, Scalar, Shape, shape_of
from eb_prefect.model.value import Value
from eb_prefect.wire.faults import path_text

_STEP = re.compile(r"(?:^|\.)([\w-]+)|\[([^\]]*)\]")
_BROKERS_OWN = frozenset(Component.model_fields) - {"name", "description"}


class NoSuchPathError(Exception):
    """A path leads nowhere; ``fault`` says from where on and what there is."""

    def __init__(self, path: str, reason: str) -> None:
        self.fault = Fault(path, reason)
        super().__init__(str(self.fault))


class Child(NamedTuple):
    """A place below another: its key, and the shape of what belongs there."""

    key: str | int
    shape: Shape
    exists: bool


def steps_of(path: str) -> list[str]:
    """Return the steps of a path, or an empty list if it is none."""
    if path.startswith("/"):
        return [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]
    steps, end = [], 0
    while end < len(path) and (match := _STEP.match(path, end)):
        name, bracketed = match.groups()
        steps.append(name if name is not None else bracketed.strip("\"'"))
        end = match.end()
    return steps if end == len(path) else []


def pointer(steps: tuple[str | int, ...]) -> str:
    """Return the JSON pointer of a path."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def child(shape: Shape, node: Any, step: str, above: tuple[str | int, ...]) -> Child:
    """Return what a step leads to.

    Raises
    ------
    NoSuchPathError
        The model has no such place.
    """
    match shape:
        case Record():
            return _field(shape.of(node), node, step, above)
        case Items(container, item):
            return _index(node, item, step, above) if container is list else _key(node, item, step)
        case Free():
            return _index(node, Free(), step, above) if isinstance(node, list) else _key(node, Free(), step)
        case Scalar():
            raise NoSuchPathError(path_text((*above, step)), "is no place: what is above it is a plain value")


def _key(node: Any, item: Shape, step: str) -> Child:
    if not isinstance(node, dict):
        return Child(step, item, exists=False)
    return Child(step, item, step in node)


def _field(value: type[Value], node: Any, step: str, above: tuple[str | int, ...]) -> Child:
    exists = isinstance(node, dict) and step in node
    if field := value.model_fields.get(step):
        return Child(step, shape_of(field.annotation), exists)
    if exists or value.__name__.startswith("Other"):
        return Child(step, Free(), exists)
    own = [name for name in value.model_fields if not (issubclass(value, Component) and name in _BROKERS_OWN)]
    near = get_close_matches(step, own, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(own)}"
    raise NoSuchPathError(path_text((*above, step)), f"is no field; {hint}")


def _index(node: Any, item: Shape, step: str, above: tuple[str | int, ...]) -> Child:
    items = node if isinstance(node, list) else []
    if step == "-":
        return Child(len(items), item, exists=False)
    if step.isascii() and step.isdigit() and len(step) < 10:
        if int(step) > len(items):
            raise NoSuchPathError(
                path_text((*above, int(step))), f"is too far: the next item is [{len(items)}]"
            )
        return Child(int(step), item, int(step) < len(items))
    for n, part in enumerate(items):
        if isinstance(part, dict) and step in (part.get("name"), part.get("uuid")):
            return Child(n, item, exists=True)
    raise NoSuchPathError(f"{path_text(above)}[{step}]", _unnamed(step, items))


def _unnamed(step: str, items: list[Any]) -> str:
    names = [part["name"] for part in items if isinstance(part, dict) and "name" in part]
    near = get_close_matches(step, names, 1)
    if near:
        return f"names nothing here; did you mean {near[0]!r}?"
    here = ", ".join(names[:10]) or f"items 0 to {len(items) - 1}" if items else "nothing yet"
    return f"names nothing here; there is {here}"
