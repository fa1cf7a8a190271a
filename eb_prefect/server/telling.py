# SPDX-License-Identifier: Apache-2.0
"""Sessions and offer sets as a dialect tells them, at the addresses that the client uses."""

from collections.abc import Iterator
from typing import Any, TypeVar

from eb_prefect.errors import NotExpressibleError
from eb_prefect.model.parts import Component, Connector
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.unknown import unknown_fields
from eb_prefect.wire.asides import as_asides
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.gaps import OURS, Gap, gaps
from eb_prefect.wire.outputs import PRODUCT, STDERR, STDOUT, as_connectors
from eb_prefect.wire.recognise import DocumentType
from eb_prefect.wire.write import Style, write

C = TypeVar("C", bound=Component)

_STREAMS = {STDOUT: "urn:eb-prefect:connector/stdout", STDERR: "urn:eb-prefect:connector/stderr"}


def session_url(base: str, session: str) -> str:
    """Return where a session is read and updated."""
    return f"{base}/sessions/{session}"


def offer_set_url(base: str, offers: str) -> str:
    """Return where an offer set is read."""
    return f"{base}/offersets/{offers}"


def session_document(session: Session, dialect: Dialect, base: str) -> dict[str, Any]:
    """Return the session as the dialect tells it; what it has no place for is left out.

    Of that, how the program ended and the digests of its inputs are messages.
    """
    return _document(_told(session, dialect, base), DocumentType.SESSION, dialect)


def offer_set_document(offers: OfferSet, dialect: Dialect, base: str) -> dict[str, Any]:
    """Return the offer set as the dialect tells it."""
    told = offers.model_copy(
        update={
            "url": offer_set_url(base, offers.uuid or ""),
            "offers": tuple(_told(offer, dialect, base) for offer in offers.offers),
        }
    )
    return _document(told, DocumentType.OFFER_SET, dialect)


def _told(session: Session, dialect: Dialect, base: str) -> Session:
    url = session_url(base, session.uuid)
    told = as_connectors(session.model_copy(update={"connectors": tuple(_own(session))}), url)
    if dialect is not Dialect.NEUTRAL:
        told = as_asides(told)
    return told.model_copy(
        update={
            "url": url,
            "executable": _nowhere(told.executable),
            "compute": _nowhere(told.compute),
            "storage": tuple(item.model_copy(update={"url": None}) for item in told.storage),
            "data": tuple(item.model_copy(update={"url": None}) for item in told.data),
        }
    )


def _own(session: Session) -> Iterator[Connector]:
    """Yield what is not told anew by us: another server's products are ours to name."""
    for connector in session.connectors:
        if connector.kind != PRODUCT:
            kind = _STREAMS.get(connector.kind or "", connector.kind)
            yield connector.model_copy(update={"kind": kind})


def _nowhere(component: C | None) -> C | None:
    # the addresses of components that brokers write lead nowhere
    return component and component.model_copy(update={"url": None})


def _document(value: OfferSet | Session, what: DocumentType, dialect: Dialect) -> dict[str, Any]:
    if dialect is Dialect.NEUTRAL:
        return value.neutral()
    try:
        return _written(value, what, dialect)
    except NotExpressibleError:  # it has volumes that the dialect can't mount
        return _written(_without_volumes(value), what, dialect)


def _written(value: OfferSet | Session, what: DocumentType, dialect: Dialect) -> dict[str, Any]:
    lacking = {gap.name for gap in gaps(value.neutral(), what, dialect)}
    unknown = {Gap(steps, "").name for steps, _ in unknown_fields(value)}
    return write(value, what, dialect, Style(lossy=True, drop=OURS | lacking | unknown)).document


def _without_volumes(value: OfferSet | Session) -> OfferSet | Session:
    if isinstance(value, OfferSet):
        return value.model_copy(update={"offers": tuple(_bare(offer) for offer in value.offers)})
    return _bare(value)


def _bare(session: Session) -> Session:
    compute = session.compute and session.compute.model_copy(update={"volumes": ()})
    return session.model_copy(update={"compute": compute, "volumes": ()})
