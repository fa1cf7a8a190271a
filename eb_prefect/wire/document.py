# SPDX-License-Identifier: Apache-2.0
"""Documents of the protocol: any dialect in, the one that is asked for out."""

from typing import Any, NamedTuple, TypeVar

from eb_prefect.errors import Fault, InvalidDocumentError, InvalidRequestError
from eb_prefect.model.parts import Update
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.value import Value
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.doubts import form_doubts
from eb_prefect.wire.faults import examine
from eb_prefect.wire.read import neutral
from eb_prefect.wire.recognise import DocumentType, Recognised, recognise
from eb_prefect.wire.text import parse
from eb_prefect.wire.write import PLAIN, Style, write

V = TypeVar("V", bound=Value)

_MODELS: dict[DocumentType, type[Value]] = {
    DocumentType.REQUEST: ExecutionRequest,
    DocumentType.OFFER_SET: OfferSet,
    DocumentType.SESSION: Session,
    DocumentType.UPDATE: Update,
}


class Inspected(NamedTuple):
    """What a text is, the value in it, every fault of its form, and what its dialect forbids.

    The value lacks what is at fault; it is None for an error of a server, and
    where nothing was left.
    """

    recognised: Recognised
    value: Value | None
    faults: tuple[Fault, ...]
    doubts: tuple[Fault, ...]


def inspect(text: str | bytes) -> Inspected:
    """Return what a text is and what is wrong with it.

    Raises
    ------
    UnreadableDocumentError
        It is no JSON or YAML.
    InvalidDocumentError
        It is no document of the protocol.
    """
    return _inspected(parse(text))


def read_request(text: str | bytes) -> ExecutionRequest:
    """Return the request in a text of any dialect, JSON or YAML.

    Whether a broker could run it is for `eb_prefect.check` to say.

    Raises
    ------
    InvalidRequestError
        It is another document, or has faults; all of them are told.
    UnreadableDocumentError
        It is no JSON or YAML.
    """
    return _read(parse(text), DocumentType.REQUEST, ExecutionRequest)


def read_offer_set(text: str | bytes) -> OfferSet:
    """Return the offer set in a text, with the bytes as they came as ``raw``.

    Raises
    ------
    InvalidDocumentError
        It is another document, or has faults; all of them are told.
    """
    offers = _read(parse(text), DocumentType.OFFER_SET, OfferSet)
    return offers.model_copy(update={"raw": _bytes(text)})


def read_session(text: str | bytes) -> Session:
    """Return the session in a text, with the bytes as they came as ``raw``.

    Raises
    ------
    InvalidDocumentError
        It is another document, or has faults; all of them are told.
    """
    session = _read(parse(text), DocumentType.SESSION, Session)
    return session.model_copy(update={"raw": _bytes(text)})


def read_update(text: str | bytes) -> Update:
    """Return the update in a text.

    Raises
    ------
    InvalidDocumentError
        It is another document, or has faults; all of them are told.
    """
    return _read(parse(text), DocumentType.UPDATE, Update)


def write_request(request: ExecutionRequest, dialect: Dialect, style: Style = PLAIN) -> dict[str, Any]:
    """Return the request as a document of the dialect, for `eb_prefect.wire.text.to_text`.

    `eb_prefect.wire.write.write` also tells what a style changed.

    Raises
    ------
    NotExpressibleError
        The dialect has no place for some of it; every such field is named.
    """
    return write(request, DocumentType.REQUEST, dialect, style).document


def write_offer_set(offers: OfferSet, dialect: Dialect, style: Style = PLAIN) -> dict[str, Any]:
    """Return the offer set as a document of the dialect.

    Raises
    ------
    NotExpressibleError
        The dialect has no place for some of it; every such field is named.
    """
    return write(offers, DocumentType.OFFER_SET, dialect, style).document


def write_session(session: Session, dialect: Dialect, style: Style = PLAIN) -> dict[str, Any]:
    """Return the session as a document of the dialect.

    No dialect has ``outcome`` and ``products``: a server names them, or
    `eb_prefect.wire.gaps.OURS`, in the style's ``drop``.

    Raises
    ------
    NotExpressibleError
        The dialect has no place for some of it; every such field is named.
    """
    return write(session, DocumentType.SESSION, dialect, style).document


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _inspected(document: Any) -> Inspected:
    recognised = recognise(document)
    doubts = tuple(form_doubts(document, recognised))
    form = neutral(document, recognised.document)
    model = _MODELS.get(recognised.document)
    if model is None:
        return Inspected(recognised, None, tuple(form.faults), doubts)
    examined = examine(model, form.document)
    return Inspected(recognised, examined.value, (*form.faults, *examined.faults), doubts)


def _read(document: Any, due: DocumentType, model: type[V]) -> V:
    error = InvalidRequestError if due is DocumentType.REQUEST else InvalidDocumentError
    what = f"the {due}"
    recognised, value, faults, _ = _inspected(document)
    if recognised.document is not due:
        raise error(what, [Fault("", f"is {_article(recognised)}, not a{_n(due)} {due}")])
    if faults:
        raise error(what, faults)
    assert isinstance(value, model)
    return value


def _article(recognised: Recognised) -> str:
    dialect = f" of dialect {recognised.dialect}" if recognised.dialect else ""
    return f"a{_n(recognised.document)} {recognised.document}{dialect}"


def _n(noun: str) -> str:
    return "n" if noun[0] in "aeiou" else ""
