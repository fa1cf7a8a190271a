# SPDX-License-Identifier: Apache-2.0
"""Finding the same offer again among those that a broker makes later."""

from collections.abc import Iterable
from datetime import datetime

from eb_prefect.choice.amounts import Told
from eb_prefect.choice.candidate import Candidate

_SAME = ("cores", "memory", "duration")
_WAITS = ("start", "wait")
_NOT_COMPARED = (*_SAME, *_WAITS, "expires")
_WITHIN = 0.05
_SECONDS = 60.0


def like(wanted: Candidate, at: datetime, among: Iterable[Candidate], now: datetime) -> Candidate | None:
    """Return the first that is what was wanted; None if none is.

    It comes from the same broker, which says of it what it said of the wanted
    one and not of all its offers, such as the queue. Cores, memory and
    duration are the same, and costs and metrics within 5 %. It makes nobody
    wait longer, from the time it was asked for, by more than a minute and 5 %.
    """
    found = (each for each in among if each.place.address == wanted.place.address)
    return next((each for each in found if _is_like(wanted, at, each, now)), None)


def _is_like(wanted: Candidate, at: datetime, found: Candidate, now: datetime) -> bool:
    if not _own_words(wanted) <= _words(found):
        return False
    if any(wanted.told(name) != found.told(name) for name in _SAME):
        return False
    others = [name for name in wanted.tells if name not in _NOT_COMPARED]
    return all(_is_same(wanted.tells[name], found.told(name)) for name in others) and all(
        _is_no_later(name, wanted, at, found, now) for name in _WAITS
    )


def _is_same(wanted: Told, found: Told | None) -> bool:
    if found is None:
        return False
    # one that is much better is another offer, which somebody saw and did not take
    ends = ((wanted.low, found.low), (wanted.high, found.high))
    return all(abs(was - now) <= abs(was) * _WITHIN for was, now in ends)


def _is_no_later(name: str, wanted: Candidate, at: datetime, found: Candidate, now: datetime) -> bool:
    before, after = wanted.told(name), found.told(name)
    if before is None or after is None:
        return before is after
    since = (at.timestamp(), now.timestamp()) if name == "start" else (0.0, 0.0)
    waits = max(before.high - since[0], 0.0)
    return after.high - since[1] <= waits * (1 + _WITHIN) + _SECONDS


def _words(candidate: Candidate) -> set[str]:
    return {message.text for message in candidate.offer.messages if message.text}


def _own_words(candidate: Candidate) -> set[str]:
    others = [each for each in candidate.offers.offers if each.uuid != candidate.offer.uuid]
    said: list[set[str]] = [{message.text for message in each.messages if message.text} for each in others]
    shared = set[str].intersection(*said) if said else _words(candidate)
    return _words(candidate) - shared
