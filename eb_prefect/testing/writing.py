# SPDX-License-Identifier: Apache-2.0
"""The bodies of a scripted server: documents of its dialect, errors, both as the client accepts them."""

import json
from datetime import UTC, datetime
from http.client import responses
from typing import Any

from eb_prefect.model.session import OfferSet, Session
from eb_prefect.testing.exchange import Answer, Asked
from eb_prefect.testing.faults import Faults
from eb_prefect.testing.spoiling import spoilt
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.document import write_offer_set, write_session
from eb_prefect.wire.outputs import as_connectors
from eb_prefect.wire.text import to_text
from eb_prefect.wire.write import Style

_FAMILIES = ("executable", "compute", "compute.volumes", "storage", "volumes", "data")
_FIELDS = (
    *("costs", "metrics", "description", "url", "modified", "options"),
    *("command", "labels", "checksum", "parameters", "phase", "schedule"),
)
_TOP = ("costs", "metrics", "description", "modified", "options", "volumes", "outcome", "products")
STYLE = Style(
    lossy=True,
    drop=frozenset({*_TOP, *(f"{family}.{field}" for family in _FAMILIES for field in _FIELDS)}),
    keep_unknown=True,
)
"""A server tells what its dialect can, and no more."""

YAML = "application/yaml"
JSON = "application/json"


def session_document(
    session: Session, dialect: Dialect, base: str, faults: Faults, *, is_posted: bool
) -> dict[str, Any]:
    """Return the session as a document, with URLs below ``base``."""
    written = write_session(_placed(session, base), dialect, STYLE)
    return spoilt(written, faults, is_posted=is_posted)


def offer_set_document(
    offers: OfferSet, dialect: Dialect, base: str, faults: Faults, *, is_posted: bool
) -> dict[str, Any]:
    """Return the offer set as a document, with URLs below ``base``."""
    placed = offers.model_copy(
        update={
            "url": f"{base}/offersets/{offers.uuid}",
            "offers": tuple(_placed(offer, base) for offer in offers.offers),
        }
    )
    return spoilt(write_offer_set(placed, dialect, STYLE), faults, is_posted=is_posted)


def body(
    document: dict[str, Any],
    asked: Asked,
    faults: Faults,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Return the document in the form that the client accepts; 406 if that is none of ours."""
    form = YAML if faults.yaml_answers else _accepted(asked.headers.get("accept", "*/*"))
    if form is None:
        return error(406, asked, faults)
    text = to_text(document, "yaml") if form == YAML else json.dumps(document)
    return Answer(status, text.encode(), form, headers or {})


def error(status: int, asked: Asked, faults: Faults) -> Answer:
    """Return an error as Spring makes it, which says nothing of the reason."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    document = {
        "timestamp": now,
        "status": status,
        "error": responses.get(status, "Unknown"),
        "path": asked.path,
    }
    if JSON in asked.headers.get("accept", "") and not faults.yaml_errors:
        return Answer(status, json.dumps(document).encode(), JSON)
    return Answer(status, to_text(document, "yaml").encode(), YAML)


def _placed(session: Session, base: str) -> Session:
    url = f"{base}/sessions/{session.uuid}"
    return as_connectors(session, url).model_copy(update={"url": url})


def _accepted(accept: str) -> str | None:
    for given in accept.split(","):
        form = given.partition(";")[0].strip().lower()
        if form in {JSON, "*/*", "application/*", ""}:
            return JSON
        if form == YAML:
            return YAML
    return None
