# SPDX-License-Identifier: Apache-2.0
"""Whether events can have happened in the order that is told, and at the times that are told.

The Recommendation orders events and leaves clocks alone, for they may
differ. Who writes a start that is later than its end has made a mistake all
the same, so times are held against the order too, and such a violation says
that it is by the clock.
"""

from collections import defaultdict, deque
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from provenance.constraints.components import components
from provenance.constraints.events import AT_ONCE, Before, Event, Events
from provenance.constraints.statements import Statement
from provenance.constraints.violation import Violation, violation


class Order:
    """The events with all that happens at once put together."""

    def __init__(self, found: Events) -> None:
        self.names: list[Event] = list(found.numbers)
        self.times = found.times
        self.before = found.order
        self.moment = components(len(self.names), ((one.first, one.second) for one in found.order))

    def circles(self) -> Iterator[Violation]:
        """Yield the events that come strictly before themselves, a circle of them at a time."""
        known: set[int] = set()
        for one in self.before:
            moment = self.moment[one.first]
            if one.strictly and moment == self.moment[one.second] and moment not in known:
                known.add(moment)
                told = [one, *self._way(one.second, one.first)]
                records = tuple(dict.fromkeys(record for step in told for record in step.told.records))
                sentence = f"{self.names[one.second]} would come before itself"
                yield violation(one.constraint, records, sentence)

    def _way(self, start: int, goal: int) -> list[Before]:
        """Return a shortest way between two events that happen at once."""
        following: dict[int, list[Before]] = defaultdict(list)
        for one in self.before:
            if self.moment[one.first] == self.moment[start] == self.moment[one.second]:
                following[one.first].append(one)
        came: dict[int, Before] = {}
        waiting = deque([start])
        while waiting and goal not in came:
            for one in following[waiting.popleft()]:
                if one.second not in came and one.second != start:
                    came[one.second] = one
                    waiting.append(one.second)
        way: list[Before] = []
        while goal != start:
            way.append(came[goal])
            goal = way[-1].first
        return way[::-1]

    def late(self) -> Iterator[Violation]:
        """Yield what is told to be later than what it precedes."""
        told: dict[int, list[_Told]] = defaultdict(list)
        for event, times in self.times.items():
            told[self.moment[event]] += [_Told(time, one, event) for time, one in times]
        following: dict[int, list[Before]] = defaultdict(list)
        for step in self.before:
            if self.moment[step.first] != self.moment[step.second]:
                following[self.moment[step.first]].append(step)
        latest: dict[tuple[int, bool], tuple[_Told, Before]] = {}
        for moment in range(max(self.moment, default=-1), -1, -1):
            for zoned in (True, False):
                own = sorted(one for one in told.get(moment, ()) if one.is_zoned is zoned)
                came = latest.get((moment, zoned))
                yield from self._wrong(own, came)
                last = own[-1] if own else came[0] if came else None
                for step in following.get(moment, ()) if last else ():
                    key = self.moment[step.second], zoned
                    if last is not None and (key not in latest or latest[key][0].time < last.time):
                        latest[key] = last, step

    def _wrong(self, own: list["_Told"], came: tuple["_Told", Before] | None) -> Iterator[Violation]:
        if own and own[0].time != own[-1].time:
            yield self._twice(own[0], own[-1])
        if own and came and came[0].time > own[0].time:
            yield self._later(came[0], own[0], came[1].constraint, came[1].told)

    def _twice(self, early: "_Told", late: "_Told") -> Violation:
        if early.event == late.event:
            constraint = AT_ONCE[self.names[early.event].kind]
            sentence = f"{self.names[early.event]} is told to be at {early.time} and at {late.time}"
            return violation(constraint, _records(early, late), sentence, by_clock=True)
        steps = self._way(late.event, early.event)
        return self._later(late, early, steps[0].constraint, *(step.told for step in steps))

    def _later(self, late: "_Told", early: "_Told", constraint: int, *why: Statement) -> Violation:
        sentence = (
            f"{self.names[late.event]} is told to be at {late.time}, "
            f"after {self.names[early.event]} at {early.time}, and can't be"
        )
        records = dict.fromkeys((*_records(late, early), *(one for step in why for one in step.records)))
        return violation(constraint, tuple(records), sentence, by_clock=True)


class _Told(NamedTuple):
    """A time, the statement that tells it, and of which event."""

    time: datetime
    one: Statement
    event: int

    @property
    def is_zoned(self) -> bool:
        return self.time.utcoffset() is not None


def _records(*told: _Told) -> tuple[str, ...]:
    return tuple(dict.fromkeys(record for one in told for record in one.one.records))
