# SPDX-License-Identifier: Apache-2.0
"""What a flow run shows beside its tasks in the Prefect UI."""

import re
from typing import cast
from uuid import UUID

from prefect.artifacts import acreate_table_artifact, create_table_artifact

from eb_prefect.choice.asked import Asked


def show_offers(asked: Asked, *, name: str) -> UUID:
    """Show what brokers answered to the step ``name`` as a table; each call makes a new version of it."""
    found = create_table_artifact(asked.rows(), key=_key(name), description=_title(name))
    return cast("UUID", found)  # in a sync flow it is no coroutine


async def show_offers_async(asked: Asked, *, name: str) -> UUID:
    """Do what `show_offers` does, in an async flow."""
    return await acreate_table_artifact(asked.rows(), key=_key(name), description=_title(name))


def _key(name: str) -> str:
    """Return the name in the characters that Prefect takes for a key."""
    return f"eb-offers-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}".rstrip("-")


def _title(name: str) -> str:
    return f"Offers for {name}, the best first"
