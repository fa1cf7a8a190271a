# SPDX-License-Identifier: Apache-2.0
"""The offers of a step as a table in its run, the chosen one marked."""

from datetime import UTC, datetime
from functools import partial

from eb_prefect.artifacts import key_of
from eb_prefect.brokers.protocol import Broker, Gathering
from eb_prefect.choice.candidate import Candidate, places_of
from eb_prefect.choice.table import rows
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import PhaseChange
from eb_prefect.onlooking import Onlooker
from eb_prefect.redact import redacted
from eb_prefect.reports.markdown import cell, words
from eb_prefect.runs.here import Here
from eb_prefect.runs.shown import beside, is_shown, make_table

_KNOWN = ("chosen", "broker", "offer")
_UNTOLD = ("", "-")
_WARNINGS = frozenset({"WARN", "ERROR"})


class ShownOffers(Onlooker):
    """Shows what was offered once one of the offers is taken, or none."""

    def __init__(self, at: Here) -> None:
        self._at = at
        self._asked: tuple[Broker, OfferSet, datetime] | None = None

    def offered(self, broker: Broker, offers: OfferSet) -> None:
        """Hear what the broker offers."""
        self._asked = broker, offers, datetime.now(UTC)

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:  # noqa: ARG002 -- as in Onlooker
        """Hear which offer was chosen."""
        if change.phase == Phase.OFFERED:
            self._show(session.uuid)

    def left(self, reason: BaseException) -> None:
        """Hear that none was, and why; if the step has got further this has been shown."""
        self._show(None, str(reason))

    def _show(self, chosen: str | None, reason: str = "") -> None:
        asked, self._asked = self._asked, None
        if asked is not None and is_shown(self._at):
            beside(partial(_show, self._at, *asked, chosen, reason))


def _show(  # noqa: PLR0913, PLR0917 -- what a table is made of
    at: Here, broker: Broker, offers: OfferSet, now: datetime, chosen: str | None, reason: str
) -> None:
    table = offer_rows(broker, offers, now, chosen=chosen, reason=reason)
    if table:
        make_table(at, key_of("offers", at.name), table, f"Offers for {words(at.name)}")


def offer_rows(
    broker: Broker, offers: OfferSet, now: datetime, *, chosen: str | None = None, reason: str = ""
) -> list[dict[str, str]]:
    """Return a row an offer, in the broker's order, then one a remark; no column that tells nothing."""
    made = _candidates(broker, offers)
    named = "" if isinstance(broker, Gathering) else f"{broker.identity.name}: "
    said = [f"{named}{one.text}" for one in offers.messages if (one.level or "").upper() in _WARNINGS]
    if offers.result != "YES":
        said = said or [f"{named}{one.text}" for one in offers.messages] or [f"{named}NO, without a reason"]
    told = rows(made, dict.fromkeys(filter(None, [*said, reason])), now)
    marks = ["yes" if one.offer.uuid == chosen else "" for one in made]
    marked = [
        {"chosen": mark, **row}
        for mark, row in zip([*marks, *[""] * (len(told) - len(made))], told, strict=True)
    ]
    clean: list[dict[str, str]] = redacted(marked).document
    return _telling([{name: cell(text) for name, text in row.items()} for row in clean])


def _telling(table: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the table without the columns in which nothing is told."""
    kept = [
        name
        for name in (table[0] if table else ())
        if name in _KNOWN or any(row[name] not in _UNTOLD for row in table)
    ]
    return [{name: row[name] for name in kept} for row in table]


def _candidates(broker: Broker, offers: OfferSet) -> list[Candidate]:
    """Return the offers, each with the broker that made it."""
    owners = {offer.uuid: _owner(broker, offer) for offer in offers.offers}
    places = {id(owner): place for owner in owners.values() for place in places_of([owner])}
    numbers: dict[int, int] = {}
    made = []
    for offer in {one.uuid: one for one in offers.offers}.values():
        owner = id(owners[offer.uuid])
        numbers[owner] = numbers.get(owner, 0) + 1
        made.append(Candidate(place=places[owner], number=numbers[owner], offer=offer, offers=offers))
    return made


def _owner(broker: Broker, offer: Session) -> Broker:
    return broker.owner(offer.uuid) if isinstance(broker, Gathering) else broker
