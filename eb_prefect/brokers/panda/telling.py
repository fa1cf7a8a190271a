# SPDX-License-Identifier: Apache-2.0
"""A session as it is now, from its offer and what is known of it."""

from collections.abc import Iterable
from datetime import UTC, datetime

from eb_prefect.brokers.embedded.refusal import refusal, warning
from eb_prefect.brokers.panda.ledger import Note
from eb_prefect.brokers.panda.mode import Record
from eb_prefect.model.parts import Connector, Message
from eb_prefect.model.phase import ComponentPhase, Phase
from eb_prefect.model.session import Outcome, Session

_EACH = {
    # session: executable, compute, storage and data
    Phase.WAITING: (ComponentPhase.WAITING, ComponentPhase.WAITING, ComponentPhase.WAITING),
    Phase.PREPARING: (ComponentPhase.PREPARING, ComponentPhase.PREPARING, ComponentPhase.PREPARING),
    Phase.RUNNING: (ComponentPhase.RUNNING, ComponentPhase.RUNNING, ComponentPhase.AVAILABLE),
    Phase.RELEASING: (ComponentPhase.COMPLETED, ComponentPhase.RELEASING, ComponentPhase.RELEASING),
    Phase.COMPLETED: (ComponentPhase.COMPLETED,) * 3,
    Phase.FAILED: (ComponentPhase.FAILED, ComponentPhase.COMPLETED, ComponentPhase.COMPLETED),
    Phase.CANCELLED: (ComponentPhase.CANCELLED,) * 3,
}
_NEW = (ComponentPhase.INITIALIZING,) * 3


def told(
    offer: Session, phase: Phase, *, at: datetime | None = None, more: Iterable[Message] = ()
) -> Session:
    """Return the session in a phase, with further messages."""
    executable, compute, rest = ({"phase": each} for each in _EACH.get(phase, _NEW))
    return offer.model_copy(
        update={
            "phase": phase,
            "modified": at or offer.modified,
            "messages": (*offer.messages, *more),
            "executable": offer.executable and offer.executable.model_copy(update=executable),
            "compute": offer.compute and offer.compute.model_copy(update=compute),
            "storage": tuple(item.model_copy(update=rest) for item in offer.storage),
            "data": tuple(item.model_copy(update=rest) for item in offer.data),
        }
    )


def underway(offer: Session, note: Note) -> Session:
    """Return a session that was accepted and has not ended."""
    phase = note.phase if note.handle else Phase.ACCEPTED
    session = told(offer, phase, at=note.changed, more=[_at(note, said) for said in _doubts(note)])
    if note.handle is None:
        return session
    outcome = Outcome(identifier=note.handle, state=note.state or None)
    return session.model_copy(update={"outcome": outcome})


def ended(offer: Session, phase: Phase, record: Record, state: str) -> Session:
    """Return a session that has ended, with what PanDA has on its books, and its word for it."""
    say = refusal if phase is Phase.FAILED else warning
    word = [] if phase is Phase.COMPLETED else [say("panda-state", f"PanDA calls it {state}")]
    session = told(offer, phase, at=datetime.now(UTC), more=[*word, *record.messages])
    datasets = (
        Connector(kind="urn:eb-prefect:connector/dataset", status="FINISHED", protocol="RUCIO", location=each)
        for each in record.datasets
    )
    return session.model_copy(
        update={"outcome": record.outcome, "products": record.products, "connectors": tuple(datasets)}
    )


def refused(offer: Session, reason: str) -> Session:
    """Return a session that PanDA did not take."""
    message = refusal("refused", f"PanDA refuses to run it: {reason}; change the request")
    return told(offer, Phase.FAILED, at=datetime.now(UTC), more=[message])


def withdrawn(offer: Session) -> Session:
    """Return a session that was cancelled before PanDA got it."""
    message = warning("cancelled", "it was cancelled before PanDA got it; nothing was run")
    return told(offer, Phase.CANCELLED, at=datetime.now(UTC), more=[message])


def lost(offer: Session, note: Note) -> Session:
    """Return a session that PanDA does not know any more."""
    text = f"PanDA has had no record of {note.handle} since {note.missing:%Y-%m-%dT%H:%M:%SZ}; it was"
    text += f" {note.state or 'not seen'} before: whether it ran to its end is not known"
    session = told(offer, Phase.FAILED, at=datetime.now(UTC), more=[refusal("record-lost", text)])
    return session.model_copy(update={"outcome": Outcome(identifier=note.handle, state=note.state or None)})


def _doubts(note: Note) -> Iterable[Message]:
    if note.postponed:
        yield warning("postponed", f"PanDA does not take it now: {note.postponed}; it is asked again")
    if note.handle is None and note.attempted is not None:
        yield warning("submission-in-doubt", "PanDA's answer to its submission was lost; it is looked for")
    if note.missing is not None:
        yield warning("no-record", f"PanDA has no record of {note.handle} now; it may come back")


def _at(note: Note, message: Message) -> Message:
    return message.model_copy(update={"time": note.changed})
