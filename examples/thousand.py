# SPDX-License-Identifier: Apache-2.0
"""Find the brightest stars of a table in many ways, as one task of a flow.

Run it with a Prefect server as ``python examples/thousand.py``. All steps are
one task run, whose name says how many have ended, with one table of them; no
thread waits for any. Killed at any time and run again it goes on with the
sessions that it had, and repeats none that had ended. With a name of
``~/.config/eb/brokers.toml`` it does the same there; a batch system gets one
submission: ``python examples/thousand.py cluster 1000``.
"""

import asyncio
import sys
from pathlib import Path

from prefect import flow

from eb_prefect.brokers.named import broker_named
from eb_prefect.edit import patch_of, patched
from eb_prefect.ending import StepsFailedError
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.wire.document import read_request
from provenance.tasks import Keeping, recorded_steps_async

HERE = Path(__file__).parent


def request(count: int) -> ExecutionRequest:
    """Return the request for so many stars."""
    wanted = read_request((HERE / "brightest.yaml").read_text())
    settings = [f"executable.environment.COUNT={count}"]
    return patched(wanted, patch_of(wanted, settings, {"table": str(HERE / "stars.csv")}))


@flow
async def brightest_of_each_number(broker: str, steps: int, into: Path) -> list[str]:
    """Return the paths of tables with the brightest star, the two brightest, and so on."""
    requests = {f"brightest {count}": request(count) for count in range(1, steps + 1)}
    try:
        ended = await recorded_steps_async(
            broker_named(broker), requests, name="brightest", keeping=Keeping(into=into), at_once=500
        )
        made = ended.made
    except StepsFailedError as error:  # each of error.failed has its story; the others are done
        made = error.made
    return [step.products["brightest.csv"] for step in made.values()]


if __name__ == "__main__":
    broker, steps, into = (*sys.argv[1:], *("embedded", "10", "made")[len(sys.argv) - 1 :])
    print("\n".join(asyncio.run(brightest_of_each_number(broker, int(steps), Path(into).absolute()))))
