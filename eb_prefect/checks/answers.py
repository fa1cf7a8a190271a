# SPDX-License-Identifier: Apache-2.0
"""What is odd in a broker's answer."""

from collections.abc import Iterator

from eb_prefect.errors import Fault
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import OfferSet, Session


def offer_set_faults(offers: OfferSet) -> Iterator[Fault]:
    """Yield what makes an offer set useless."""
    if offers.result not in ("YES", "NO"):
        yield Fault("result", f"is {offers.result!r}; it is YES or NO")
    if offers.result == "YES" and not offers.offers:
        yield Fault("offers", "is empty, though the result is YES")


def offer_set_doubts(offers: OfferSet) -> Iterator[Fault]:
    """Yield what a broker should not have sent."""
    if offers.result == "NO" and not offers.messages:
        yield Fault("messages", "is empty, so nothing says why the result is NO")
    for n, session in enumerate(offers.offers):
        yield from session_doubts(session, f"offers[{n}].")


def session_doubts(session: Session, at: str = "") -> Iterator[Fault]:
    """Yield a phase that no dialect has."""
    if session.phase not in tuple(Phase):
        yield Fault(f"{at}phase", f"is {session.phase}, which no dialect has")
