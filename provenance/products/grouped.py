# SPDX-License-Identifier: Apache-2.0
"""Parts of a product put together where there are more than a record has room for."""

import hashlib
import json
from collections.abc import Callable, Iterable

from provenance.canonical import ni_of_hex
from provenance.products.found import Part

_PARTS = 256


def bounded(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Return the parts; where they are very many, one for each first step of their names, or one in all."""
    one, few, all_ = _Grouped(lambda _: "everything"), _Grouped(_first), _Grouped(lambda name: name)
    for part in parts:
        for grouped in (one, few, all_):
            grouped.add(part)
    return next(made for grouped in (all_, few, one) if (made := grouped.parts()) is not None)


def grouped(parts: Iterable[Part], name: Callable[[str], str]) -> tuple[Part, ...]:
    """Return parts put together where they have one name; as `bounded` does it where that is not enough."""
    together, all_ = _Grouped(name), list(parts)
    for part in all_:
        together.add(part)
    made = together.parts()
    return bounded(all_) if made is None else made


def _first(name: str) -> str:
    return name.partition("/")[0] or name


class _Grouped:
    """Parts put together by name, as long as there are few of them."""

    def __init__(self, name: Callable[[str], str]) -> None:
        self._name = name
        self._groups: dict[str, _Group] | None = {}

    def add(self, part: Part) -> None:
        if self._groups is None:
            return
        name = self._name(part.name)
        group = self._groups.get(name)
        if group is None:
            if len(self._groups) == _PARTS:
                self._groups = None
                return
            group = self._groups[name] = _Group()
        group.add(part)

    def parts(self) -> tuple[Part, ...] | None:
        if self._groups is None:
            return None
        return tuple(group.part(name) for name, group in self._groups.items())


class _Group:
    def __init__(self) -> None:
        self._first: Part | None = None
        self._lines = hashlib.sha256()
        self._headers = hashlib.sha256()
        self._size = 0
        self._count = 0

    def add(self, part: Part) -> None:
        self._first = self._first or part
        self._count += 1
        self._size += part.size
        self._lines.update(json.dumps([part.name, part.data]).encode() + b"\n")
        self._headers.update(json.dumps([part.name, part.header]).encode() + b"\n")

    def part(self, name: str) -> Part:
        if self._count == 1 and self._first is not None and self._first.name == name:
            return self._first
        return Part(
            name,
            ni_of_hex(self._lines.hexdigest()),
            ni_of_hex(self._headers.hexdigest()),
            self._size,
        )
