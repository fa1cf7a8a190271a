# SPDX-License-Identifier: Apache-2.0
"""Notes on sessions that a Prefect server keeps, each under a name that it gives once.

They are block documents without a place in the UI: of all that a server
keeps for its clients only these are made or refused in one go by their name,
are of any size and are encrypted. Variables end at 5000 characters and are
shown among the user's own; artifacts have no unique names.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextvars import Context, copy_context
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Lock
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import (
    BlockDocumentCreate,
    BlockDocumentUpdate,
    BlockSchemaCreate,
    BlockTypeCreate,
)
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from eb_prefect.errors import JournalUnavailableError
from eb_prefect.journal import Handle
from eb_prefect.model.steprun import PhaseChange

V = TypeVar("V")

SLUG = "execution-broker-session"
_TYPE = BlockTypeCreate(
    name="Execution Broker session",
    slug=SLUG,
    description="Which session a step has. Steps make, read and remove these themselves.",
)
_FIELDS = {"title": "SessionNote", "type": "object", "properties": {}}
_PAGE = 200
_SECONDS = 30.0


class Note(NamedTuple):
    """What a server keeps of a session.

    ``number`` says which one of its title it is. ``ended`` is the phase in
    which it was delivered, or DROPPED.
    """

    id: UUID
    title: str
    number: int
    handle: Handle
    changes: tuple[PhaseChange, ...]
    ended: str | None
    updated: datetime


class Notes:
    """The notes on one Prefect server, the one in force where this is made.

    All verbs wait for one answer and raise `JournalUnavailableError` where
    there is none; who can wait asks again.
    """

    def __init__(self) -> None:
        # not the client of the context, which ends with its flow run
        self._client: SyncPrefectClient = get_client(httpx_settings={"timeout": _SECONDS}, sync_client=True)
        self.server = str(self._client.api_url)
        self._context = Context().run(_without_retries)
        self._ids: tuple[UUID, UUID] | None = None
        self._lock = Lock()

    def newest(self, title: str) -> Note | None:
        """Return the last note of a title."""
        return max(self.all(f"{title}-"), key=lambda note: note.number, default=None)

    def all(self, beginning: str) -> Iterator[Note]:
        """Yield the notes whose names begin so."""
        for page in range(1_000_000):
            found = self._ask(partial(self._page, beginning, page))
            yield from (_note(each) for each in found if each["name"].startswith(beginning))
            if len(found) < _PAGE:
                return

    def make(self, title: str, number: int, handle: Handle, changes: Sequence[PhaseChange]) -> Note:
        """Make a note unless there is one of this title and number; return the one there is then."""
        name = f"{title}-{number:06}"
        told = [change.neutral() for change in changes]
        data = {"handle": json.dumps(handle.neutral()), "changes": json.dumps(told)}
        kind, schema = self._kind()
        wanted = BlockDocumentCreate(
            name=name, data=data, block_type_id=kind, block_schema_id=schema, is_anonymous=True
        )
        try:
            made = self._ask(lambda: self._client.create_block_document(wanted))
        except ObjectAlreadyExists:
            made = self._ask(lambda: self._client.read_block_document_by_name(name, SLUG))
        return _note(made.model_dump(mode="json"))

    def end(self, note: Note, phase: str) -> None:
        """Say that the session of a note was delivered, or dropped."""
        change = BlockDocumentUpdate(data={"ended": phase}, merge_existing_data=True)
        self._ask(lambda: self._client.update_block_document(note.id, change))

    def sweep(self, beginning: str, kept: timedelta, kept_anyway: timedelta) -> None:
        """Remove the notes that ended so long ago, and those that did not and are older still."""
        now = datetime.now(UTC)
        for note in list(self.all(beginning)):
            age = now - note.updated
            if age > kept_anyway or (note.ended and age > kept):
                self._ask(partial(self._client.delete_block_document, note.id))

    def _page(self, beginning: str, page: int) -> list[dict[str, Any]]:
        wanted = {
            "block_documents": {"name": {"like_": beginning}, "is_anonymous": {"eq_": True}},
            "block_types": {"slug": {"any_": [SLUG]}},
            "include_secrets": True,
            "limit": _PAGE,
            "offset": page * _PAGE,
        }
        answer = self._client.request("POST", "/block_documents/filter", json=wanted)
        found: list[dict[str, Any]] = answer.json()
        return found

    def _kind(self) -> tuple[UUID, UUID]:
        """Return the identifiers of our type of block and of its schema, which are made on first use."""
        with self._lock:
            if self._ids is None:
                kind = self._type()
                wanted = BlockSchemaCreate(fields=_FIELDS, block_type_id=kind, capabilities=[], version="1")
                self._ids = kind, self._ask(lambda: self._client.create_block_schema(wanted)).id
            return self._ids

    def _type(self) -> UUID:
        try:
            return self._ask(lambda: self._client.read_block_type_by_slug(SLUG)).id
        except ObjectNotFound:
            pass
        try:
            return self._ask(lambda: self._client.create_block_type(_TYPE)).id
        except ObjectAlreadyExists:  # another process was quicker
            return self._ask(lambda: self._client.read_block_type_by_slug(SLUG)).id

    def _ask(self, ask: Callable[[], V]) -> V:
        try:
            return self._context.copy().run(ask)
        except httpx.HTTPStatusError as error:
            if error.response.status_code < 500 and error.response.status_code not in (408, 429):
                raise
            raise JournalUnavailableError(self.server, str(error).splitlines()[0]) from error
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise JournalUnavailableError(self.server, reason) from error


def _without_retries() -> Context:
    """Return a context in which Prefect's client does not sleep: a step waits so that it can be cancelled."""
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        return copy_context()


def _note(given: dict[str, Any]) -> Note:
    data = given["data"]
    title, _, number = given["name"].rpartition("-")
    return Note(
        id=UUID(str(given["id"])),
        title=title,
        number=int(number),
        handle=Handle.model_validate_json(data["handle"]),
        changes=tuple(PhaseChange.model_validate(each) for each in json.loads(data["changes"])),
        ended=data.get("ended"),
        updated=datetime.fromisoformat(given["updated"]),
    )
