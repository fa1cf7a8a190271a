# SPDX-License-Identifier: Apache-2.0
"""Offers as Markdown, in which nothing that a broker wrote is markup."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from eb_prefect.choice.asked import Asked
from eb_prefect.choice.candidate import Candidate
from eb_prefect.choice.quantity import moment
from eb_prefect.choice.table import cell, columns, said_of

_MARKS = re.compile(r"([\\`*_{}\[\]<>|#!~$&])")
_UNTOLD = "-"


def markdown(asked: Asked, numbers: Iterable[int]) -> str:
    """Return the offers as a numbered table, and below it what brokers said of them."""
    names = [name for name in columns(asked.candidates) if name != "expires in"]
    names = [name for name in names if any(each.told(name) for each in asked.candidates)]
    head = ["", "broker", "offer", *names, "open until"]
    lines = [_row(head), _row(["---"] * len(head))]
    for number, candidate in zip(numbers, asked.candidates, strict=True):
        told = [plain(cell(candidate, name, asked.at)) for name in names]
        first = [f"**{number}**", plain(candidate.name), str(candidate.number)]
        lines.append(_row([*first, *told, _until(candidate, asked.at)]))
    said = [*asked.distinctions(), *said_of(asked.candidates, [*asked.remarks(), *asked.reasons()])]
    return "\n".join([*lines, "", *(f"* {plain(text)}" for text in said)])


def plain(text: str) -> str:
    """Return text that Markdown shows as it is, in one line."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _until(candidate: Candidate, now: datetime) -> str:
    told = candidate.told("expires")
    if told is None:
        return _UNTOLD
    at = moment(told.high)
    return f"{at:%H:%M:%SZ}" if at - now < timedelta(hours=12) else f"{at:%Y-%m-%d %H:%MZ}"
