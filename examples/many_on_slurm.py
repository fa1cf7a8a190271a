# SPDX-License-Identifier: Apache-2.0
"""Sort a table of stars on a cluster, then run a hundred steps on it as a few arrays.

The cluster has a name in ``~/.config/eb/brokers.toml``::

    [brokers.cluster]
    kind = "slurm"
    queues = ["short"]        # and whatever else it needs, see the README

Run it with a Prefect server as ``python examples/many_on_slurm.py``. Steps
that start together are submitted together, and in an async flow none of them
holds a thread. Killed at any time and run again it goes on with the sessions
that it had. With ``embedded`` it does the same on this machine, and with
``execution-broker/NAME`` on what a Prefect block names:
``python examples/many_on_slurm.py embedded 10``.
"""

import asyncio
import sys
from pathlib import Path

from prefect import flow

from eb_prefect.brokers.named import broker_named
from eb_prefect.edit import patch_of, patched
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.wire.document import read_request
from provenance.tasks import Keeping, Recorded, recorded_step_async

HERE = Path(__file__).parent


def request(document: str, table: str, *settings: str) -> ExecutionRequest:
    """Return the request of a document, on this table."""
    wanted = read_request((HERE / document).read_text())
    return patched(wanted, patch_of(wanted, settings, {"table": table}))


@flow
async def brightest_of_each_number(broker: str, steps: int, into: Path) -> list[str]:
    """Return the paths of tables with the brightest star, the two brightest, and so on."""
    cluster = broker_named(broker)
    stars = request("sort.yaml", str(HERE / "stars.csv"))
    ranked = await recorded_step_async(cluster, stars, name="sort", keeping=Keeping(into=into))
    table = ranked.products["sorted.csv"]

    async def brightest(count: int) -> Recorded:
        wanted = request("brightest.yaml", table, f"executable.environment.COUNT={count}")
        keeping, name = Keeping(into=into / str(count)), f"brightest {count}"
        return await recorded_step_async(cluster, wanted, name=name, keeping=keeping, wait_for=[ranked])

    made = await asyncio.gather(*(brightest(count + 1) for count in range(steps)))
    return [step.products["brightest.csv"] for step in made]


if __name__ == "__main__":
    broker, steps, into = (*sys.argv[1:], *("cluster", "100", "made")[len(sys.argv) - 1 :])
    print("\n".join(asyncio.run(brightest_of_each_number(broker, int(steps), Path(into).absolute()))))
