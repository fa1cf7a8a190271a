# SPDX-License-Identifier: Apache-2.0
import json
from typing import Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from eb_prefect.artifacts import show_offers, show_offers_async
from eb_prefect.choice.ask import ask
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.testing.scripted import ScriptedBroker

REQUEST = ExecutionRequest(executable=Program(command=("true",)))


async def stored(key: str) -> list[dict[str, Any]]:
    async with get_client() as client:
        found = await client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return [json.loads(each.data) for each in found]  # type: ignore[arg-type]  # a table's data is text


async def test_offers_and_refusals_are_a_table_in_the_ui(prefect_api: str) -> None:
    @flow
    def choosing() -> None:
        asked = ask([ScriptedBroker(), ScriptedBroker(refusal=["no room"])], REQUEST)
        show_offers(asked, name="Smooth M 31!")

    @flow
    async def choosing_too() -> None:
        await show_offers_async(ask([ScriptedBroker()], REQUEST), name="Smooth M 31!")

    choosing()
    await choosing_too()
    first, second = sorted(await stored("eb-offers-smooth-m-31"), key=len, reverse=True)
    assert [row["note"][-9:] for row in first] == ["", ": no room"]
    assert [row["offer"] for row in second] == ["1"]
