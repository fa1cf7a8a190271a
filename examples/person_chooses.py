# SPDX-License-Identifier: Apache-2.0
"""Let a person choose where a step runs, in a form of the Prefect UI.

The sites are two brokers of this machine, each behind an HTTP server of its
own; addresses of real brokers go in their place. Run it with a Prefect server
as ``python examples/person_chooses.py``: the flow run is paused, and "Resume"
in its page shows the offers. If nobody chooses within an hour, a policy does.
"""

import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from prefect import flow

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.choice.policies import cheapest
from eb_prefect.edit import patch_of, patched
from eb_prefect.person import Asking, choose_offer
from eb_prefect.server.run import serving
from eb_prefect.wire.document import read_request
from provenance.tasks import Keeping, recorded_step

HERE = Path(__file__).parent


@flow
def sorted_where_a_person_says(sites: dict[str, str], into: Path) -> str:
    """Return the path of the table, sorted."""
    request = read_request((HERE / "sort.yaml").read_text())
    request = patched(request, patch_of(request, (), {"table": str(HERE / "stars.csv")}))
    brokers = [HTTPBroker(url, name=name) for name, url in sites.items()]
    asking = Asking(policy=cheapest, within=timedelta(hours=1))
    chosen = choose_offer(brokers, request, name="sort", asking=asking)
    done = recorded_step(
        chosen.broker, request, name="sort", keeping=Keeping(into=into), options=chosen.options()
    )
    return done.products["sorted.csv"]


if __name__ == "__main__":
    made = Path(*sys.argv[1:2]).absolute()
    with ExitStack() as both:
        places = {
            name: both.enter_context(serving(EmbeddedBroker(made / f"broker-{name}")))
            for name in ("north", "south")
        }
        print(sorted_where_a_person_says(places, made))
