# SPDX-License-Identifier: Apache-2.0
"""The offers for a step as rows of a narrow table, and what is said of them.

Both UIs of Prefect show about ten short columns; what is longer stands above.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from eb_prefect.brokers.protocol import Broker, Gathering
from eb_prefect.choice.candidate import Candidate, places_of
from eb_prefect.choice.table import notes, rows, span_text
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.redact import redacted
from eb_prefect.reports.markdown import cell, words

_KNOWN = ("chosen", "broker")
_LEFT_OUT = ("note", "expires in")
_UNTOLD = ("", "-")
_WARNINGS = frozenset({"WARN", "ERROR"})
_SOON = 60.0
_MOST = 20


class Offered(NamedTuple):
    """What a broker answered, when it was asked, and which offer was taken or why none."""

    broker: Broker
    offers: OfferSet
    at: datetime
    chosen: str | None = None
    reason: str = ""


def offer_table(offered: Offered) -> list[dict[str, str]]:
    """Return a row an offer, in the broker's order; or one a reason, if there is no offer."""
    made = _candidates(offered.broker, offered.offers)
    if not made:
        return [{"no offer": cell(text)} for text in _clean(_said(offered))]
    told = rows(made, (), offered.at)
    table = [_row(one, row, offered) for one, row in zip(made, told[: len(made)], strict=True)]
    clean: list[dict[str, str]] = redacted(table).document
    return _telling([{name: cell(text) for name, text in row.items()} for row in clean])


def offer_notes(offered: Offered, title: str) -> str:
    """Return what is said of the offers, as Markdown."""
    made = _candidates(offered.broker, offered.offers)
    said = [*notes(made), *_said(offered)] if made else []
    return "\n".join([words(title), *(f"- {words(text)}" for text in _clean(said)[:_MOST])])


def _clean(texts: Sequence[str]) -> list[str]:
    found: list[str] = redacted(list(dict.fromkeys(texts))).document
    return found


def _said(offered: Offered) -> list[str]:
    """Return the warnings of an answer; of a refusal, and of a choice of none, all reasons."""
    broker, offers = offered.broker, offered.offers
    named = "" if isinstance(broker, Gathering) else f"{broker.identity.name}: "
    said = [f"{named}{one.text}" for one in offers.messages if (one.level or "").upper() in _WARNINGS]
    if offers.result != "YES" and not said:
        said = [f"{named}{one.text}" for one in offers.messages] or [f"{named}NO, without a reason"]
    return said if offers.result != "YES" else [*said, *filter(None, [offered.reason])]


def _row(candidate: Candidate, told: dict[str, str], offered: Offered) -> dict[str, str]:
    start = candidate.told("start")
    mark = {"chosen": "yes" if candidate.offer.uuid == offered.chosen else ""}
    soon = {"start": _from_now(start.low - offered.at.timestamp())} if start else {}
    return mark | {name: text for name, text in told.items() if name not in _LEFT_OUT} | soon


def _from_now(seconds: float) -> str:
    return "now" if seconds < _SOON else f"in {span_text(seconds)}"


def _telling(table: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the table without the columns in which nothing is told."""
    kept = [name for name in table[0] if name in _KNOWN or any(row[name] not in _UNTOLD for row in table)]
    return [{name: row[name] for name in kept} for row in table]


def _candidates(broker: Broker, offers: OfferSet) -> list[Candidate]:
    """Return the offers, each with the broker that made it."""
    return list(_numbered(broker, offers)) if offers.result == "YES" else []


def _numbered(broker: Broker, offers: OfferSet) -> Iterator[Candidate]:
    counts: dict[int, int] = {}
    for offer in {one.uuid: one for one in offers.offers}.values():
        owner = _owner(broker, offer)
        counts[id(owner)] = counts.get(id(owner), 0) + 1
        (place,) = places_of([owner])
        yield Candidate(place=place, number=counts[id(owner)], offer=offer, offers=offers)


def _owner(broker: Broker, offer: Session) -> Broker:
    return broker.owner(offer.uuid) if isinstance(broker, Gathering) else broker
