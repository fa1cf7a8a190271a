# SPDX-License-Identifier: Apache-2.0
"""The lists in which Slurm writes the names of nodes, such as ``n[1-3,07],login``."""

import re

_MOST = 4096
_NONE = frozenset({"", "None assigned", "(null)", "None", "Unknown"})
_PART = re.compile(r"([^,\[]*(?:\[[^\]]*\][^,\[]*)*)(?:,|$)")
_BRACKETS = re.compile(r"\[([^\]]*)\]")


def node_names(text: str) -> tuple[str, ...]:
    """Return the names in a list; a list that is no such list is one name."""
    if text in _NONE:
        return ()
    found: list[str] = []
    for match in _PART.finditer(text):
        if match[1]:
            found += _expanded(match[1])
        if len(found) > _MOST:
            return (text,)
    return tuple(found)


def _expanded(part: str) -> list[str]:
    bracket = _BRACKETS.search(part)
    if bracket is None:
        return [part]
    before, after = part[: bracket.start()], part[bracket.end() :]
    numbers = [number for piece in bracket[1].split(",") for number in _range(piece)]
    return [f"{before}{number}{rest}" for number in numbers for rest in _expanded(after)]


def _range(piece: str) -> list[str]:
    low, dash, high = piece.partition("-")
    if not (dash and low.isdigit() and high.isdigit()) or int(high) - int(low) > _MOST:
        return [piece]
    return [str(number).zfill(len(low)) for number in range(int(low), int(high) + 1)]
