# SPDX-License-Identifier: Apache-2.0
"""What a step costs beside its program: ours, DataLad's and aiida-shell's, in one run.

    python tests/benchmarks/step_cost.py [--steps 50] [--peers ENVIRONMENT]

Each does the same steps one after the other: copy a small FITS image by `cp`. Ours
are the tasks of one async flow on a running Prefect server; a step lasts from the
call until its record is in the product and the store. The peers are driven from
Python, which is the quickest way to use them, and DataLad from its command line too,
which is how `datalad run` is used. The request names no memory: the peers limit none, and
a limit costs us some 13 ms more, which the kernel takes to move a process into a
control group. ENVIRONMENT is a virtual environment with datalad
and aiida-shell (and git-annex on the PATH); without it one is made.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
PEERS = ("datalad", "datalad-command", "aiida")


def ours(frame: Path, steps: int) -> list[float]:
    from prefect import flow

    from eb_prefect.brokers.embedded.broker import EmbeddedBroker
    from eb_prefect.model.request import ExecutionRequest
    from provenance.tasks import recorded_step_async

    broker = EmbeddedBroker()
    request = ExecutionRequest.model_validate(
        {
            "executable": {
                "kind": "executable/program",
                "command": ["cp", "-L", "/input/frame.fits", "/output/copy.fits"],
            },
            "compute": {
                "cores": {"min": 1},
                "volumes": [
                    {"path": "/input/frame.fits", "mode": "READONLY", "resources": ["frame"]},
                    {"path": "/output", "mode": "READWRITE", "resources": ["products"]},
                ],
            },
            "storage": [{"name": "products"}],
            "data": [{"name": "frame", "location": frame.as_uri()}],
        }
    )

    @flow
    async def copies() -> list[float]:
        took = []
        for n in range(-1, steps):  # the first pays for imports and the store's making
            began = time.perf_counter()
            made = await recorded_step_async(broker, request, name=f"copy {n}")
            took.append(time.perf_counter() - began)
            assert made.products
        return took[1:]

    return asyncio.run(copies())


def bare(frame: Path, steps: int, folder: Path) -> list[float]:
    took = []
    for n in range(steps):
        began = time.perf_counter()
        subprocess.run(["cp", "-L", frame, folder / f"{n}.fits"], check=True)
        took.append(time.perf_counter() - began)
    return took


def peers_python(given: Path | None, folder: Path) -> Path:
    if given is None:
        given = folder / "peers"
        venv.create(given, with_pip=True)
        subprocess.run([given / "bin" / "pip", "install", "-q", "datalad", "aiida-shell"], check=True)
    return given / "bin" / "python"


def last_line(*words: object, **options: object) -> list[float]:
    said = subprocess.run(
        [str(word) for word in words], check=True, stdout=subprocess.PIPE, text=True, **options
    ).stdout
    took: list[float] = json.loads(said.splitlines()[-1])
    return took


def measured(frame: Path, steps: int, peers: Path | None, folder: Path) -> dict[str, list[float]]:
    from flows.server import prefect_server

    took = {"cp alone": bare(frame, steps, folder)}
    with prefect_server(folder / "prefect") as environment:
        environment |= {"EB_HOME": str(folder / "eb")}
        took["eb-prefect"] = last_line(
            sys.executable, HERE, "--ours", frame, "--steps", steps, env=environment
        )
    python = peers_python(peers, folder)
    for peer in PEERS:
        own = folder / peer
        own.mkdir()
        took[peer] = last_line(
            python, HERE.with_name("peers.py"), peer, frame, steps, own, stderr=subprocess.DEVNULL
        )
    return took


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.ours:
        print(json.dumps(ours(wanted.ours, wanted.steps)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frame = folder / "frame.fits"
        make_frame(frame)
        took = measured(frame, wanted.steps, wanted.peers, folder)
    report(took)


def make_frame(path: Path) -> None:
    import numpy as np
    from astropy.io import fits

    fits.PrimaryHDU(np.arange(10_000, dtype="f4").reshape(100, 100)).writeto(path)


def report(took: dict[str, list[float]]) -> None:
    alone = statistics.median(took.pop("cp alone"))
    own = {name: statistics.median(each) - alone for name, each in took.items()}
    print(f"{len(took['eb-prefect'])} steps; cp alone takes {alone * 1e3:.1f} ms; medians beyond that:")
    for name, cost in own.items():
        print(f"  {name:<16} {cost * 1e3:8.1f} ms   ours is {own['eb-prefect'] / cost:6.3f} of it")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ["PYTHONPATH"] = str(ROOT)
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    main()
