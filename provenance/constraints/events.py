# SPDX-License-Identifier: Apache-2.0
"""The events of a bundle, and which comes no later than which (constraints 30 to 49).

All generations of an entity happen at once (39), as do all its invalidations
(40), and all starts and all ends of an activity (31, 32): so there is one
event for each of these, and one for every use. Whatever is generated,
invalidated, started or ended at all is so without being told (inferences 7
and 8).
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from provenance.constraints.statements import Name, Statement

GENERATION, INVALIDATION, START, END, USE = "generation", "invalidation", "start", "end", "use"
AT_ONCE = {GENERATION: 39, INVALIDATION: 40, START: 31, END: 32}
"""The constraint by which several events of a kind are one."""


class Event(NamedTuple):
    """An event of a thing; a use without a name has a number."""

    kind: str
    of: Name | int

    def __str__(self) -> str:
        return (
            f"the {self.kind} {self.of.label if self.kind == USE else f'of {self.of.label}'}"
            if isinstance(self.of, Name)
            else f"a {self.kind}"
        )


class Before(NamedTuple):
    """One event comes no later than another, or ``strictly`` before it, because of a statement."""

    first: int
    second: int
    constraint: int
    told: Statement
    strictly: bool = False


class Events:
    """The events of a bundle by number, their order, and the times that are told of them."""

    def __init__(self) -> None:
        self.numbers: dict[Event, int] = {}
        self.order: list[Before] = []
        self.times: dict[int, list[tuple[datetime, Statement]]] = defaultdict(list)

    def number(self, event: Event) -> int:
        """Return the number of an event, a new one for an event that is new."""
        return self.numbers.setdefault(event, len(self.numbers))

    def before(
        self, first: Event, second: Event, constraint: int, told: Statement, *, strictly: bool = False
    ) -> None:
        """Note that one event comes no later than another."""
        self.order.append(Before(self.number(first), self.number(second), constraint, told, strictly))

    def within(self, event: Event, activity: Name, constraint: int, told: Statement) -> None:
        """Note that an event comes while an activity goes on."""
        self.before(Event(START, activity), event, constraint, told)
        self.before(event, Event(END, activity), constraint, told)

    def living(self, event: Event, entity: Name, constraints: tuple[int, int], told: Statement) -> None:
        """Note that an event comes while there is an entity."""
        self.before(Event(GENERATION, entity), event, constraints[0], told)
        self.before(event, Event(INVALIDATION, entity), constraints[1], told)

    def at(self, event: Event, time: datetime | None, told: Statement) -> None:
        """Note when an event was."""
        if time is not None:
            self.times[self.number(event)].append((time, told))


def events(told: tuple[Statement, ...]) -> Events:
    """Return the events that the merged statements tell of."""
    found = Events()
    things: dict[tuple[str, Name], Statement] = {}
    for one in told:
        reader = _READERS.get(one.kind)
        if reader is None or (one.args and one.kind != "activity" and one.args[0] is None):
            continue
        reader(found, one)
        if one.kind == "activity" and one.name is not None:
            things["activity", one.name] = one
        for arg in one.args:
            if isinstance(arg, Name):
                things.setdefault(("", arg), one)
    _lives(found, things)
    return found


def _lives(found: Events, things: dict[tuple[str, Name], Statement]) -> None:
    """Note that what starts ends no sooner, and what is generated is invalidated no sooner."""
    for (kind, name), one in things.items():
        if kind == "activity" or Event(START, name) in found.numbers:
            found.before(Event(START, name), Event(END, name), 30, things.get(("activity", name), one))
        if Event(GENERATION, name) in found.numbers and Event(INVALIDATION, name) in found.numbers:
            found.before(Event(GENERATION, name), Event(INVALIDATION, name), 36, one)


def _activity(found: Events, one: Statement) -> None:
    if one.name is not None:
        found.at(Event(START, one.name), one.args[0], one)
        found.at(Event(END, one.name), one.args[1], one)


def _used(found: Events, one: Statement) -> None:
    activity, entity, time = one.args
    use = Event(USE, one.name if one.name is not None else len(found.numbers))
    found.within(use, activity, 33, one)
    if entity is not None:
        found.living(use, entity, (37, 38), one)
    found.at(use, time, one)


def _generated(found: Events, one: Statement) -> None:
    entity, activity, time = one.args
    if activity is not None:
        found.within(Event(GENERATION, entity), activity, 34, one)
    found.at(Event(GENERATION, entity), time, one)


def _invalidated(found: Events, one: Statement) -> None:
    found.at(Event(INVALIDATION, one.args[0]), one.args[2], one)


def _started(found: Events, one: Statement) -> None:
    _triggered(found, one, Event(START, one.args[0]), 43)


def _ended(found: Events, one: Statement) -> None:
    _triggered(found, one, Event(END, one.args[0]), 44)


def _triggered(found: Events, one: Statement, event: Event, constraint: int) -> None:
    """Note a start or an end; what triggers it was generated by what starts or ends it (inferences 9, 10)."""
    _, trigger, starter, time = one.args
    if trigger is not None:
        found.living(event, trigger, (constraint, constraint), one)
    if starter is not None and trigger is not None:
        found.within(Event(GENERATION, trigger), starter, 34, one)
    elif starter is not None:
        found.before(Event(START, starter), event, 34, one)
    found.at(event, time, one)


def _informed(found: Events, one: Statement) -> None:
    informed, informant = one.args
    if informant is not None:
        found.before(Event(START, informant), Event(END, informed), 35, one)


def _derived(found: Events, one: Statement) -> None:
    new, old, activity, _, usage = one.args
    if old is None:
        return
    found.before(Event(GENERATION, old), Event(GENERATION, new), 42, one, strictly=True)
    if activity is not None and usage is not None:
        found.before(Event(USE, usage), Event(GENERATION, new), 41, one)


def _special(found: Events, one: Statement) -> None:
    special, general = one.args[:2]
    if general is not None:
        found.before(Event(GENERATION, general), Event(GENERATION, special), 45, one)
        found.before(Event(INVALIDATION, special), Event(INVALIDATION, general), 46, one)


def _associated(found: Events, one: Statement) -> None:
    activity, agent = one.args[:2]
    if agent is not None:
        _present(found, activity, agent, one)


def _present(found: Events, activity: Name, agent: Name, one: Statement) -> None:
    """Note that an agent is there at some time of an activity, be it an entity or an activity."""
    found.before(Event(START, activity), Event(INVALIDATION, agent), 47, one)
    found.before(Event(GENERATION, agent), Event(END, activity), 47, one)
    found.before(Event(START, activity), Event(END, agent), 47, one)
    found.before(Event(START, agent), Event(END, activity), 47, one)


def _attributed(found: Events, one: Statement) -> None:
    entity, agent = one.args
    if agent is not None:
        found.before(Event(GENERATION, agent), Event(GENERATION, entity), 48, one)
        found.before(Event(START, agent), Event(GENERATION, entity), 48, one)


def _delegated(found: Events, one: Statement) -> None:
    delegate, responsible, activity = one.args
    if responsible is None:
        return
    found.before(Event(GENERATION, responsible), Event(INVALIDATION, delegate), 49, one)
    found.before(Event(START, responsible), Event(END, delegate), 49, one)
    if activity is not None:  # inference 14
        _present(found, activity, delegate, one)
        _present(found, activity, responsible, one)


_READERS: dict[str, Callable[[Events, Statement], None]] = {
    "activity": _activity,
    "used": _used,
    "wasGeneratedBy": _generated,
    "wasInvalidatedBy": _invalidated,
    "wasStartedBy": _started,
    "wasEndedBy": _ended,
    "wasInformedBy": _informed,
    "wasDerivedFrom": _derived,
    "specializationOf": _special,
    "mentionOf": _special,
    "wasAssociatedWith": _associated,
    "wasAttributedTo": _attributed,
    "actedOnBehalfOf": _delegated,
}
