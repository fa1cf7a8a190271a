# SPDX-License-Identifier: Apache-2.0
"""Ask two sites at once, show what they offer, and run where it is best.

The sites are two brokers of this machine, each behind an HTTP server of its
own; addresses of real brokers go in their place. Run it with a Prefect server
as ``python examples/choose_offer.py``: the flow run shows the offers as a
table, and a step runs on the site that was chosen.
"""

import sys
from contextlib import ExitStack
from pathlib import Path

from prefect import flow

from eb_prefect.artifacts import show_offers
from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.brokers.several import SeveralBrokers
from eb_prefect.choice.ask import ask
from eb_prefect.choice.constraints import constraints
from eb_prefect.choice.policies import policy_named
from eb_prefect.edit import patch_of, patched
from eb_prefect.server.run import serving
from eb_prefect.wire.document import read_request
from provenance.tasks import Keeping, recorded_step

HERE = Path(__file__).parent


@flow
def sorted_where_it_is_best(sites: dict[str, str], into: Path) -> str:
    """Return the path of the table, sorted."""
    request = read_request((HERE / "sort.yaml").read_text())
    request = patched(request, patch_of(request, (), {"table": str(HERE / "stars.csv")}))
    policy, limits = policy_named("cheapest"), constraints("memory >= 1")
    brokers = [HTTPBroker(url, name=name) for name, url in sites.items()]
    show_offers(ask(brokers, request).meeting(limits).ranked(policy), name="sort")
    best = SeveralBrokers(brokers, policy=policy, constraints=limits)
    return recorded_step(best, request, name="sort", keeping=Keeping(into=into)).products["sorted.csv"]


if __name__ == "__main__":
    made = Path(*sys.argv[1:2]).absolute()
    with ExitStack() as both:
        places = {
            name: both.enter_context(serving(EmbeddedBroker(made / f"broker-{name}")))
            for name in ("north", "south")
        }
        print(sorted_where_it_is_best(places, made))
