# SPDX-License-Identifier: Apache-2.0
"""What brokers answer, as values: as much of it as can be read.

A session that has begun must not be lost for an odd part of its document.
What can't be read is left out, and a message of the value says so.
"""

from collections.abc import Container
from typing import Any, NamedTuple, TypeVar

from eb_prefect.brokers.http.paths import is_identifier
from eb_prefect.errors import Fault, InvalidDocumentError
from eb_prefect.model.parts import Described, Message
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.wire.asides import with_asides
from eb_prefect.wire.faults import Examined, examine
from eb_prefect.wire.outputs import with_products
from eb_prefect.wire.read import neutral
from eb_prefect.wire.recognise import DocumentType, recognise
from eb_prefect.wire.text import parse

D = TypeVar("D", bound=Described)

_MOST_FAULTS = 20


class _Form(NamedTuple):
    document: dict[str, Any]
    faults: tuple[Fault, ...]


def warning(kind: str, text: str) -> Message:
    """Return a message of the client's own; ``kind`` is the tail of its URN.

    It has no time, so that one answer always makes the same value.
    """
    return Message(kind=f"urn:eb-prefect:message/{kind}", level="WARN", message=text)


def read_session(body: bytes) -> Session:
    """Return the session in an answer, with all that it tells of its outcome and products, and its ``raw``.

    Raises
    ------
    InvalidDocumentError
        It is no session, or its identifier or phase can't be read.
    """
    form = _form(body, DocumentType.SESSION)
    session = _read(Session, form)
    return with_asides(with_products(session)).model_copy(update={"raw": body})


def read_offer_set(body: bytes) -> OfferSet:
    """Return the offer set in an answer, with the body as ``raw``.

    YES has at least one offer that is open, and NO at least one message: an
    answer that has not is turned into a NO that says so.

    Raises
    ------
    InvalidDocumentError
        It is no offer set, or its result can't be read.
    """
    form = _form(body, DocumentType.OFFER_SET)
    given = form.document.pop("offers", [])
    whole = _read(OfferSet, form)
    offers: dict[str, Session] = {}
    messages = list(whole.messages)
    for n, document in enumerate(given if isinstance(given, list) else [given]):
        offer = _offer(document, n, offers)
        if isinstance(offer, Session):
            offers[offer.uuid] = offer
        else:
            messages.append(offer)
    told = whole.model_copy(
        update={"offers": tuple(offers.values()), "messages": tuple(messages), "raw": body}
    )
    return _judged(told)


def _form(body: bytes, due: DocumentType) -> _Form:
    document = parse(body)
    found = recognise(document).document
    if found is not due:
        raise InvalidDocumentError(f"the {due}", [Fault("", f"is a {found}")])
    form = neutral(document, due)
    return _Form(form.document, tuple(form.faults))


def _read(model: type[D], form: _Form) -> D:
    examined = _salvaged(model, form.document)
    faults = (*form.faults, *examined.faults)
    if examined.value is None:
        raise InvalidDocumentError("the answer", faults)
    return _with_faults(examined.value, faults)


def _salvaged(model: type[D], document: Any) -> Examined[D]:
    examined = examine(model, document)
    if examined.value is not None or not isinstance(document, dict):
        return examined
    # some part is so odd that nothing was left: keep the parts that can be read each by itself
    needed = {key: document[key] for key in ("uuid", "phase", "result") if key in document}
    parts = {key: item for key, item in document.items() if key not in needed}
    kept = {
        key: item for key, item in parts.items() if examine(model, needed | {key: item}).value is not None
    }
    return Examined(examine(model, needed | kept).value, examined.faults)


def _with_faults(value: D, faults: tuple[Fault, ...]) -> D:
    if not faults:
        return value
    told = [warning("unreadable-part", f"left out, can't be read: {fault}") for fault in faults]
    if len(told) > _MOST_FAULTS:
        rest = len(told) - _MOST_FAULTS
        told[_MOST_FAULTS:] = [warning("unreadable-part", f"left out, can't be read: {rest} more parts")]
    return value.model_copy(update={"messages": (*value.messages, *told)})


def _offer(document: Any, n: int, taken: Container[str]) -> Session | Message:
    examined = _salvaged(Session, document)
    if examined.value is None:
        reasons = "; ".join(map(str, examined.faults))
        return warning("unreadable-offer", f"offer {n} is left out, can't be read: {reasons}")
    offer = with_products(_with_faults(examined.value, examined.faults))
    if not is_identifier(offer.uuid):
        return warning("unreadable-offer", f"offer {n} is left out, it has no identifier that is a UUID")
    if offer.uuid in taken:
        return warning("unreadable-offer", f"offer {n} is left out, it has the identifier of another")
    return offer


def _judged(offers: OfferSet) -> OfferSet:
    result = offers.result.strip().upper()
    if result not in {"YES", "NO"}:
        raise InvalidDocumentError(
            "the offer set", [Fault("result", f"is {offers.result!r}; it is YES or NO")]
        )
    messages = offers.messages
    if result == "YES" and not any(offer.phase == Phase.OFFERED for offer in offers.offers):
        result = "NO"
        messages = (*messages, warning("yes-without-offers", "the broker said YES and made no open offer"))
    if result == "NO" and not any(message.text for message in messages):
        messages = (*messages, warning("no-reason", "the broker gave no reason"))
    return offers.model_copy(update={"result": result, "messages": messages})
