# SPDX-License-Identifier: Apache-2.0
"""`eb demo`: the whole path on a real observation, from request to rerun.

The frame is a8280271.fits, a field of stars taken with the 1.0 m telescope
of the SAAO on 13 July 2013. It is part of the tests of ccdproc (BSD-3-Clause)
and is read from there.
"""

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple

import click

from eb_prefect.errors import EBError
from eb_prefect.home import home
from flows.server import await_history, prefect_server

FRAME = "ccdproc/tests/data/a8280271.fits"
THRESHOLD = 5.0

_EB = (sys.executable, "-P", "-c", "from provenance.cli.main import main; main()")
_PIPELINE = (sys.executable, "-P", "-m", "flows.sources")


class MissingPackageError(EBError):
    """Something that the demo shows is not installed."""

    def __init__(self, package: str) -> None:
        self.package = package
        super().__init__(f"the demo needs {package}: pip install 'eb-prefect[demo]'")


class DemoError(EBError):
    """A part of the demo failed, and has said why."""

    def __init__(self, part: str, code: int) -> None:
        self.part = part
        self.code = code
        super().__init__(f"{part} ended with {code}; what it said is above")


class Places(NamedTuple):
    """Where a demo keeps its Prefect data and its products."""

    prefect: Path
    products: Path


@click.command()
@click.option(
    "--out",
    "into",
    type=click.Path(file_okay=False, path_type=Path),
    help="A directory for the products; a new one below this user's state by default.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, the rest on stderr.")
def demo(into: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click's way
    """Find stars in a real frame, show how, and do the last step again.

    Runs a Prefect server of its own for as long as the pipeline lasts. Needs
    no configuration and leaves yours alone.

    Example: eb demo
    """
    begun = time.monotonic()
    frame = _frame()
    stamp = f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}"
    places = Places(home() / "demo" / "prefect", (into or home() / "demo" / stamp).absolute())
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it unwinds, and ends the server
    made = _pipeline(frame, places)
    catalogue = made["catalogue"]["products"]["sources.fits"]
    _eb("lineage", catalogue, as_json=as_json)
    rerun = _rerun(catalogue, places)
    (again,) = rerun["products"]
    _eb("lineage", again, as_json=as_json)
    told = {
        "frame": str(frame),
        "smoothed": made["smoothed"]["products"]["smoothed.fits"],
        "product": catalogue,
        "record": made["catalogue"]["record"],
        "rerun_product": again,
        "rerun_record": rerun["record"],
        "flow_run": made["flow_run"],
        "prefect": _keep(places, made["flow_run"]),
        "seconds": round(time.monotonic() - begun, 1),
    }
    click.echo(json.dumps(told) if as_json else "\n".join(_ending(told)))


def _frame() -> Path:
    for package in ("ccdproc", "sep"):
        try:
            found = distribution(package)
        except PackageNotFoundError:
            raise MissingPackageError(package) from None
        if package == "ccdproc":
            frame = Path(str(found.locate_file(FRAME)))
    return frame


def _pipeline(frame: Path, places: Places) -> dict[str, Any]:
    _say("starting a Prefect server for this demo (the first time it makes its database)")
    with prefect_server(places.prefect) as environment:
        _say(f"finding the sources in {frame.name} with two steps on this machine")
        words = (*_PIPELINE, str(frame), "--into", str(places.products))
        made = _object("the pipeline", words, environment)
        await_history(environment, made["flow_run"])
    return made


def _rerun(catalogue: str, places: Places) -> dict[str, Any]:
    setting = f"executable.environment.THRESHOLD={THRESHOLD:g}"
    words = ("rerun", catalogue, "--set", setting, "--yes", "--out", str(places.products / "rerun"), "--json")
    _say("$ eb " + shlex.join(words))
    return _object("eb rerun", (*_EB, *words))


def _eb(*words: str, as_json: bool) -> None:
    _say("$ eb " + shlex.join(words))
    code = subprocess.run((*_EB, *words), stdout=sys.stderr if as_json else None, check=False).returncode
    if code:
        raise DemoError(f"eb {words[0]}", code)


def _object(
    part: str, words: tuple[str, ...], environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run a program and return the JSON object that it prints."""
    ended = subprocess.run(words, env=environment, stdout=subprocess.PIPE, check=False)
    if ended.returncode:
        raise DemoError(part, ended.returncode)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def _keep(places: Places, flow_run: str) -> dict[str, str]:
    prefect = Path(sys.executable).with_name("prefect")
    setting = (f"PREFECT_HOME={places.prefect}", "PREFECT_SERVER_ANALYTICS_ENABLED=false")
    return {
        "start": shlex.join(["env", "-u", "PREFECT_API_URL", *setting, str(prefect), "server", "start"]),
        "open": f"http://127.0.0.1:4200/runs/flow-run/{flow_run}",
    }


def _ending(told: dict[str, Any]) -> Iterator[str]:
    yield f"product        {told['product']}"
    yield f"rerun product  {told['rerun_product']}"
    keep = told["prefect"]
    yield f"to see this run in the Prefect UI:  {keep['start']}  and open  {keep['open']}"


def _say(text: str) -> None:
    click.secho(text, err=True, bold=True)
