# SPDX-License-Identifier: Apache-2.0
"""A flow of two recorded steps: sort a table of stars, then keep the brightest.

Run it with a Prefect server (``prefect server start``, and PREFECT_API_URL
set as it says) as ``python examples/two_steps.py``. Killed at any time and
run again it goes on where it was.
"""

import sys
from pathlib import Path

from prefect import flow

from eb_prefect.brokers.named import broker_named
from eb_prefect.edit import patch_of, patched
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.wire.document import read_request
from provenance.tasks import Keeping, recorded_step

HERE = Path(__file__).parent


def request(document: str, table: str) -> ExecutionRequest:
    """Return the request of a document, on this table."""
    wanted = read_request((HERE / document).read_text())
    return patched(wanted, patch_of(wanted, (), {"table": table}))


@flow
def brightest_stars(table: str, into: Path) -> str:
    """Return the path of a table with the brightest stars."""
    broker, keeping = broker_named("embedded"), Keeping(into=into)
    ranked = recorded_step(broker, request("sort.yaml", table), name="sort", keeping=keeping)
    second = request("brightest.yaml", ranked.products["sorted.csv"])
    best = recorded_step(broker, second, name="brightest", keeping=keeping, wait_for=[ranked])
    return best.products["brightest.csv"]


if __name__ == "__main__":
    print(brightest_stars(str(HERE / "stars.csv"), Path(*sys.argv[1:2]).absolute()))
