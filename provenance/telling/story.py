# SPDX-License-Identifier: Apache-2.0
"""The whole story of a record as a PROV-JSON document, and the part of it that travels in a product."""

import json
from typing import Any, NamedTuple

from provenance.parts import Input, ProductEntry
from provenance.products.found import DOCUMENT_LIMIT
from provenance.record import StepRecord
from provenance.telling.data import tell_code, tell_input
from provenance.telling.links import tell_link
from provenance.telling.products import (
    tell_carrier,
    tell_derivation,
    tell_product,
    tell_record,
    tell_signature,
)
from provenance.telling.request import tell_parameters, tell_places, tell_request
from provenance.telling.session import tell_acceptance, tell_agents, tell_session
from provenance.telling.statements import Statements

_DERIVATIONS = 64
"""Derivations that are told one by one; beyond, use and generation say it all."""
_STEP, _PRODUCT, _INPUT, _PAIR = 10 << 10, 1200, 800, 350
"""Bytes that a step takes at most as a rule, and what a product, an input and a derivation add."""


class Share(NamedTuple):
    """The products and inputs that a document tells of."""

    products: tuple[ProductEntry, ...]
    inputs: tuple[Input, ...]


def prov_json(record: StepRecord, *, carrier: str | None = None, signatures: tuple[str, ...] = ()) -> bytes:
    """Return the record as PROV-JSON in ASCII.

    ``carrier`` is the name of the product that the document is attached to,
    and ``signatures`` are those of the record (`provenance.signing`).
    Where there is no room for all products and inputs in a product's file,
    those that are not told are counted; the record in it has them all.
    """
    if carrier is None:
        return _written(_told(record, _whole(record), None, signatures))
    share = _fitting(record, carrier, sum(map(len, signatures)))
    return _written(_told(record, share, carrier, signatures))


def prov_story(record: StepRecord, *, carrier: str | None = None, parameters: bool = False) -> dict[str, Any]:
    """Return all that the record says as a PROV-JSON document.

    With ``parameters`` each value that the program was given is an entity.
    """
    return _told(record, _whole(record), carrier, parameters=parameters)


def _written(story: dict[str, Any]) -> bytes:
    return json.dumps(story, separators=(",", ":")).encode("ascii")


def _told(
    record: StepRecord, share: Share, carrier: str | None, signatures: tuple[str, ...] = (), *,
    parameters: bool = False,
) -> dict[str, Any]:  # fmt: skip
    story = Statements()
    session = tell_session(story, record)
    user = tell_agents(story, record, session, tell_request(story, record, session))
    tell_acceptance(story, record, session, user)
    tell_places(story, record, session)
    used = [tell_input(story, record, one, session) for one in share.inputs]
    tell_code(story, record, session)
    made = [tell_product(story, record, one, session, user) for one in share.products]
    if len(used) * len(made) <= _DERIVATIONS:
        for product in made:
            for data in used:
                tell_derivation(story, product, data, session)
    text = tell_record(story, record, session)
    if parameters:
        tell_parameters(story, record, session)
    if record.based_on:
        tell_link(story, record, record.based_on, session)
    for signature in signatures:
        tell_signature(story, signature, text)
    if carrier is not None:
        tell_carrier(story, record, carrier, text)
    untold = {
        "eb:untoldProducts": len(record.products) - len(share.products) or None,
        "eb:untoldInputs": len(record.inputs) - len(share.inputs) or None,
    }
    story.element("activity", session, untold)
    return story.document


def _whole(record: StepRecord) -> Share:
    return Share(record.products, record.inputs)


def _fitting(record: StepRecord, carrier: str, signed: int) -> Share:
    """Return the products and inputs that there is room for: if not all, the carrier and some inputs."""
    products, inputs = record.products, record.inputs
    pairs = len(products) * len(inputs)
    needed = len(products) * _PRODUCT + len(inputs) * _INPUT + (pairs if pairs <= _DERIVATIONS else 0) * _PAIR
    room = DOCUMENT_LIMIT - _STEP - len(json.dumps(record.text)) - 2 * signed
    if needed <= room:
        return _whole(record)
    fitting = max(0, room - _PRODUCT) // (_INPUT + _PAIR)
    return Share(tuple(one for one in products if one.name == carrier), inputs[: min(fitting, _DERIVATIONS)])
