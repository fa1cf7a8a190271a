# SPDX-License-Identifier: Apache-2.0
"""Photograph what users see, in a real browser: ``python -m tests.screenshots OUT``.

It starts a Prefect server of its own, runs the pipeline of `flows.sources`
on the real frame with the embedded broker, and draws the pages of both UIs
into OUT. It needs Debian's chromium and no internet.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import flows.server
from flows.server import prefect_server
from tests.screenshots.browser import photograph
from tests.screenshots.clicking import tab
from tests.screenshots.pipelines import (
    FRAME,
    Pipeline,
    batch,
    block_type,
    compared_offers,
    eb,
    failed_step,
    held_back,
    interactive,
    waiting_for_a_person,
    work_pool,
)
from tests.screenshots.server import Server
from tests.serving import in_force

_ASKED = "Offers for step"
_NEW, _BOTH = ("v2",), ("v2", "v1")


class Page(NamedTuple):
    """A page to photograph: what to call it, where it is below the UI, how high, in which UIs."""

    name: str
    path: str
    height: int = 1000
    uis: tuple[str, ...] = _BOTH


def artifact_page(server: Server, flow_run: str, key: str, name: str, height: int = 1100) -> Page:
    """Return the page of an artifact of a flow run."""
    return Page(name, f"artifacts/artifact/{server.artifacts(flow_run)[key]['id']}", height)


def running(server: Server, environment: dict[str, str], work: Path, out: Path) -> str:
    """Photograph a pipeline while it runs, and return its flow run when it has ended."""
    with held_back(FRAME) as (frame, release):
        pipeline = Pipeline(frame, environment, work)
        try:
            flow_run = pipeline.reached("smooth", "PREPARING")
            take(server, out, iter([Page("running", f"runs/flow-run/{flow_run}")]))
            release.set()
            return pipeline.ended()
        finally:
            pipeline.end()


def finished(server: Server, flow_run: str) -> Iterator[Page]:
    """Yield the pages of the finished pipeline."""
    where = f"runs/flow-run/{flow_run}"
    yield Page("finished", where)
    yield Page("finished-tasks", f"{where}?tab=TaskRuns", uis=_NEW)
    yield Page("finished-artifacts", f"{where}?tab=Artifacts", uis=_NEW)
    yield artifact_page(server, flow_run, "eb-offers-smooth", "offers", 700)
    yield artifact_page(server, flow_run, "eb-report-sources", "report", 2600)
    yield artifact_page(server, flow_run, "eb-lineage-detect-sources", "lineage", 1200)


def others(server: Server, compared: str, failed: str) -> Iterator[Page]:
    """Yield the pages of what the pipeline has not: several brokers, a failure."""
    yield artifact_page(server, compared, "eb-offers-smooth-anywhere", "offers-of-several", 800)
    yield artifact_page(server, compared, "eb-report-smooth-anywhere", "report-of-several", 2300)
    yield artifact_page(server, failed, "eb-report-calibrate-m-31", "report-of-a-failure", 1900)
    yield Page("artifacts", "artifacts", uis=_NEW)


def many(server: Server, flow_run: str) -> Iterator[Page]:
    """Yield the pages of many steps in one task run."""
    yield Page("batch", f"runs/flow-run/{flow_run}")
    yield artifact_page(server, flow_run, "eb-steps-calibrate", "batch-table")


def person(server: Server, environment: dict[str, str], work: Path, out: Path) -> None:
    """Photograph a session that a person gets into: while it is up, from inside, and when it has ended."""
    with interactive(environment, work) as here:
        where, key = f"runs/flow-run/{here.flow_run}", f"eb-link-{here.session}"
        up = [Page("interactive", where), artifact_page(server, here.flow_run, key, "interactive-link", 700)]
        take(server, out, iter(up))
        with tab(eb("session", here.session, "--link")) as page:
            page.await_text("Launcher")
            page.photograph(out / "jupyter.png")
            print("jupyter.png", flush=True)
        here.release()
        report = artifact_page(server, here.flow_run, "eb-report-look", "interactive-report", 2500)
        take(server, out, iter([report]))


def choosing(server: Server, environment: dict[str, str], work: Path, out: Path) -> None:
    """Photograph the form in which a person chooses an offer."""
    with waiting_for_a_person(environment, work) as flow_run:
        for ui in _BOTH:
            with tab(server.page(f"runs/flow-run/{flow_run}", ui)) as page:
                page.await_text("Paused")
                if ui == "v2":
                    page.click(None, "[aria-haspopup=menu]")
                page.click("Resume")
                page.await_text(_ASKED)
                page.photograph(out / f"{ui}-choice.png")
                print(f"{ui}-choice.png", flush=True)


def pool(server: Server, out: Path) -> None:
    """Photograph the form of a work pool."""
    work_pool("sessions")
    where = "work-pools/work-pool/sessions"
    take(server, out, iter([Page("work-pool", where), Page("work-pool-form", f"{where}/edit", 3000, _NEW)]))


def block(server: Server, out: Path) -> None:
    """Photograph the form of a broker as a block."""
    block_type()
    where = "blocks/catalog/execution-broker"
    take(server, out, iter([Page("block", where), Page("block-form", f"{where}/create", 3400)]))


def take(server: Server, out: Path, pages: Iterator[Page]) -> None:
    """Photograph pages in both UIs."""
    for page in pages:
        for ui in page.uis:
            started = time.monotonic()
            photograph(server.page(page.path, ui), out / f"{ui}-{page.name}.png", height=page.height)
            print(f"{ui}-{page.name}.png  {time.monotonic() - started:.1f} s", flush=True)


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument("out", type=Path, help="a directory for the pictures")
    out = parser.parse_args().out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    flows.server.START_LIMIT = 600.0  # on a machine that does much else
    with tempfile.TemporaryDirectory(prefix="eb-screenshots-") as directory:
        work = Path(directory)
        os.environ["EB_HOME"] = str(work / "home")
        with prefect_server(work / "prefect") as environment, in_force(environment):
            server = Server(environment)
            flow_run = running(server, environment, work, out)
            take(server, out, finished(server, flow_run))
            take(server, out, others(server, compared_offers(), failed_step()))
            take(server, out, many(server, batch()))
            block(server, out)
            pool(server, out)
            person(server, environment, work, out)
            choosing(server, environment, work, out)


if __name__ == "__main__":
    main()
