# SPDX-License-Identifier: Apache-2.0
"""A broker in memory whose sessions follow a script.

To test a client::

    clock = Clock()
    broker = ScriptedBroker(
        ((0, "RUNNING"), (3600, "COMPLETED")),
        clock=clock,
        offers=[Terms(costs=costs(monetary=0.1), starts_in=600)],
        faults=Faults(cancel_does_not_stick=True),
    )
    my_client.run(broker, request)
    clock.advance(600 + 3600)

`eb_prefect.testing.wireserver.ScriptedServer` serves it over HTTP.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from threading import RLock
from uuid import uuid4

from eb_prefect.errors import BrokerUnavailableError, OfferGoneError, OutputGoneError, UnknownSessionError
from eb_prefect.model.phase import FINAL, Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity
from eb_prefect.testing.clock import Calendar
from eb_prefect.testing.faults import NONE, Faults
from eb_prefect.testing.life import Life
from eb_prefect.testing.script import SHORT, Scripting, Timeline, script_for, timeline
from eb_prefect.testing.showing import distorted_set, reasons, shown, truncated
from eb_prefect.testing.terms import ONE, Offering, offers


class ScriptedBroker:
    """Offers what ``offers`` says; a session that is accepted goes through ``script``.

    ``script`` lists seconds after the acceptance and the phase from then on,
    or is a callable that writes such a list for a request. ``offers`` are the
    `Terms` of each offer, or a callable. ``refusal`` answers NO with these
    reasons, or is a callable that returns reasons, none for YES. ``clock``
    gives seconds, see `eb_prefect.testing.clock`; a test that turns it need
    not wait. ``settling`` lets the parts of a session have phases and end so
    many seconds after it. ``streams`` are the texts that every session writes,
    by name (``stdout``, ``stderr``), and become connectors.

    ``faults`` are its faults, and can be set at any time. Beside them
    ``outages`` makes so many next calls fail, ``lost_answers`` makes so many
    accepts happen without an answer, ``forget`` drops all sessions. ``calls``
    counts the verbs and ``runs`` the sessions that began.
    """

    def __init__(  # noqa: PLR0913 - each is one thing that a test varies
        self,
        script: Scripting = SHORT,
        *,
        offers: Offering = ONE,
        refusal: Sequence[str] | Callable[[ExecutionRequest], Sequence[str]] = (),
        clock: Callable[[], float] = time.monotonic,
        faults: Faults = NONE,
        settling: float | None = None,
        streams: Mapping[str, str] | None = None,
        name: str = "scripted",
    ) -> None:
        self.offers = offers
        self.refusal = refusal
        self.clock = clock
        self.calendar = Calendar(clock)
        self.settling = settling
        self.streams = dict(streams or {})
        self.name = name
        self.outages = 0
        self.lost_answers = 0
        self.calls: Counter[str] = Counter()
        self.runs = 0
        self._lock = RLock()
        self._lives: dict[str, Life] = {}
        self._stuck: float | None = None
        self._script = script
        self.faults = faults
        self._made()

    @property
    def script(self) -> Scripting:
        """What accepted sessions go through; those that run go on by a new one."""
        return self._script

    @script.setter
    def script(self, script: Scripting) -> None:
        with self._lock:
            self._script = script
            begun = {uuid: life for uuid, life in self._lives.items() if life.accepted is not None}
            for life in begun.values():
                life.line = self._line(life)
        self._changed(tuple(begun))

    @property
    def faults(self) -> Faults:
        """What it does wrong."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        with self._lock:
            self._faults = faults
            self._restart = None if faults.restart_after is None else self.clock() + faults.restart_after
            for life in self._lives.values():
                life.shown = None

    @property
    def identity(self) -> BrokerIdentity:
        """Which broker this is; each has an address of its own."""
        return BrokerIdentity(kind="scripted", name=self.name, url=f"memory:{id(self)}")

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        """Make the offers, or refuse."""
        self._called("request_offers")
        why = tuple(self.refusal(request) if callable(self.refusal) else self.refusal)
        named = OfferSet(
            uuid=str(uuid4()), name=None if self.faults.null_names else request.name, result="YES"
        )
        if why or self.faults.no_without_messages:
            return named.model_copy(update={"result": "NO", "messages": reasons(why, self.faults)})
        return distorted_set(named.model_copy(update={"offers": self._make(request)}), self.faults)

    def accept(self, session: str) -> Session:
        """Begin the script, the first time; the other offers of its set are rejected."""
        self._called("accept")
        with self._lock:
            begun = self.runs
            told = self._accepted(session)
            changed = self._lives[session].siblings if self.runs > begun else ()
        self._changed(changed)
        if self.lost_answers:
            self.lost_answers -= 1
            raise BrokerUnavailableError(self.name, "the answer was lost")
        return told

    def session(self, session: str) -> Session:
        """Return the session as the script has it now; the same object while nothing changed."""
        self._called("session")
        return self.look(session)

    def look(self, session: str) -> Session:
        """Return what `session` does, without counting it as a call; for tests and servers."""
        with self._lock:
            return self._told(session)

    def cancel(self, session: str) -> Session:
        """End the session unless it has ended."""
        self._called("cancel")
        return self.set_phase(session, Phase.CANCELLED, FINAL)

    def reject(self, session: str) -> Session:
        """Turn the offer down, if it still is one; a verb of the wire, not of every broker."""
        self._called("reject")
        return self.set_phase(session, Phase.REJECTED, frozenset(Phase) - {Phase.OFFERED})

    def fail(self, session: str) -> Session:
        """Say that the session has failed, as its client may, unless it has ended."""
        self._called("fail")
        return self.set_phase(session, Phase.FAILED, FINAL)

    def read(self, location: str) -> Iterator[bytes]:
        """Yield the text of a stream."""
        self._called("read")
        session, _, name = location.removeprefix("memory:").partition("/")
        found = self.session_streams(session).get(name)
        if found is None:
            raise OutputGoneError(self.name, location, "there is no such stream")
        return iter((found.encode(),))

    def session_streams(self, session: str) -> dict[str, str]:
        """Return the texts of the streams that can be read now, by name."""
        told = self.look(session)
        named = [(each.kind or "").rpartition("/")[2] for each in told.connectors if each.location]
        return {name: truncated(self.streams[name], self.faults) for name in named if name in self.streams}

    def set_phase(self, session: str, phase: Phase, never_from: frozenset[Phase]) -> Session:
        """Set the phase from outside, unless it is one of those; a client's word or a test's."""
        with self._lock:
            life, told = self._known(session), self._told(session)
            if told.phase in never_from or self.faults.ignores_updates:
                return told
            if self.faults.cancel_does_not_stick:
                return told.model_copy(update={"phase": phase})
            life.set_to, life.stopped = phase, self._now()
            life.works_on = self.faults.cancel_stops_nothing
            told = self._told(session)
        self._changed([session])
        return told

    def expire(self) -> None:
        """Let all offers that nobody accepted expire."""
        with self._lock:
            offered = [uuid for uuid in self._lives if self._told(uuid).phase == Phase.OFFERED]
            for life in map(self._lives.__getitem__, offered):
                life.set_to, life.stopped = Phase.EXPIRED, self._now()
        self._changed(offered)

    def forget(self) -> None:
        """Lose all sessions, as a broker does that is restarted with an empty database."""
        with self._lock:
            self._lives.clear()

    def ends(self) -> dict[str, datetime]:
        """Return when each session got or gets its final phase, where that is known."""
        with self._lock:
            found = [(uuid, life.end()) for uuid, life in self._lives.items()]
        return {uuid: self.calendar.moment(end) for uuid, end in found if end is not None}

    def at_work(self) -> frozenset[str]:
        """Return the sessions for which something runs, whatever their phases say."""
        return self._those(Life.is_at_work)

    def ended(self) -> frozenset[str]:
        """Return the sessions whose script has run to its end, and nothing stopped them."""
        return self._those(Life.has_run_out)

    def _those(self, holds: Callable[[Life, float], bool]) -> frozenset[str]:
        with self._lock:
            now = self._now()
            return frozenset(uuid for uuid, life in self._lives.items() if holds(life, now))

    def _made(self) -> None:
        """Hear that the broker is there; for brokers that do more."""

    def _changed(self, sessions: Sequence[str]) -> None:
        """Hear of sessions that were made or changed from outside; without the lock."""

    def _called(self, verb: str) -> None:
        with self._lock:
            self.calls[verb] += 1
            if self.outages:
                self.outages -= 1
                raise BrokerUnavailableError(self.name, "it is away", is_unsent=True)

    def _make(self, request: ExecutionRequest) -> tuple[Session, ...]:
        now = self._now()
        made = offers(request, self.offers, self.calendar, now, null_names=self.faults.null_names)
        uuids = tuple(session.uuid for session, _ in made)
        with self._lock:
            self._lives |= {
                session.uuid: Life(request, session, terms, now, siblings=uuids) for session, terms in made
            }
            told = tuple(self._shown(self._lives[uuid]) for uuid in uuids)
        self._changed(uuids)
        return told

    def _accepted(self, session: str) -> Session:
        life, told = self._known(session), self._told(session)
        if life.accepted is not None or self.faults.ignores_updates:
            return told
        if told.phase == Phase.OFFERED:
            self._begin(life)
            return self._told(session)
        if self.faults.expired_is_answered:
            return told
        raise OfferGoneError(session, told.phase)

    def _begin(self, life: Life) -> None:
        now = self._now()
        if self.faults.poison_pill and life.request.data and self._stuck is None:
            self._stuck = now
        life.line = () if self._stuck is not None else self._line(life)
        life.accepted = now
        self.runs += 1
        for uuid in life.siblings:
            other = self._lives.get(uuid)
            if other is not None and other is not life and other.accepted is None and other.set_to is None:
                other.set_to, other.stopped = Phase.REJECTED, now

    def _line(self, life: Life) -> Timeline:
        script = life.terms.script or script_for(self._script, life.request)
        return timeline(script, self.faults, settling=self.settling)

    def _now(self) -> float:
        return self.clock() if self._stuck is None else self._stuck

    def _known(self, session: str) -> Life:
        if self._restart is not None and self.clock() >= self._restart:
            self._restart = None
            self._lives.clear()
        if session not in self._lives:
            raise UnknownSessionError(self.name, session)
        return self._lives[session]

    def _told(self, session: str) -> Session:
        told = self._shown(self._known(session))
        return told.model_copy(update={"uuid": str(uuid4())}) if self.faults.wrong_uuid else told

    def _shown(self, life: Life) -> Session:
        state = life.state(self._now(), expires=not self.faults.never_expires)
        if life.shown is None or life.shown[0] != state:
            life.shown = (state, shown(life.offer, state, self.streams, self.faults))
        return life.shown[1]
