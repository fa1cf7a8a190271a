# SPDX-License-Identifier: Apache-2.0
"""The session as an activity: what was observed of it, who stood behind it, and how it came about."""

from datetime import datetime, timedelta

from eb_prefect.model.moment import duration_text
from eb_prefect.model.phase import FINAL, Phase
from eb_prefect.model.steprun import PhaseChange
from provenance.names import session_name
from provenance.record import StepRecord
from provenance.telling.statements import Name, Statements, Url, place, thing

_ERRORS = ("ERROR", "FATAL")
_MESSAGES, _MESSAGE = 4, 400


def session_of(record: StepRecord) -> Name:
    """Return the name of the record's session."""
    return Name("uu:" + session_name(record.broker.name, record.session.uuid))


def tell_session(story: Statements, record: StepRecord) -> Name:
    """Tell of the session, with observed times only: a broker's schedule is only its plan."""
    session, outcome = record.session, record.session.outcome
    started, ended = _times(record)
    errors = [one.text[:_MESSAGE] for one in session.messages if (one.level or "").upper() in _ERRORS]
    name = story.activity(
        session_of(record),
        "ExecutionSession",
        phase=str(session.phase),
        exitCode=outcome.exit_code if outcome else None,
        signal=outcome.signal if outcome else None,
        step=record.name,
        message=errors[:_MESSAGES],
        startUncertainty=None if outcome and outcome.started else _uncertainty(_first(record, running=True)),
        endUncertainty=None if outcome and outcome.ended else _uncertainty(_first(record, running=False)),
    )
    times = {"prov:startTime": started, "prov:endTime": ended}
    told = story.document["activity"][name]
    told.update({key: time.isoformat() for key, time in times.items() if time is not None})
    story.element("activity", name, {"prov:label": record.name})
    return name


def _times(record: StepRecord) -> tuple[datetime | None, datetime | None]:
    """Return the start and the end; of two clocks that contradict each other, what the broker's says."""
    started, ended = record.started, record.ended
    if started is None or ended is None or started <= ended:
        return started, ended
    outcome = record.session.outcome
    told = (outcome.started, outcome.ended) if outcome else (None, None)
    return (None, None) if None not in told else told


def _first(record: StepRecord, *, running: bool) -> PhaseChange | None:
    phases = (Phase.RUNNING,) if running else FINAL
    return next((change for change in record.changes if change.phase in phases), None)


def _uncertainty(change: PhaseChange | None) -> str | None:
    """Return how long before it was first seen a phase may have begun."""
    length = change.seen - change.after if change and change.after else None
    return duration_text(length) if length is not None and length >= timedelta() else None


def tell_agents(story: Statements, record: StepRecord, session: Name, plans: tuple[Name, ...]) -> Name:
    """Tell of the broker, which ran the session by its plans for its user; return who is to be credited."""
    broker = record.broker
    name = thing("broker", broker.kind, broker.name, broker.url)
    said = {
        "prov:type": Name("prov:SoftwareAgent"),
        "eb:brokerKind": broker.kind,
        "eb:version": broker.version,
    }
    story.element("agent", name, said | {"prov:label": broker.name} | place(broker.url))
    for plan in plans or (None,):
        args = {"activity": session, "agent": name, "plan": plan}
        story.relation("wasAssociatedWith", thing("association", session, name, plan), args)
    responsible = [_person(story, one.name, one.url) for one in record.agents if one.kind == "person"]
    delegates = [name, *(_client(story, one.name) for one in record.agents if one.kind == "host")]
    for person in responsible:
        for delegate in delegates:
            args = {"delegate": delegate, "responsible": person, "activity": session}
            story.relation("actedOnBehalfOf", thing("delegation", delegate, person, session), args)
    _tell_site(story, record, session)
    return responsible[0] if responsible else name


def _person(story: Statements, name: str, url: str | None) -> Name:
    said = {"prov:type": Name("prov:Person"), "prov:label": name, "eb:url": Url(url) if url else None}
    return story.element("agent", thing("person", name), said)


def _client(story: Statements, host: str) -> Name:
    """Tell of the machine that asked."""
    said = {"prov:type": [Name("prov:SoftwareAgent"), Name("eb:Client")], "prov:label": host}
    return story.element("agent", thing("client", host), said)


def _tell_site(story: Statements, record: StepRecord, session: Name) -> None:
    site = record.session.outcome.site if record.session.outcome else None
    if site:
        name = thing("site", site)
        story.element("agent", name, {"prov:type": Name("prov:Organization"), "prov:label": site})
        args = {"activity": session, "agent": name}
        story.relation(
            "wasAssociatedWith",
            thing("association", session, name, None),
            args,
            {"prov:role": Name("eb:site")},
        )


def tell_acceptance(story: Statements, record: StepRecord, session: Name, user: Name) -> None:
    """Tell of the offer that was accepted, which started the session, and of those it was chosen from.

    The acceptance did not make the offer, so it is no starter of the session
    in the sense of PROV (inference 9): it informed it.
    """
    if not record.chosen or not record.offers:
        return
    offer = story.entity(thing("offer", record.chosen), "Offer")
    count = len(record.offers.offers) or None
    offers = thing("offers", record.broker.name, record.chosen)
    said = {"prov:type": [Name("prov:Collection"), Name("eb:OfferSet")], "eb:offers": count}
    story.element("entity", offers, said)
    story.pair("hadMember", {"collection": offers, "entity": offer})
    acceptance = story.activity(thing("acceptance", session), "Acceptance")
    story.use(acceptance, offer, Name("eb:chosen"))
    args = {"activity": acceptance, "agent": user}
    story.relation("wasAssociatedWith", thing("association", acceptance, user, None), args)
    args = {"informed": session, "informant": acceptance}
    story.relation("wasInformedBy", thing("communication", session, acceptance), args)
    args = {"activity": session, "trigger": offer}
    story.relation("wasStartedBy", thing("start", session, offer), args)
