# SPDX-License-Identifier: Apache-2.0
"""The things that offers are compared by: numbers, instants and lengths of time, as text and back."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from eb_prefect.model.moment import duration, duration_text, instant, instant_text

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_LAST = int(datetime.max.replace(tzinfo=UTC).timestamp()) - 1
_LONGEST = timedelta.max.days * 86400


class Kind(StrEnum):
    """What sort of thing it is."""

    NUMBER = "a number such as 0.5"
    LENGTH = "a duration such as PT10M"
    INSTANT = "an instant such as 2026-11-24T12:00:00Z, or a duration from now such as PT1H"


KNOWN = {
    "start": Kind.INSTANT,
    "expires": Kind.INSTANT,
    "duration": Kind.LENGTH,
    "cores": Kind.NUMBER,
    "memory": Kind.NUMBER,
    "near": Kind.NUMBER,
}
"""What every offer may tell; any other name is that of a cost or a metric."""


def kind_of(name: str) -> Kind:
    """Return what sort of thing goes by the name."""
    return KNOWN.get(name, Kind.NUMBER)


def number(text: str) -> float:
    """Return a finite number.

    Raises
    ------
    ValueError
        The text is none.
    """
    if not _NUMBER.fullmatch(text) or abs(value := float(text)) == float("inf"):
        raise ValueError(f"{text!r} is not {Kind.NUMBER}")
    return value


def quantity(name: str, text: str) -> float | timedelta:
    """Return what a text means as a value of the name: a number, or a length of time from now.

    Raises
    ------
    ValueError
        It means nothing there.
    """
    match kind_of(name):
        case Kind.NUMBER:
            return number(text)
        case Kind.LENGTH:
            return duration(text).total_seconds()
        case Kind.INSTANT:
            return _from_now(text) if text.startswith("P") else instant(text).timestamp()


def _from_now(text: str) -> timedelta:
    length = duration(text)
    if length > timedelta(days=36525):
        raise ValueError(f"{text!r} is more than a hundred years")
    return length


def quantity_text(name: str, value: float) -> str:
    """Return a value of the name as text that `quantity` reads; times to the second."""
    match kind_of(name):
        case Kind.NUMBER:
            return f"{value:.6g}"
        case Kind.LENGTH:
            return length_text(value)
        case Kind.INSTANT:
            return instant_text(moment(value))


def difference_text(name: str, value: float) -> str:
    """Return the difference of two values of the name as text."""
    return f"{value:.6g}" if kind_of(name) is Kind.NUMBER else length_text(value)


def length_text(seconds: float) -> str:
    """Return so many seconds as a duration, to the second unless it is shorter."""
    whole = min(round(seconds), _LONGEST) if seconds >= 1 else seconds
    return duration_text(timedelta(seconds=whole))


def moment(seconds: float) -> datetime:
    """Return the moment so many seconds after 1970 to the second, which is in the calendar."""
    return datetime.fromtimestamp(min(int(seconds), _LAST), UTC)
