# SPDX-License-Identifier: Apache-2.0
"""The costs and metrics of an offer, by short names."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from eb_prefect.choice.quantity import KNOWN
from eb_prefect.model.parts import Amount
from eb_prefect.model.session import Session

_ALIASES = {"compute-performance": "performance", "io-throughput": "throughput"}
_SEPARATORS = re.compile(r"[:/#]")


class Told(NamedTuple):
    """What an offer tells of one thing: at least ``low`` and at most ``high``.

    Instants are in seconds since 1970, lengths in seconds, memory in GiB.
    Costs and metrics have the units that their ``description`` tells, if it
    does; no dialect has another place for them.
    """

    low: float
    high: float
    description: str | None = None


def short_name(name: str) -> str:
    """Return the last segment of a type, or the plain word for it where there is one.

    ``urn:ivoa:calycopis:metric:compute-performance`` is ``performance``.
    """
    last = _SEPARATORS.split(name.strip().rstrip(":/#"))[-1].removesuffix(".yaml").casefold()
    return _ALIASES.get(last, last)


def amounts_of(offer: Session) -> dict[str, Told]:
    """Return the costs and metrics of an offer by short name; what is not told is not there.

    The whole session's count before those of its compute resource alone, and
    costs before metrics of the same name. Of two of one type the least and
    the most count: nobody can say whether they add up.
    """
    found: dict[str, Told] = {}
    for amounts in _by_weight(offer):
        found = {**_told(amounts), **found}
    return found


def _by_weight(offer: Session) -> Iterator[Iterable[Amount]]:
    yield offer.costs
    yield offer.metrics
    if offer.compute is not None:
        yield offer.compute.costs
        yield offer.compute.metrics


def _told(amounts: Iterable[Amount]) -> dict[str, Told]:
    found: dict[str, Told] = {}
    for amount in amounts:
        ends = [end for end in (amount.min, amount.max) if end is not None]
        name = short_name(amount.type or "")
        if ends and name and name not in KNOWN:  # those are told elsewhere
            known = found.get(name, Told(min(ends), max(ends), amount.description))
            found[name] = known._replace(low=min(known.low, *ends), high=max(known.high, *ends))
    return found
