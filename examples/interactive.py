# SPDX-License-Identifier: Apache-2.0
"""A flow with a person in it: JupyterLab on a sorted table, and on with what was saved there.

Run it with a Prefect server as ``python examples/interactive.py``. When the
session is up, the flow's log and a link in the Prefect UI say so; then ``eb
session SESSION --link`` prints the link that lets you in. ``eb release
SESSION``, or "Shut Down" in the menu "File" of JupyterLab, lets the flow go on.
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
def looked_at(table: str, into: Path) -> list[str]:
    """Return the paths of all that a person saved."""
    broker, keeping = broker_named("embedded"), Keeping(into=into)
    ranked = recorded_step(broker, request("sort.yaml", table), name="sort", keeping=keeping)
    interactive = request("interactive.yaml", ranked.products["sorted.csv"])
    looked = recorded_step(broker, interactive, name="look", keeping=keeping, wait_for=[ranked])
    return sorted(looked.products.values())


if __name__ == "__main__":
    print(*looked_at(str(HERE / "stars.csv"), Path(*sys.argv[1:2]).absolute()), sep="\n")
