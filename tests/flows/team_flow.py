# SPDX-License-Identifier: Apache-2.0
"""A flow of one step for the workers of a team; run as ``team_flow.py INTO`` it deploys itself and waits."""

import json
import os
import sys
from pathlib import Path

from prefect import flow
from prefect.deployments import run_deployment

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.edit import patch_of, patched
from eb_prefect.wire.document import read_request
from provenance.tasks import Keeping, recorded_step_async

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@flow
async def sorted_stars(into: Path) -> None:
    request = read_request((EXAMPLES / "sort.yaml").read_text())
    request = patched(request, patch_of(request, (), {"table": str(EXAMPLES / "stars.csv")}))
    await recorded_step_async(EmbeddedBroker(), request, name="sort", keeping=Keeping(into=into))


if __name__ == "__main__":
    deployable = flow.from_source(str(ROOT), "tests/flows/team_flow.py:sorted_stars")
    variables = {"env": {name: os.environ[name] for name in ("PYTHONPATH", "EB_STORE", "EB_CONFIG")}}
    name = deployable.deploy("team", work_pool_name="team", job_variables=variables, build=False, push=False)
    run = run_deployment(name, parameters={"into": sys.argv[1]}, timeout=240)
    print(json.dumps({"id": str(run.id), "state": run.state.name}))
