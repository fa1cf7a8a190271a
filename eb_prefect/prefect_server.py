# SPDX-License-Identifier: Apache-2.0
"""The Prefect server, asked for its automations, with errors of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.filters import AutomationFilter, AutomationFilterName, AutomationFilterTags
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from eb_prefect.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    Fault,
    InvalidConfigurationError,
    UnusableAnswerError,
)


class Server:
    """The Prefect server of the current settings.

    Raises
    ------
    InvalidConfigurationError
        It is not known which that is.
    BrokerUnavailableError
        It does not answer. So for each method.
    AccessDeniedError
        It does not let this user do that. So for each method.
    UnusableAnswerError
        It answers with another status than success. So for each method.
    """

    def __init__(self) -> None:
        url = PREFECT_API_URL.value()
        if url is None:  # Prefect would start a server that ends with this process
            raise InvalidConfigurationError("Prefect", [Fault("PREFECT_API_URL", "is not set")])
        self._name = f"the Prefect server {url}"

    def automations(self, *, name: str | None = None, tag: str | None = None) -> list[Automation]:
        """Return the automations that have a name and a tag."""
        wanted = AutomationFilter(
            name=AutomationFilterName(any_=[name]) if name else None,
            tags=AutomationFilterTags(all_=[tag]) if tag else None,
        )
        with self._asking() as client:
            return client.read_automations(automations=wanted)

    def create(self, automation: AutomationCore) -> None:
        """Add an automation."""
        with self._asking() as client:
            client.create_automation(automation)

    def change(self, which: UUID, automation: AutomationCore) -> None:
        """Put an automation in the place of another."""
        with self._asking() as client:
            client.update_automation(which, automation)

    def remove(self, which: UUID) -> None:
        """Take an automation away; it may be gone already."""
        with self._asking() as client:
            client.delete_automation(which)

    def notification_block(self, block: str) -> UUID:
        """Return the identifier of a notification block, given as ``TYPE/NAME``.

        Raises
        ------
        InvalidConfigurationError
            There is none.
        """
        slug, _, name = block.partition("/")
        with self._asking() as client:
            try:
                found = client.read_block_document_by_name(name, slug)
            except ObjectNotFound as gone:
                raise InvalidConfigurationError(
                    self._name, [Fault(block, "is no block that it has")]
                ) from gone
        schema = found.block_schema
        if schema is None or "notify" not in schema.capabilities:
            raise InvalidConfigurationError(self._name, [Fault(block, "is no block that sends messages")])
        return found.id

    @contextmanager
    def _asking(self) -> Iterator[SyncPrefectClient]:
        try:
            with get_client(sync_client=True) as client:
                yield client
        except httpx.HTTPStatusError as error:
            status, said = error.response.status_code, error.response.text[:200]
            if status in (401, 403):
                raise AccessDeniedError(self._name, status, said) from error
            raise UnusableAnswerError(self._name, f"{status} {said}") from error
        except httpx.HTTPError as error:
            raise BrokerUnavailableError(self._name, str(error) or type(error).__name__) from error
