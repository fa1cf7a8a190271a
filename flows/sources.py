# SPDX-License-Identifier: Apache-2.0
"""Find the stars in a CCD frame: take out bias and sky, smooth, extract sources.

Each of the two steps is a program that a broker runs, see `flows.programs`,
and both products carry the record of how they were made.
"""

import asyncio
import json
import os
from pathlib import Path

import click
from prefect import flow
from prefect.runtime import flow_run

from eb_prefect.brokers.named import broker_named
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.value import Value
from flows.program import program_request
from provenance.tasks import Keeping, Recorded, recorded_step_async

SMOOTHED = "smoothed.fits"
CATALOGUE = "sources.fits"


class Sources(Value):
    """What the pipeline made, and which flow run made it."""

    flow_run: str
    smoothed: Recorded
    catalogue: Recorded


def smoothing_request(frame: str, *, smoothing: float = 1.0) -> ExecutionRequest:
    """Return the request to make a smoothed image without bias and sky; ``smoothing`` is in pixels."""
    return program_request(
        "smooth_frame",
        inputs={"frame": frame},
        product=SMOOTHED,
        environment={"SKY_CELL": "64", "SMOOTHING": f"{smoothing:g}"},
    )


def extraction_request(image: str, *, threshold: float = 3.0) -> ExecutionRequest:
    """Return the request to make a catalogue; ``threshold`` is in standard deviations of the noise."""
    return program_request(
        "extract_sources",
        inputs={"image": image},
        product=CATALOGUE,
        environment={"THRESHOLD": f"{threshold:g}", "MINIMUM_AREA": "5"},
    )


def _named_by_frame() -> str:
    return f"sources in {os.path.basename(flow_run.parameters['frame'])}"  # noqa: PTH119 - it may be a URL


@flow(flow_run_name=_named_by_frame)
async def detect_sources(
    frame: str, *, threshold: float = 3.0, into: Path | None = None, broker: str = "embedded"
) -> Sources:
    """Find the sources in any FITS image, given by path or URL.

    Products go into the directory ``into``, or stay where the broker leaves them.

    Raises
    ------
    StepFailedError
        A step failed; it is recorded, and so is what was made before it.
    """
    runs_on = broker_named(broker)
    keeping = Keeping(into=into)
    smoothed = await recorded_step_async(runs_on, smoothing_request(frame), name="smooth", keeping=keeping)
    request = extraction_request(smoothed.products[SMOOTHED], threshold=threshold)
    catalogue = await recorded_step_async(
        runs_on, request, name="sources", keeping=keeping, wait_for=[smoothed]
    )
    return Sources(flow_run=str(flow_run.id), smoothed=smoothed, catalogue=catalogue)


@click.command()
@click.argument("frame")
@click.option("--threshold", default=3.0, show_default=True, help="In standard deviations of the noise.")
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), help="A directory for the products."
)
def main(frame: str, threshold: float, into: Path | None) -> None:
    """Find the sources in FRAME, a FITS image; print what was made as JSON."""
    found = asyncio.run(detect_sources(frame, threshold=threshold, into=into))
    click.echo(json.dumps(found.neutral()))


if __name__ == "__main__":
    main()
