# SPDX-License-Identifier: Apache-2.0
"""The record of a step: its whole story, in one value with one text."""

import json
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from eb_prefect.model.phase import FINAL, Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity, PhaseChange, StepRun
from eb_prefect.model.value import Value
from eb_prefect.redact import redacted
from provenance.canonical import canonical, ni, parsed
from provenance.errors import MalformedRecordError
from provenance.parts import Agent, Input, Link, ProductEntry, Raw, Software
from provenance.software import agents, software

SCHEMA: Literal["urn:eb-prefect:record:1"] = "urn:eb-prefect:record:1"
"""Names the fields of a record and the profile of its canonical text."""

_TRAVELS = 40 << 10
"""Bytes of a record beyond which parts are left out, so that it fits into its products."""


class StepRecord(Value):
    """The whole story of one step; its digest is its name.

    ``missing`` names what is not known, and ``redacted`` (JSON Pointers)
    what was taken out because it looked secret. Nothing in it depends on when
    or how often it is made, so one step has one record.
    """

    schema_version: Literal["urn:eb-prefect:record:1"] = SCHEMA
    name: str
    broker: BrokerIdentity
    request: ExecutionRequest | None = None
    request_digest: str | None = None
    offers: OfferSet | None = None
    offers_raw: Raw | None = None
    chosen: str | None = None
    changes: tuple[PhaseChange, ...] = ()
    session: Session
    session_raw: Raw | None = None
    agents: tuple[Agent, ...] = ()
    software: tuple[Software, ...] = ()
    inputs: tuple[Input, ...] = ()
    products: tuple[ProductEntry, ...] = ()
    based_on: Link | None = None
    missing: tuple[str, ...] = ()
    redacted: tuple[str, ...] = ()

    @cached_property
    def text(self) -> str:
        """The canonical text (RFC 8785), the same for equal records."""
        return canonical(self.neutral()).decode()

    @cached_property
    def digest(self) -> str:
        """The record's name by its content, ``ni:///sha-256;...``."""
        return ni(self.text.encode())

    @property
    def started(self) -> datetime | None:
        """When the program was seen to start: by the broker, else by the client."""
        told = self.session.outcome.started if self.session.outcome else None
        return told or next((change.seen for change in self.changes if change.phase == Phase.RUNNING), None)

    @property
    def ended(self) -> datetime | None:
        """When the session was seen to end: by the broker, else by the client."""
        told = self.session.outcome.ended if self.session.outcome else None
        return told or next((change.seen for change in self.changes if change.phase in FINAL), None)

    def product(self, name: str) -> ProductEntry | None:
        """Return the product of that name, if there is one."""
        return next((product for product in self.products if product.name == name), None)


def read_record(text: str, where: str = "the text") -> StepRecord:
    """Return the record with this text.

    Raises
    ------
    MalformedRecordError
        It is no record, or one of a newer schema.
    """
    try:
        return StepRecord.model_validate(parsed(text))
    except ValidationError as faults:
        first = faults.errors()[0]
        path = "/".join(map(str, first["loc"]))
        raise MalformedRecordError(where, f"{path or 'document'}: {first['msg']}") from faults
    except (ValueError, RecursionError) as fault:
        raise MalformedRecordError(where, f"it is no JSON that we can read: {fault}") from fault


class Draft(NamedTuple):
    """A record, and the digests of the secrets that are not in it, by JSON Pointer."""

    record: StepRecord
    secrets: dict[str, str]


def draft(
    run: StepRun,
    *,
    products: tuple[ProductEntry, ...] = (),
    inputs: tuple[Input, ...] = (),
    based_on: Link | None = None,
    missing: tuple[str, ...] = (),
) -> Draft:
    """Return the record of a run that has ended, however it ended."""
    story = StepRecord(
        name=run.name,
        broker=run.broker,
        request=run.request,
        offers=run.offers,
        offers_raw=_raw(run.offers.raw),
        chosen=run.chosen,
        changes=run.changes,
        session=run.session,
        session_raw=_raw(run.session.raw),
        agents=agents(),
        software=software(run),
        inputs=inputs,
        products=products,
        based_on=based_on,
        missing=missing,
    )
    return _told(story.neutral())


def make_record(
    run: StepRun,
    *,
    products: tuple[ProductEntry, ...] = (),
    inputs: tuple[Input, ...] = (),
    based_on: Link | None = None,
) -> StepRecord:
    """Return the record of a run, without its secrets."""
    return draft(run, products=products, inputs=inputs, based_on=based_on).record


def record_from_session(session: Session, broker: BrokerIdentity) -> StepRecord:
    """Return what a session alone tells, and which parts it does not.

    No dialect keeps the whole request in its sessions, so a rerun from such
    a record may need more from the user.
    """
    story = StepRecord(
        name=session.name or session.uuid,
        broker=broker,
        session=session,
        session_raw=_raw(session.raw),
        agents=agents(),
        missing=("request", "offers", "changes", "software", "inputs", "products"),
    )
    return _told(story.neutral()).record


def _raw(sent: bytes | None) -> Raw | None:
    if sent is None:
        return None
    try:
        return Raw(text=sent.decode(), digest=ni(sent))
    except UnicodeDecodeError:
        return Raw(digest=ni(sent))


def _told(story: dict[str, Any]) -> Draft:
    """Return the story without secrets, short enough to travel, and named by its content."""
    document, taken = redacted(story)
    # for the store alone: next to a record these would let a stranger try passwords at home
    secrets = {path: ni(text.encode("utf-8", "replace")) for path, text in taken.items()}
    if secrets:
        document["redacted"] = sorted(secrets)
        for raw in ("offers_raw", "session_raw"):
            if f"/{raw}/text" in secrets:
                document[raw]["digest"] = ni(document[raw]["text"].encode())
    if "request" in document:
        document["request_digest"] = ni(canonical(document["request"]))
    return Draft(StepRecord.model_validate(_shortened(document)), secrets)


def _shortened(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out, of a record too long to travel, what a rerun needs least, and say so."""
    for path in (("session_raw", "text"), ("offers_raw", "text"), ("offers", "offers")):
        if len(json.dumps(document)) <= _TRAVELS:
            return document
        whole, part = path
        if part in document.get(whole, {}):
            del document[whole][part]
            document["missing"] = [*document.get("missing", ()), ".".join(path)]
    return document if len(json.dumps(document)) <= _TRAVELS else _without_parts(document)


def _without_parts(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out which part of each product has which digest; the digest of each as a whole stays."""
    if not any(product.pop("parts", None) for product in document.get("products", ())):
        return document
    return document | {"missing": [*document.get("missing", ()), "products.parts"]}
