# SPDX-License-Identifier: Apache-2.0
"""Which task a record of Slurm is about: those of an array that wait have one in common."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from eb_prefect.brokers.slurm import naming

_RANGE = re.compile(r"(\d+)(?:-(\d+)(?::(\d+))?)?")
_MOST = 1 << 20


class Listed(NamedTuple):
    """The numbers in a list of Slurm's, and whether that is all of it; what is cut off is larger."""

    numbers: frozenset[int]
    is_whole: bool

    def has(self, number: int) -> bool:
        """Return whether a number is in it, or may be in what is cut off."""
        return number in self.numbers or (not self.is_whole and number > max(self.numbers, default=-1))


Record = Mapping[str, Any]
Found = TypeVar("Found")


class Place(NamedTuple):
    """A task, or with ``waiting`` all those of an array that have no record of their own.

    ``waiting`` is a list such as ``0-2,7``; Slurm cuts off long ones, and
    leaves it out once the whole was cancelled, which is ``...`` here.
    """

    whole: str
    number: int | None = None
    waiting: str = ""


def by_handle(handles: Collection[str], placed: Iterable[tuple[Place, Found]]) -> dict[str, Found]:
    """Return what is about each handle; a record of its own comes before one in common."""
    own: dict[tuple[str, int | None], Found] = {}
    common: dict[str, tuple[Listed, Found]] = {}
    for place, found in placed:
        if place.waiting:
            common[place.whole] = numbers(place.waiting), found
        else:
            own[place.whole, place.number] = found
    answer: dict[str, Found] = {}
    for handle in handles:
        whole = naming.whole_of(handle)
        number = naming.number_of(handle) if handle != whole else None
        if (whole, number) in own:
            answer[handle] = own[whole, number]
        elif number is not None and whole in common and common[whole][0].has(number):
            answer[handle] = common[whole][1]
    return answer


def numbers(listed: str) -> Listed:
    """Return what is in a list such as ``0-5,7,9-15:2%4``."""
    found: set[int] = set()
    for part in listed.partition("%")[0].split(","):
        match = _RANGE.fullmatch(part)
        if match is None or int(match[2] or 0) > _MOST:
            return Listed(frozenset(found), is_whole=False)
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        found.update(range(first, last + 1, step or 1))
    return Listed(frozenset(found), is_whole=True)
