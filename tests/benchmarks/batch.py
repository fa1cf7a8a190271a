# SPDX-License-Identifier: Apache-2.0
"""Many short steps on Slurm: through us, by ``sbatch --array``, by submitit and by psij-python, in one run.

``python -m tests.benchmarks.batch [STEPS]`` starts a cluster of its own
(``tests/slurm.sh``) and prints the time of each from the first submission
until all are known to have ended, the time it adds to each step beside the
bare array, and how many commands of Slurm it took. Peers that are not
installed are left out.
"""

import dataclasses
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from eb_prefect.brokers.batch.settings import BatchSettings
from eb_prefect.brokers.slurm.broker import SlurmBroker
from eb_prefect.model.phase import FINAL, Phase
from tests.brokers.embedded.bench import program
from tests.slurm import cluster

COMMANDS = ("sbatch", "squeue", "sacct", "scancel", "sinfo", "scontrol")
LOOK = 2.0


@dataclasses.dataclass(frozen=True)
class Place:
    """A directory for one way, and the commands of Slurm that it took."""

    root: Path
    calls: Path

    def taken(self) -> Counter[str]:
        return Counter(self.calls.read_text().split()) if self.calls.exists() else Counter()


def bare(place: Place, steps: int) -> None:
    """Submit one array by hand, and look at the queue until it is empty."""
    submit = ["sbatch", "--parsable", f"--array=0-{steps - 1}", "-o", "/dev/null", "--wrap", "true"]
    number = subprocess.run(submit, capture_output=True, text=True, check=True).stdout.strip()
    while subprocess.run(["squeue", "-h", "-j", number], capture_output=True, text=True, check=False).stdout:
        time.sleep(LOOK)


def ours(place: Place, steps: int) -> None:
    """Ask, accept all, and look at each until it has ended and is settled."""
    broker = SlurmBroker(settings=BatchSettings(interval=LOOK), home=place.root / "home")
    offers = [broker.request_offers(program("true")).offers[0].uuid for _ in range(steps)]
    broker.accept_all(offers)
    left = set(offers)
    while left:
        time.sleep(LOOK)
        seen = {each: broker.session(each).phase for each in left}
        assert not {Phase.FAILED, Phase.CANCELLED} & set(seen.values())
        left = {each for each, phase in seen.items() if phase not in FINAL}


def by_submitit(place: Place, steps: int) -> None:
    """Map a function over as many numbers, with submitit's own array."""
    import submitit  # type: ignore[import-not-found]

    executor = submitit.AutoExecutor(folder=place.root)
    executor.update_parameters(slurm_array_parallelism=steps, timeout_min=5, slurm_mem="256M")
    with executor.batch():
        submissions = [executor.submit(int, 0) for _ in range(steps)]
    for each in submissions:
        each.result()


def by_psij(place: Place, steps: int) -> None:
    """Submit as many jobs, and wait for each, as psij has no arrays."""
    from psij import Job, JobExecutor, JobSpec  # type: ignore[import-not-found]

    executor = JobExecutor.get_instance("slurm")
    jobs = [Job(JobSpec(executable="/bin/true")) for _ in range(steps)]
    for each in jobs:
        executor.submit(each)
    for each in jobs:
        each.wait()


WAYS: dict[str, Callable[[Place, int], None]] = {
    "bare array": bare,
    "eb_prefect": ours,
    "submitit": by_submitit,
    "psij": by_psij,
}
NEEDS = {"submitit": "submitit", "psij": "psij"}


def counted(root: Path, calls: Path) -> dict[str, str]:
    """Return an environment in which each command of Slurm is noted before it runs."""
    shims = root / "bin"
    shims.mkdir(parents=True)
    for name in COMMANDS:
        real = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        (shims / name).write_text(f'#!/bin/sh\necho {name} >>{calls}\nexec {real} "$@"\n')
        (shims / name).chmod(0o755)
    return {"PATH": f"{shims}:{os.environ['PATH']}"}


def measure(way: str, steps: int, folder: Path) -> tuple[float, Counter[str]]:
    place = Place(folder / way.replace(" ", "-"), folder / f"{way.replace(' ', '-')}.calls")
    place.root.mkdir()
    before = os.environ["PATH"]
    os.environ.update(counted(place.root, place.calls))
    begun = time.perf_counter()
    WAYS[way](place, steps)
    took = time.perf_counter() - begun
    os.environ["PATH"] = before
    return took, place.taken()


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    ways = [way for way in WAYS if way not in NEEDS or importlib.util.find_spec(NEEDS[way])]
    with tempfile.TemporaryDirectory(prefix="eb-benchmark-") as folder, cluster() as directory:
        for line in (directory / "env").read_text().splitlines():
            name, _, value = line.partition("=")
            os.environ[name] = value
        compare(ways, steps, Path(folder))


def compare(ways: list[str], steps: int, folder: Path) -> None:
    base = 0.0
    for way in ways:
        took, calls = measure(way, steps, folder)
        base = base or took
        added = (took - base) / steps * 1000
        told = " ".join(f"{name} {count}" for name, count in sorted(calls.items()))
        print(f"{way:12} {took:7.1f} s  {took / base:5.2f}  {added:+7.1f} ms a step  {told}", flush=True)


if __name__ == "__main__":
    main()
