# SPDX-License-Identifier: Apache-2.0
"""What a flow run shows beside its tasks in the Prefect UI."""

import re
from typing import cast
from uuid import UUID

from prefect.artifacts import acreate_table_artifact, create_table_artifact

from eb_prefect.choice.asked import Asked

_OTHER = re.compile(r"[^a-z0-9]+")
_LONGEST = 80


def show_offers(asked: Asked, *, name: str) -> UUID:
    """Show what brokers answered to the step ``name`` as a table; each call makes a new version of it."""
    found = create_table_artifact(asked.rows(), key=key_of("offers", name), description=_title(name))
    return cast("UUID", found)  # in a sync flow it is no coroutine


async def show_offers_async(asked: Asked, *, name: str) -> UUID:
    """Do what `show_offers` does, in an async flow."""
    return await acreate_table_artifact(asked.rows(), key=key_of("offers", name), description=_title(name))


def key_of(what: str, name: str) -> str:
    """Return a key for what is shown of a thing with a name, in the characters that Prefect takes."""
    return f"eb-{what}-{_OTHER.sub('-', name.lower())[:_LONGEST].strip('-')}".rstrip("-")


def _title(name: str) -> str:
    return f"Offers for {name}, the best first"
