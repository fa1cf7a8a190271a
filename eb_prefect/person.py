# SPDX-License-Identifier: Apache-2.0
"""A person chooses the offer, in a form of the Prefect UI.

`choose_offer` is called in a flow, before the step that it chooses for. The
flow run is paused meanwhile: its process waits, and task runs that were
begun go on. It is not suspended, which would end the process and needs a
deployment; nor need it be, as the answer is kept with the flow run by the
server and a flow run that is retried after a kill finds it.
"""

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Generator, Iterable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from eb_prefect.brokers.protocol import Broker
from eb_prefect.choice.ask import ask, candidates
from eb_prefect.choice.asked import Asked
from eb_prefect.choice.candidate import Candidate, Place, places_of
from eb_prefect.choice.constraints import Constraint
from eb_prefect.choice.markdown import markdown, plain
from eb_prefect.choice.policies import Policy
from eb_prefect.chosen import Chosen, chosen, renewed
from eb_prefect.errors import NotAnsweredError
from eb_prefect.lines import harmless
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet
from eb_prefect.pieces import asked
from eb_prefect.runs.asking import Asker, Form, Question, asker, belonging_here
from eb_prefect.step import StepOptions, default_journal

AGAIN = "None of these: ask the brokers again"
_LOOK = 1.0
_LATEST = 5.0
_LONGEST = 120
_DEFAULT = StepOptions()


class Asking(NamedTuple):
    """How a person is asked.

    ``policy`` puts its best offer first and chooses that if the time,
    ``within``, is over; without one that is an error. Offers that do not meet
    the ``constraints`` are shown with the reasons, and can't be chosen.
    """

    policy: Policy | None = None
    constraints: tuple[Constraint, ...] = ()
    within: timedelta | None = None


_ASKING = Asking()


def choose_offer(
    brokers: Iterable[Broker | Place],
    request: ExecutionRequest,
    *,
    name: str,
    asking: Asking = _ASKING,
    options: StepOptions = _DEFAULT,
) -> Chosen:
    """Let a person choose among the brokers' offers for the step ``name``.

    The step is then given ``chosen.broker``, and ``chosen.options()`` as its
    options; ``options`` are those that it has besides. Offers live for
    minutes: when the one that was chosen is gone, the broker is asked again
    for one that is the same in all that was shown, and without one the person
    is asked again. Nobody is asked for a step whose session is there already,
    nor again in a retry of the flow run.

    Raises
    ------
    NotAnsweredError
        The time was over, or the flow run was cancelled meanwhile.
    NoOfferError
        No broker makes an offer. What else `Asked.trouble` gives is raised too.
    """
    waiting = _chosen(_Step(places_of(brokers), request, name, asking, options))
    while isinstance(turn := _advance(waiting), float):
        time.sleep(turn)
    return turn


async def choose_offer_async(
    brokers: Iterable[Broker | Place],
    request: ExecutionRequest,
    *,
    name: str,
    asking: Asking = _ASKING,
    options: StepOptions = _DEFAULT,
) -> Chosen:
    """Do what `choose_offer` does, in an async flow; no thread waits for the person."""
    waiting = _chosen(_Step(places_of(brokers), request, name, asking, options))
    turn = await asyncio.to_thread(_advance, waiting)
    while isinstance(turn, float):
        await asyncio.sleep(turn)
        turn = await asyncio.to_thread(_advance, waiting)
    return turn


def _advance(waiting: Generator[float, None, Chosen]) -> float | Chosen:
    try:
        return next(waiting)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # a generator's return value is untyped here


class _Step:
    """The step that an offer is chosen for, and in which flow run."""

    def __init__(
        self,
        places: tuple[Place, ...],
        request: ExecutionRequest,
        name: str,
        asking: Asking,
        options: StepOptions,
    ) -> None:
        self.places, self.request, self.name, self.asking, self.options = (
            places,
            request,
            name,
            asking,
            options,
        )

    @cached_property
    def digest(self) -> str:
        """The same for the same request."""
        return hashlib.sha256(json.dumps(self.request.neutral(), sort_keys=True).encode()).hexdigest()

    def question(self, at: Asker, number: int) -> Question:
        """Return the question of a round; a key has letters, digits and dashes only."""
        readable = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:40]
        mark = hashlib.sha256(self.name.encode()).hexdigest()[:8]
        return Question(at.flow_run, f"eb-offer-{readable}-{mark}-{number}")

    def asked(self) -> Asked:
        """Ask the brokers.

        Raises
        ------
        EBError
            None makes an offer that meets the constraints.
        """
        asked = ask(self.places, self.request).meeting(self.asking.constraints)
        if not asked.candidates:
            raise asked.trouble()
        return asked if self.asking.policy is None else asked.ranked(self.asking.policy)

    def left(self) -> Chosen | None:
        """Return the choice of a step that has a session, of this run or of one that was killed."""
        ours = belonging_here(self.options)
        journal = ours.journal or default_journal()
        for place in self.places:
            with journal.take(asked(place.broker, self.request, self.name, ours).call) as entry:
                if entry is not None:
                    entry.hand_on()
                    return self._again(place, entry.handle.offers, entry.handle.session)
        return None

    def _again(self, place: Place, offers: OfferSet, session: str) -> Chosen | None:
        made = candidates(place, self.request, offers)
        found = next((each for each in made if each.offer.uuid == session), None)
        return None if found is None else chosen(found, datetime.now(UTC), self.request)


class _Shown(NamedTuple):
    """The offers that a person sees, by the words to choose them with."""

    at: datetime
    offers: dict[str, Candidate]

    @classmethod
    def of(cls, asked: Asked) -> "_Shown":
        """Return the words for what brokers offer."""
        named = {f"{n}: {_short(each)}": each for n, each in enumerate(asked.candidates, 1)}
        return cls(asked.at, named)

    def form(self, asked: Asked, name: str, note: str, *, has_default: bool) -> Form:
        """Return the form."""
        title = f"Offers for step **{plain(name)}**"
        shown = "\n\n".join(filter(None, [note, title, markdown(asked, range(1, len(self.offers) + 1))]))
        first = next(iter(self.offers))
        return Form(shown, (*self.offers, AGAIN), first if has_default else None)

    def kept(self, digest: str) -> dict[str, Any]:
        """Return all of it as JSON."""
        offers = {
            words: {"broker": each.place.address, "offer": each.offer.uuid, "set": id(each.offers)}
            for words, each in self.offers.items()
        }
        sets = {id(each.offers): each.offers.neutral() for each in self.offers.values()}
        return {
            "request": digest,
            "at": self.at.isoformat(),
            "offers": offers,
            "sets": {str(key): value for key, value in sets.items()},
        }

    @classmethod
    def again(cls, kept: dict[str, Any], step: _Step) -> "_Shown | None":
        """Return what was kept; None if it was for another request."""
        if kept["request"] != step.digest:
            return None
        places = {place.address: place for place in step.places}
        made = {
            each.offer.uuid: each
            for key, told in kept["sets"].items()
            for address in {item["broker"] for item in kept["offers"].values() if str(item["set"]) == key}
            if address in places
            for each in candidates(places[address], step.request, OfferSet.model_validate(told))
        }
        offers = {
            words: made[item["offer"]] for words, item in kept["offers"].items() if item["offer"] in made
        }
        return cls(datetime.fromisoformat(kept["at"]), offers)


def _chosen(step: _Step) -> Generator[float, None, Chosen]:
    at = asker()
    if at is None:
        raise NotAnsweredError(step.name, "a person can be asked in a flow run only")
    if (left := step.left()) is not None:
        return left
    number, note = 1, ""
    while True:
        question = step.question(at, number)
        shown, answer = _before(question, step)
        if shown is None or answer is None:
            asked = step.asked()
            shown = _Shown.of(asked)
            form = shown.form(asked, step.name, note, has_default=step.asking.policy is not None)
            if not question.ask(form, shown.kept(step.digest)):
                number += 1
                continue
            at.say(f"{step.name}: paused until a person chooses one of {len(shown.offers)} offers")
            answer = yield from _answered(question, shown, step)
        candidate = shown.offers.get(answer)
        fresh = candidate and renewed(candidate, shown.at, step.request)
        if fresh is not None:
            at.say(f"{step.name}: {harmless(fresh.title)} was chosen")
            return chosen(fresh, datetime.now(UTC), step.request)
        number += 1
        note = f"{plain(candidate.title)} is gone, and there is none like it now." if candidate else ""


def _before(question: Question, step: _Step) -> tuple[_Shown | None, str | None]:
    """Return what was asked and answered before this run of the flow was begun."""
    kept = question.asked_about()
    shown = _Shown.again(kept, step) if kept else None
    return shown, question.answer() if shown else None


def _answered(question: Question, shown: _Shown, step: _Step) -> Generator[float, None, str]:
    """Wait for the person, or for the time to be over."""
    limit = step.asking.within
    end = time.monotonic() + limit.total_seconds() if limit is not None else None
    delay = _LOOK
    while (state := question.state())[0] == "PAUSED":
        left = delay if end is None else min(delay, end - time.monotonic())
        if left <= 0:
            question.give_up()
            break
        yield left
        delay = min(delay * 1.2, _LATEST)
    answer = question.answer()
    if answer is not None:
        return answer
    if state[0] not in ("PAUSED", "RUNNING"):
        raise NotAnsweredError(step.name, f"the flow run is {state[1]}")
    if step.asking.policy is None:
        over = f"not within {limit}" if state[0] == "PAUSED" else "the flow run was resumed without an answer"
        raise NotAnsweredError(step.name, over)
    best = next(iter(shown.offers))
    question.answer_for(best)
    return best


def _short(candidate: Candidate) -> str:
    return harmless(candidate.title)[:_LONGEST]
