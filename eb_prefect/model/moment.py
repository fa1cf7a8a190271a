# SPDX-License-Identifier: Apache-2.0
"""Instants, durations and intervals as ISO 8601 text on the wire.

Brokers write between zero and nine digits of a second and sometimes the
epoch for a time they do not know (``1970-01-01T00:00:10Z``).
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, PlainSerializer

_FRACTION = re.compile(r"(\.[0-9]{6})[0-9]+")
_DURATION = re.compile(
    r"P(?:(?P<weeks>[0-9]+)W)?(?:(?P<days>[0-9]+)D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]+)H)?(?:(?P<minutes>[0-9]+)M)?(?:(?P<seconds>[0-9]+(?:\.[0-9]+)?)S)?)?"
)
_UNKNOWN_BEFORE = datetime(2000, 1, 1, tzinfo=UTC)


def instant(text: str) -> datetime:
    """Return the instant in UTC, cut to microseconds.

    Raises
    ------
    ValueError
        The text is no ISO 8601 instant with a zone.
    """
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(r"\1", text.strip()))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not an instant like 2026-11-23T12:00:00Z") from None
    raise ValueError(f"{text!r} has no time zone; write it as 2026-11-23T12:00:00Z")


@lru_cache(1024)  # brokers write the same few over and over
def duration(text: str) -> timedelta:
    """Return the length of an ISO 8601 duration in weeks, days, hours, minutes, seconds.

    Raises
    ------
    ValueError
        The text is no such duration. Months and years have no fixed length.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is not a duration like PT10M, PT1H30M or P1D")
    try:
        return timedelta(**{unit: float(n) for unit, n in match.groupdict().items() if n})
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any calendar") from None


def instant_text(moment: datetime) -> str:
    """Return the instant as brokers write it, in UTC with a ``Z``."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def duration_text(length: timedelta) -> str:
    """Return the duration in hours, minutes and seconds only.

    Java's ``Duration.parse``, which brokers use, refuses weeks, months and years.
    """
    minutes, micros = divmod(length // timedelta(microseconds=1), 60_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{micros / 1e6:.6f}".rstrip("0").rstrip(".")
    parts = [f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n not in (0, "0")]
    return "PT" + ("".join(parts) or "0S")


class Span(NamedTuple):
    """An ISO 8601 interval: the first instant and how long after it."""

    start: datetime
    length: timedelta

    @property
    def end(self) -> datetime:
        """The last instant."""
        return self.start + self.length


def span(text: str) -> Span:
    """Return the interval written as start/end, start/duration or duration/end.

    Raises
    ------
    ValueError
        The text is none of the three. A bare instant is no interval.
    """
    left, slash, right = text.strip().partition("/")
    if not slash:
        raise ValueError(f"{text!r} is not an interval like 2026-11-23T12:00:00Z/PT2H")
    try:
        start, end = _ends(left, right)
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any calendar") from None
    if end < start:
        raise ValueError(f"{text!r} ends before it starts")
    return Span(start, end - start)


def _ends(left: str, right: str) -> tuple[datetime, datetime]:
    if left.startswith("P"):
        end = instant(right)
        return end - duration(left), end
    start = instant(left)
    return start, start + duration(right) if right.startswith("P") else instant(right)


def span_text(interval: Span) -> str:
    """Return the interval as ``start/duration``."""
    return f"{instant_text(interval.start)}/{duration_text(interval.length)}"


def _written(given: Any) -> Any:
    # pydantic takes numbers for seconds, which no broker does
    return str(given) if isinstance(given, int | float) else given


def _instant(given: Any) -> Any:
    given = _written(given)
    return instant(given) if isinstance(given, str) else given


def _planned(given: Any) -> Any:
    moment = _instant(given)
    return None if isinstance(moment, datetime) and moment.replace(tzinfo=UTC) < _UNKNOWN_BEFORE else moment


def _duration(given: Any) -> Any:
    given = _written(given)
    return duration(given) if isinstance(given, str) else given


def _span(given: Any) -> Any:
    given = _written(given)
    return span(given) if isinstance(given, str) else given


def _planned_span(given: Any) -> Any:
    interval = _span(given)
    return None if isinstance(interval, Span) and interval.start < _UNKNOWN_BEFORE else interval


Instant = Annotated[datetime, BeforeValidator(_instant), PlainSerializer(instant_text, when_used="json")]
"""A moment something happened."""

PlannedInstant = Annotated[
    datetime | None,
    BeforeValidator(_planned),
    PlainSerializer(lambda t: None if t is None else instant_text(t), when_used="json"),
]
"""A moment of a schedule; what a broker dates before 2000 it does not know."""

Duration = Annotated[timedelta, BeforeValidator(_duration), PlainSerializer(duration_text, when_used="json")]
"""A length of time."""

Interval = Annotated[Span, BeforeValidator(_span), PlainSerializer(span_text, when_used="json")]
"""A window of time."""

PlannedInterval = Annotated[
    Span | None,
    BeforeValidator(_planned_span),
    PlainSerializer(lambda s: None if s is None else span_text(s), when_used="json"),
]
"""A window of a schedule; what a broker dates before 2000 it does not know."""
