# SPDX-License-Identifier: Apache-2.0
"""A person who answers the form of a paused flow run, through the API as the UI does."""

import asyncio
import json
import time
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter


async def paused(client: PrefectClient, runs: dict[str, Any], but: str | None = None) -> tuple[str, str]:
    """The flow run that is paused among those, and the key of the form once that is there."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        for run in await client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(runs)):
            details = run.state.state_details if run.state and run.state.is_paused() else None
            keys = details.run_input_keyset if details else None
            if keys and keys["description"] != but:
                found = await client.filter_flow_run_input(run.id, keys["description"], 1, set())
                if found:
                    return str(run.id), keys["description"]
        await asyncio.sleep(0.1)
    raise AssertionError("no flow run was paused")


async def answer(
    runs: dict[str, Any], having: str | None, *, but: str | None = None
) -> tuple[dict[str, Any], str]:
    """Choose the first offer that has a word in it; return the form, and the key of it."""
    async with get_client() as client:
        run, key = await paused(client, runs, but)
        shown = json.loads(await client.read_flow_run_input(run, key))
        schema = json.loads(await client.read_flow_run_input(run, key.replace("description", "schema")))
        choices = schema["properties"]["offer"]["enum"]
        chosen = {} if having is None else {"offer": next(each for each in choices if having in each)}
        told = await client.resume_flow_run(run, run_input=chosen)
        assert told.status.value == "ACCEPT", told
    return {"shown": shown, "choices": choices, "schema": schema}, key
