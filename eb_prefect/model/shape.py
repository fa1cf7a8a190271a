# SPDX-License-Identifier: Apache-2.0
"""What the model allows at a place, for programs that edit its neutral form."""

import types
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from eb_prefect.model.value import Value


class Record(NamedTuple):
    """A mapping with the fields of one of these values, told apart by their kind."""

    values: tuple[type[Value], ...]

    def of(self, node: Any) -> type[Value]:
        """Return the value that the node is; without a kind it is the first, the plain one."""
        kind = node.get("kind") if isinstance(node, dict) else None
        if kind is None:
            return self.values[0]
        return next((value for value in self.values if _kind(value) == kind), self.values[-1])


class Items(NamedTuple):
    """A list, or a mapping with free keys, of items of one shape."""

    container: type[list[Any]] | type[dict[str, Any]]
    item: Any


class Scalar(NamedTuple):
    """A number, a boolean, or text, which times are written as too."""

    is_text: bool


class Free(NamedTuple):
    """Anything."""


Shape = Record | Items | Scalar | Free

_NUMBERS = (int, float, bool)


def shape_of(annotation: Any) -> Shape:
    """Return the shape of what an annotation of the model allows."""
    branches = [branch for branch in _branches(annotation) if branch is not type(None)]
    values = tuple(b for b in branches if isinstance(b, type) and issubclass(b, Value))
    if values:
        return Record(values)
    first = branches[0]
    arguments = get_args(first)
    if get_origin(first) is tuple:
        return Items(list, shape_of(arguments[0]))
    if get_origin(first) is dict:
        return Items(dict, shape_of(arguments[1]))
    if first is Any:
        return Free()
    return Scalar(is_text=first not in _NUMBERS)


def _branches(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _branches(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [branch for part in get_args(annotation) for branch in _branches(part)]
    return [annotation]


def _kind(value: type[Value]) -> Any:
    field = value.model_fields.get("kind")
    return field.default if field else None
