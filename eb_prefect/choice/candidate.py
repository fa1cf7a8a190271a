# SPDX-License-Identifier: Apache-2.0
"""Brokers and their sites, and what they answer, side by side."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import NamedTuple, Protocol, runtime_checkable

from eb_prefect.brokers.protocol import Broker
from eb_prefect.choice.amounts import Told, amounts_of, short_name
from eb_prefect.choice.nearness import Site
from eb_prefect.errors import EBError
from eb_prefect.model.compute import SimpleCompute
from eb_prefect.model.parts import Range, Schedule
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity

_NOWHERE = Site()


@dataclass(frozen=True)
class Place:
    """A broker, what a person calls it, and where its sessions run, as far as that is known."""

    broker: Broker
    name: str = ""
    site: Site = _NOWHERE

    @property
    def address(self) -> str:
        """The broker's own address, or its name where it has none."""
        return self.broker.identity.url or self.broker.identity.name


@runtime_checkable
class Sited(Protocol):
    """A broker that was told where it computes."""

    @property
    def site(self) -> str | None:
        """The name of its site, None if nobody said so."""
        ...


def places_of(brokers: Iterable[Broker | Place]) -> tuple[Place, ...]:
    """Return brokers as places with names that tell them apart."""
    places = [broker if isinstance(broker, Place) else _place(broker) for broker in brokers]
    names = [place.name or place.broker.identity.name for place in places]
    return tuple(
        replace(place, name=name if names.count(name) == 1 else f"{name} ({place.address})")
        for place, name in zip(places, names, strict=True)
    )


def _place(broker: Broker) -> Place:
    return Place(broker, site=Site(broker.site)) if isinstance(broker, Sited) else Place(broker)


@dataclass(frozen=True)
class Candidate:
    """One offer, to be compared with those of other brokers.

    ``number`` counts a broker's offers from 1 in its own order; names that
    brokers give to offers mean nothing. ``near`` is the share of the data with
    a replica at the broker's site, None where it is not known.
    """

    place: Place
    number: int
    offer: Session
    offers: OfferSet = field(repr=False)
    near: float | None = None

    @property
    def broker(self) -> BrokerIdentity:
        """Which broker made the offer."""
        return self.place.broker.identity

    @property
    def name(self) -> str:
        """What a person calls the broker."""
        return self.place.name

    @property
    def title(self) -> str:
        """What to call the offer."""
        return f"{self.name} offer {self.number}"

    @cached_property
    def tells(self) -> dict[str, Told]:
        """All that the offer tells, by short name."""
        given = {
            "start": _start(self.offer),
            "duration": _duration(self.offer),
            "cores": _range(self.offer, "cores"),
            "memory": _range(self.offer, "memory"),
            "expires": _instant(self.offer.expires),
            "near": None if self.near is None else Told(self.near, self.near),
        }
        known = {name: told for name, told in given.items() if told is not None}
        return {**amounts_of(self.offer), **known}

    def told(self, name: str) -> Told | None:
        """Return what the offer tells of a cost, a metric, or a thing that every offer may tell."""
        return self.tells.get(short_name(name))


class Refusal(NamedTuple):
    """A broker that said NO, and why."""

    name: str
    reasons: tuple[str, ...]


class Failure(NamedTuple):
    """A broker that gave no answer that could be used, and why."""

    name: str
    error: EBError


class Unmet(NamedTuple):
    """An offer that does not meet the constraints, and which by how much."""

    candidate: Candidate
    reasons: tuple[str, ...]


def _schedules(offer: Session) -> list[Schedule]:
    inner = offer.compute.schedule if offer.compute is not None else None
    return [schedule for schedule in (offer.schedule, inner) if schedule is not None]


def _start(offer: Session) -> Told | None:
    for schedule in _schedules(offer):
        if schedule.available is not None and schedule.available.start is not None:
            window = schedule.available.start
            return Told(window.start.timestamp(), window.end.timestamp())
    return None


def _duration(offer: Session) -> Told | None:
    for schedule in _schedules(offer):
        if schedule.available is not None and schedule.available.duration is not None:
            seconds = schedule.available.duration.total_seconds()
            return Told(seconds, seconds)
    return None


def _range(offer: Session, name: str) -> Told | None:
    given: Range | None = getattr(offer.compute, name) if isinstance(offer.compute, SimpleCompute) else None
    ends = [end for end in (given.min, given.max) if end is not None] if given is not None else []
    return Told(min(ends), max(ends)) if ends else None


def _instant(moment: datetime | None) -> Told | None:
    return None if moment is None else Told(moment.timestamp(), moment.timestamp())
