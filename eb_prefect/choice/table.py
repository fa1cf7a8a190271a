# SPDX-License-Identifier: Apache-2.0
"""Offers as a table: for a terminal, a notebook, and pages that take rows."""

import html as markup
from collections.abc import Iterable, Sequence
from datetime import datetime

from eb_prefect.choice.candidate import Candidate
from eb_prefect.choice.quantity import KNOWN, Kind, kind_of, moment, quantity_text

_FIRST = ("start", "duration", "cores", "memory")
_USUAL = ("monetary", "energy", "carbon", "performance", "throughput")
_UNITS = {"memory": " GiB"}
_UNTOLD = "-"
_MOST_COLUMNS = 8
_LONGEST = 300

Row = dict[str, str]


def columns(candidates: Iterable[Candidate]) -> tuple[str, ...]:
    """Return what to compare by: what every offer may tell, and the costs and metrics that some tell."""
    told = {name: None for candidate in candidates for name in candidate.tells}
    usual = [name for name in _USUAL if name in told]
    others = [name for name in told if name not in KNOWN and name not in _USUAL]
    others = [name for name in others if len(name) < 40][:_MOST_COLUMNS]
    near = ["near"] if "near" in told else []
    return (*_FIRST, *usual, *others, *near, "expires in")


def row(candidate: Candidate, names: Iterable[str], now: datetime) -> Row:
    """Return the cells of one offer."""
    cells = {name: cell(candidate, name, now) for name in names}
    return {"broker": candidate.name, "offer": str(candidate.number), **cells}


def cell(candidate: Candidate, name: str, now: datetime) -> str:
    """Return what an offer tells, as short text; a dash where it does not."""
    told = candidate.told("expires" if name == "expires in" else name)
    if told is None:
        return _UNTOLD
    if name == "expires in":
        return span_text(told.high - now.timestamp())
    low, high = _text(name, told.low), _text(name, told.high)
    return (low if low == high else f"{low} to {high}") + _UNITS.get(name, "")


def notes(candidates: Sequence[Candidate]) -> list[str]:
    """Return what the brokers say that their costs and metrics are: no dialect has a place for units."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    shown = columns(candidates)
    for candidate in candidates:
        for name, told in candidate.tells.items():
            if told.description and name in shown:
                found.setdefault((name, told.description), {})[candidate.name] = None
    names = {name for name, _ in found}
    alike = {name: sum(1 for each, _ in found if each == name) == 1 for name in names}
    return [
        f"{name}: {said}" if alike[name] else f"{name} of {', '.join(brokers)}: {said}"
        for (name, said), brokers in found.items()
    ]


def said_of(candidates: Sequence[Candidate], reasons: Iterable[str]) -> list[str]:
    """Return what belongs below the table, none of it longer than a paragraph."""
    texts = (*notes(candidates), *reasons)
    return [text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..." for text in texts]


def rows(candidates: Sequence[Candidate], reasons: Iterable[str], now: datetime) -> list[Row]:
    """Return a row for each candidate, then one for each reason; all have the same columns."""
    names = columns(candidates)
    blank = dict.fromkeys(("broker", "offer", *names), "")
    offered = [{**row(candidate, names, now), "note": ""} for candidate in candidates]
    said = said_of(candidates, reasons)
    return [*offered, *({**blank, "note": text} for text in said)]


def html(candidates: Sequence[Candidate], reasons: Iterable[str], now: datetime) -> str:
    """Return the table as HTML in which nothing that a broker wrote is markup."""
    names = columns(candidates)
    head = _line("th", ("broker", "offer", *names)) if candidates else ""
    body = "".join(_line("td", row(candidate, names, now).values()) for candidate in candidates)
    said = "".join(f"<li>{markup.escape(text)}</li>" for text in said_of(candidates, reasons))
    return f"<table>{head}{body}</table>" + (f"<ul>{said}</ul>" if said else "")


def span_text(seconds: float) -> str:
    """Return a length of time in its two largest units."""
    if seconds < 0:
        return "gone"
    left = round(seconds)
    parts = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _line(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{markup.escape(text)}</{tag}>" for text in cells) + "</tr>"


def _text(name: str, value: float) -> str:
    match kind_of(name):
        case Kind.INSTANT:
            return f"{moment(value):%Y-%m-%d %H:%M:%SZ}"
        case Kind.LENGTH:
            return span_text(value)
        case Kind.NUMBER:
            return f"{value * 100:.0f} %" if name == "near" else quantity_text(name, value)
