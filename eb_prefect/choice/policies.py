# SPDX-License-Identifier: Apache-2.0
"""Which offer is the best: plain callables, some of them with names.

Costs count by their most and performance by its least: what is certain.
What an offer does not tell comes last, whatever it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from eb_prefect.choice.amounts import short_name
from eb_prefect.choice.candidate import Candidate
from eb_prefect.choice.quantity import number
from eb_prefect.errors import Fault, InvalidChoiceError

Policy = Callable[[tuple[Candidate, ...]], Candidate]
"""Given at least one candidate, in the order they were asked for, returns one of them."""

Key = tuple[tuple[bool, float], ...]


class Criterion(NamedTuple):
    """One thing to compare by; the least is best unless the ``most`` is."""

    name: str
    most: bool = False

    def key(self, candidate: Candidate) -> tuple[bool, float]:
        """Return what sorts the best first and those that do not tell last."""
        told = candidate.told(self.name)
        if told is None:
            return True, 0.0
        return False, -told.low if self.most else told.high


@dataclass(frozen=True)
class Ranking:
    """The policy of comparing by one thing, by the next where that is the same, and so on.

    What is the same in all comes in the order asked.
    """

    criteria: tuple[Criterion, ...]

    def key(self, candidate: Candidate) -> Key:
        """Return what sorts the best first."""
        return tuple(criterion.key(candidate) for criterion in self.criteria)

    def __call__(self, candidates: tuple[Candidate, ...]) -> Candidate:
        """Return the best."""
        return min(candidates, key=self.key)


@dataclass(frozen=True)
class Weighing:
    """The policy of the least sum of weighted amounts; what should be large has a negative weight."""

    weights: tuple[tuple[str, float], ...]

    def key(self, candidate: Candidate) -> Key:
        """Return what sorts the best first."""
        told = [(candidate.told(name), weight) for name, weight in self.weights]
        if any(each is None for each, _ in told):
            return ((True, 0.0),)
        return ((False, sum((t.high if w > 0 else t.low) * w for t, w in told if t is not None)),)

    def __call__(self, candidates: tuple[Candidate, ...]) -> Candidate:
        """Return the best."""
        return min(candidates, key=self.key)


_MONEY, _CARBON, _ENERGY = Criterion("monetary"), Criterion("carbon"), Criterion("energy")
_START, _SPEED, _NEAR = Criterion("start"), Criterion("performance", most=True), Criterion("near", most=True)

first = Ranking(())
cheapest = Ranking((_MONEY, _START, _SPEED))
greenest = Ranking((_CARBON, _ENERGY, _MONEY, _START))
fastest = Ranking((_SPEED, _START, _MONEY))
soonest = Ranking((_START, _MONEY))
nearest = Ranking((_NEAR, _START, _MONEY))

POLICIES: dict[str, Ranking] = {
    "first": first,
    "cheapest": cheapest,
    "greenest": greenest,
    "fastest": fastest,
    "soonest": soonest,
    "nearest": nearest,
}


def policy_named(text: str) -> Policy:
    """Return the policy of a name, or that of weights such as ``monetary:1,carbon:0.02``.

    Raises
    ------
    InvalidChoiceError
        There is none of that name, or a weight is no number.
    """
    if text in POLICIES:
        return POLICIES[text]
    if ":" in text:
        return Weighing(tuple(map(_weight, text.split(","))))
    close = get_close_matches(text, POLICIES, 1)
    meant = f"did you mean {close[0]}? " if close else ""
    known = f"{meant}there is {', '.join(POLICIES)}, or weights such as monetary:1,carbon:0.02"
    raise InvalidChoiceError("the policy", [Fault(repr(text), f"is not known; {known}")])


def ranked(candidates: tuple[Candidate, ...], policy: Policy) -> tuple[Candidate, ...]:
    """Return the candidates with the best first; a plain callable leaves the others in their order.

    Raises
    ------
    ValueError
        The policy chose what is none of them.
    """
    if isinstance(policy, Ranking | Weighing):
        return tuple(sorted(candidates, key=policy.key))
    if not candidates:
        return ()
    best = policy(candidates)
    others = tuple(candidate for candidate in candidates if candidate is not best)
    if len(others) == len(candidates):
        raise ValueError("the policy returned what is none of the candidates")
    return (best, *others)


def untold(candidates: tuple[Candidate, ...], policy: Policy) -> tuple[str, ...]:
    """Return what the policy looks at first and no candidate tells: another thing has decided."""
    match policy:
        case Ranking(criteria):
            names = [criterion.name for criterion in criteria[:1]]
        case Weighing(weights):
            names = [name for name, _ in weights]
        case _:
            names = []
    return tuple(name for name in names if not any(candidate.told(name) for candidate in candidates))


def _weight(text: str) -> tuple[str, float]:
    name, _, weight = text.rpartition(":")
    try:
        return short_name(name), number(weight.strip())
    except ValueError as reason:
        raise InvalidChoiceError("the policy", [Fault(repr(text), str(reason))]) from reason
