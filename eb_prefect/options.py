# SPDX-License-Identifier: Apache-2.0
"""How a step is run."""

from collections.abc import Callable
from datetime import timedelta
from typing import Literal, NamedTuple

from eb_prefect.brokers.protocol import Broker
from eb_prefect.gate import Gate
from eb_prefect.home import home
from eb_prefect.journal import Journal
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import StepRun
from eb_prefect.offers import first_offer
from eb_prefect.onlooking import Onlooker
from eb_prefect.pace import Pace
from eb_prefect.watching.poller import Poller

Choose = Callable[[tuple[Session, ...]], Session]
Finish = Callable[[Broker, StepRun], StepRun]
Then = Literal["cancel", "leave"]


def as_it_is(broker: Broker, run: StepRun) -> StepRun:  # noqa: ARG001 -- the signature of `Finish`
    """Return the story as it is."""
    return run


class StepOptions(NamedTuple):
    """How a step is run; all have defaults that suit one machine.

    ``scope``, ``run`` and ``lineage`` say what the step belongs to, see
    `eb_prefect.journal.Call`. A ``key`` of the user's own takes their place:
    the same name, broker and request with the same key are one session, in
    any run and from anywhere that shares the journal, for ever if it
    completes. A session that did not is begun anew by the next call, with a
    key or without, once a caller was given it. ``timeout`` is how long to
    watch: the session itself goes on after it. ``pace`` is the broker's own
    unless it is given. ``finish`` is the last thing that is done: if it
    raises, the same call does that again and not the session. ``on_cancel``
    and ``on_crash`` say what becomes of the session when the flow run is
    cancelled or crashes; the settings do where they are None. ``gate`` is
    where the steps of one call meet before they accept, see `eb_prefect.gate`.
    """

    scope: str = "script"
    run: str | None = None
    lineage: str | None = None
    key: str | None = None
    choose: Choose = first_offer
    journal: Journal | None = None
    onlookers: tuple[Onlooker, ...] = ()
    finish: Finish = as_it_is
    timeout: timedelta | None = None
    pace: Pace | None = None
    poller: Poller | None = None
    on_cancel: Then | None = None
    on_crash: Then | None = None
    gate: Gate | None = None


_journals: dict[str, DirectoryJournal] = {}


def default_journal() -> DirectoryJournal:
    """Return this process's journal below `home`; one object a directory."""
    directory = home() / "journal"
    return _journals.setdefault(str(directory), DirectoryJournal(directory))
