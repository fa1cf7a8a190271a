# SPDX-License-Identifier: Apache-2.0
"""What an offer has to meet, as a person writes it: ``monetary <= 0.5``, ``start <= PT1H``.

What is told as a range meets a constraint only if all of the range does.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from eb_prefect.choice.amounts import Told, short_name
from eb_prefect.choice.candidate import Candidate
from eb_prefect.choice.quantity import difference_text, quantity, quantity_text
from eb_prefect.errors import Fault, InvalidChoiceError

_NAME = re.compile(r"\s*([^\W\d][\w.:/-]*)")
_OPERATOR = re.compile(r"\s*(<=|>=|==|<|>)(?![<>=])\s*")


@dataclass(frozen=True)
class Constraint:
    """A bound on one thing that offers tell; ``value`` is a length where it counts from now."""

    name: str
    operator: str
    value: float | timedelta
    text: str

    def failure(self, candidate: Candidate, now: datetime) -> str | None:
        """Return by how much the offer fails to meet it; None if it meets it.

        An offer that does not tell of it does not meet it.
        """
        told = candidate.told(self.name)
        if told is None:
            return f"{self.name} is not told, only {', '.join(sorted(candidate.tells)) or 'nothing'}"
        bound = self.value if isinstance(self.value, float) else (now + self.value).timestamp()
        if self._holds(told, bound):
            return None
        gap = self._gap(told, bound)
        by = f", by {difference_text(self.name, gap)}" if gap else ""
        return f"{self.name} {range_text(self.name, told)} is not {self.text}{by}"

    def _holds(self, told: Told, bound: float) -> bool:
        match self.operator:
            case "<":
                return told.high < bound
            case "<=":
                return told.high <= bound
            case ">":
                return told.low > bound
            case ">=":
                return told.low >= bound
            case _:
                return told.low == told.high == bound

    def _gap(self, told: Told, bound: float) -> float:
        match self.operator[0]:
            case "<":
                return told.high - bound
            case ">":
                return bound - told.low
            case _:
                return max(abs(told.high - bound), abs(bound - told.low))


def constraints(*texts: str) -> tuple[Constraint, ...]:
    """Return the constraints that the texts mean.

    An instant may be written as a duration from the moment the offers are
    asked for.

    Raises
    ------
    InvalidChoiceError
        Some mean nothing; all such are told, with the column.
    """
    read = [_read(text) for text in texts]
    if faults := [found for found in read if isinstance(found, Fault)]:
        raise InvalidChoiceError("the constraint" if len(faults) == 1 else "constraints", faults)
    return tuple(found for found in read if isinstance(found, Constraint))


def unmet(candidate: Candidate, given: Iterable[Constraint], now: datetime) -> tuple[str, ...]:
    """Return the reasons why an offer does not meet the constraints, none if it does."""
    failures = [constraint.failure(candidate, now) for constraint in given]
    return tuple(failure for failure in failures if failure is not None)


def range_text(name: str, told: Told) -> str:
    """Return what is told as text: one value, or from the least to the most."""
    low, high = quantity_text(name, told.low), quantity_text(name, told.high)
    return low if low == high else f"{low} to {high}"


def _read(text: str) -> Constraint | Fault:
    name = _NAME.match(text)
    if name is None:
        return _fault(text, 0, "begin with what is compared, such as monetary or start")
    operator = _OPERATOR.match(text, name.end())
    if operator is None:
        return _fault(text, name.end(), "here belongs one of <, <=, >, >= and ==")
    short, written = short_name(name[1]), text[operator.end() :].strip()
    if not written:
        return _fault(text, operator.end(), "here belongs a value")
    try:
        value = quantity(short, written)
    except ValueError as reason:
        return _fault(text, operator.end(), str(reason))
    return Constraint(short, operator[1], value, f"{operator[1]} {written}")


def _fault(text: str, at: int, reason: str) -> Fault:
    column = len(text) - len(text[at:].lstrip()) + 1
    return Fault(f"{text!r}, column {column}", reason)
