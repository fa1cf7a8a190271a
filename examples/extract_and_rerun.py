# SPDX-License-Identifier: Apache-2.0
"""Take the record out of a product and run its step again with another setting.

Run it as ``python examples/extract_and_rerun.py PRODUCT PATH=VALUE...``, for
example with what two_steps.py made and ``executable.environment.COUNT=1``.
Nothing but the product is needed. The command `eb rerun` does the same and
shows more.
"""

import sys
from pathlib import Path

from eb_prefect.brokers.named import broker_named
from eb_prefect.step import run_step
from provenance.capture import capture
from provenance.errors import ConsentError
from provenance.policy import policy
from provenance.products.extract import extract
from provenance.record import read_record
from provenance.rerun import plan
from provenance.store import Store
from provenance.trust import judged, released


def main(product: Path, settings: list[str]) -> None:
    """Show what would run, run it, and say what came out."""
    found = extract(product)
    print(f"{product} is {found.binding}, made by {found.digest}")
    planned = plan(read_record(found.text, found.place), settings=settings)
    verdict = judged(found, planned, policy())
    print(f"{verdict.witness}: {planned.request.executable}")
    for difference in planned.differences:
        print(f"differs: {difference}")
    for warning in planned.warnings:
        print(f"warning: {warning}")
    try:  # a record from a file may run anything
        request = released(verdict, planned, agree=lambda: input("run it? [y/N] ") == "y")
    except ConsentError as reason:
        print(reason)
        return
    run = run_step(broker_named("embedded"), request, name=f"{planned.verb} {product.name}")
    captured = capture(run, Store(), based_on=planned.link)
    print(f"{captured.record.session.phase}: {', '.join(map(str, captured.products))}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
