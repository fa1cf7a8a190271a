# SPDX-License-Identifier: Apache-2.0
"""The survival table, from what the tests hold every operation to."""

from collections.abc import Iterable, Iterator

from tests.provenance.survival.operation import Operation

_HEAD = "| format | what is done | the file alone | with the store |\n|---|---|---|---|"


def table(operations: Iterable[Operation]) -> str:
    """Return the table in Markdown, with the reasons below it."""
    whys: list[str] = []
    rows = list(_rows(operations, whys))
    notes = [f"{number}. {why}" for number, why in enumerate(whys, 1)]
    return "\n".join((_HEAD, *rows, *(("", *notes) if notes else ())))


def _rows(operations: Iterable[Operation], whys: list[str]) -> Iterator[str]:
    told = ""
    for one in operations:
        kind = "" if one.subject.format == told else one.subject.format
        told = one.subject.format
        mark = _mark(one.why, whys)
        yield f"| {kind} | {one.name}{mark} | {one.expected.alone} | {one.expected.with_store} |"


def _mark(why: str, whys: list[str]) -> str:
    if not why:
        return ""
    if why not in whys:
        whys.append(why)
    return f" ({whys.index(why) + 1})"
