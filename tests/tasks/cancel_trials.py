# SPDX-License-Identifier: Apache-2.0
"""Trials of cancellation: flow runs that are cancelled at any moment, and what is left of them.

``python -m tests.tasks.cancel_trials 200`` prints one line a shape.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from uuid import uuid4

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from provenance.store import Store

PROGRAM = Path(__file__).with_name("cancelled_flow.py")
POINTS = ("offers", "offered", "accept", "preparing", "running", "end", "record")
LIMIT = 600.0


class Trial(NamedTuple):
    """A flow run that was cancelled: its shape, its final state, seconds from Cancelling to it."""

    plan: str
    run: str
    state: str
    took: float | None


class Found(NamedTuple):
    """What is left after some trials that had ``accepted`` sessions; the lists of these should be empty."""

    trials: list[Trial]
    accepted: int
    alive: list[str]
    beating: list[str]
    unrecorded: list[str]
    unended: list[str]

    @property
    def wrong(self) -> list[str]:
        """What should not be."""
        odd = [f"{each}" for each in self.trials if each.state not in ("Cancelled", "Completed")]
        told = {"alive": self.alive, "beating": self.beating, "unrecorded": self.unrecorded}
        return [*odd, *(f"{what}: {each}" for what, those in told.items() for each in those), *self.unended]


def plans(shape: str, count: int, *, seed: int) -> list[str]:
    """Return plans that between them reach each point, held there until the run knows or not."""
    chance = random.Random(seed)
    made = []
    for n in range(count):
        point = f"after{chance.uniform(0, 8):.2f}" if n % 2 else POINTS[n // 2 % len(POINTS)]
        seconds = chance.choice((1, 3)) if point in ("end", "record") else chance.choice((4, 900, 900))
        held = "+held" if chance.random() < 0.6 and not point.startswith("after") else ""
        made.append(f"{shape}:{1 if shape == 'main' else chance.randint(2, 6)}:{seconds}:{point}{held}")
    return made


@contextmanager
def served(home: Path) -> Iterator[str]:
    """An embedded broker over HTTP."""
    words = [
        sys.executable,
        "-c",
        "from provenance.cli.main import main; main()",
        "serve",
        "--port",
        "0",
        "--json",
    ]
    environment = {**os.environ, "EB_HOME": str(home)}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["url"]
        server.send_signal(signal.SIGTERM)


def script(folder: Path, environment: Mapping[str, str], given: Iterable[str]) -> list[Trial]:
    """Run plans in one process, and return how their flow runs ended.

    The flow runs are named by the folder, so no other may have its name at the server.
    """
    folder.mkdir()
    wanted = list(given)
    with (folder / "log").open("w") as log:
        subprocess.run(
            [sys.executable, str(PROGRAM), *wanted],
            env={**environment, "TRIAL_FOLDER": str(folder)},
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=LIMIT,
            check=False,
        )
    return [_trial(environment, plan, f"{folder.name}-{n}") for n, plan in enumerate(wanted)]


def deployed(folder: Path, environment: Mapping[str, str], given: Iterable[str]) -> list[Trial]:
    """Run plans as runs of deployments that one process serves."""
    folder.mkdir()
    wanted = list(given)
    command = [sys.executable, str(PROGRAM), "serve"]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            command,
            env={**environment, "TRIAL_FOLDER": str(folder)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as server,
    ):
        try:
            for n, plan in enumerate(wanted):
                _begin(environment, plan, f"{folder.name}-{n}")
            end = time.monotonic() + LIMIT
            for n in range(len(wanted)):
                while not _is_over(environment, f"{folder.name}-{n}") and time.monotonic() < end:
                    time.sleep(0.5)
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
    return [_trial(environment, plan, f"{folder.name}-{n}") for n, plan in enumerate(wanted)]


def judge(trials: list[Trial], folders: Iterable[Path], home: Path, records: Path) -> Found:
    """Ask the broker, the programs and the store what is left."""
    sessions = _sessions(home)
    recorded = (
        {entry.session for entry in Store(records / "records.db").history(limit=100_000)} if trials else set()
    )
    time.sleep(2)
    folders = list(folders)
    beats = [beat for folder in folders for beat in folder.glob("*.beat")]
    beating = [str(beat) for beat in beats if time.time() - beat.stat().st_mtime < 1.5]
    phases = {uuid: str(session.phase) for uuid, session in sessions.items()}
    accepted = {path.stem for folder in folders for path in folder.glob("*.accepted")}
    accepted |= {uuid for uuid, session in sessions.items() if _was_accepted(session)}
    return Found(
        trials,
        len(accepted),
        alive=[f"{uuid} {phase}" for uuid, phase in phases.items() if phase not in _OVER],
        beating=beating,
        unrecorded=sorted(accepted - recorded),
        unended=[f"{each.plan} has no end" for each in trials if each.state == ""],
    )


_OVER = {"COMPLETED", "FAILED", "CANCELLED", "REJECTED", "EXPIRED", "OFFERED"}


def _was_accepted(session: Any) -> bool:
    parts = (session.executable,)
    return (
        session.phase in ("COMPLETED", "FAILED", "CANCELLED") and session.outcome is not None and any(parts)
    )


def _sessions(home: Path) -> dict[str, Any]:
    broker = EmbeddedBroker(_broker_home(home))
    return {path.name: broker.session(path.name) for path in (home / "sessions").iterdir()}


def _broker_home(home: Path) -> Path:
    return home


def _post(environment: Mapping[str, str], path: str, content: object) -> Any:
    request = urllib.request.Request(
        f"{environment['PREFECT_API_URL']}/{path}",
        json.dumps(content).encode(),
        {"Content-Type": "application/json"},
    )
    for _ in range(5):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except (TimeoutError, OSError):
            time.sleep(1)
    raise AssertionError(path)


def _get(environment: Mapping[str, str], path: str) -> Any:
    with urllib.request.urlopen(f"{environment['PREFECT_API_URL']}/{path}", timeout=60) as answer:
        return json.load(answer)


def _begin(environment: Mapping[str, str], plan: str, name: str) -> None:
    shape = {"main": "in-main", "threads": "in-threads", "async": "in-async"}[plan.partition(":")[0]]
    end = time.monotonic() + 120
    while True:
        found = _post(environment, "deployments/filter", {"flows": {"name": {"any_": [shape]}}})
        if found:
            break
        assert time.monotonic() < end, "no deployment"
        time.sleep(0.5)
    content = {"parameters": {"plan": plan, "name": name}, "state": {"type": "SCHEDULED"}, "name": name}
    _post(environment, f"deployments/{found[0]['id']}/create_flow_run", content)


def _runs(environment: Mapping[str, str], name: str) -> list[Any]:
    """The runs of a name, the newest first: other tests of the same server may have named theirs so."""
    named = {"flow_runs": {"name": {"any_": [name]}}, "sort": "EXPECTED_START_TIME_DESC"}
    return _post(environment, "flow_runs/filter", named)


def _is_over(environment: Mapping[str, str], name: str) -> bool:
    runs = _runs(environment, name)
    return bool(runs) and runs[0]["state_type"] in ("CANCELLED", "COMPLETED", "FAILED", "CRASHED")


def _trial(environment: Mapping[str, str], plan: str, name: str) -> Trial:
    runs = _runs(environment, name)
    if not runs:
        return Trial(plan, name, "", None)
    [run] = runs
    states = _get(environment, f"flow_run_states/?flow_run_id={run['id']}")
    times = {state["type"]: datetime.fromisoformat(state["timestamp"]) for state in states}
    took = None
    if {"CANCELLING", "CANCELLED"} <= times.keys():
        took = (times["CANCELLED"] - times["CANCELLING"]).total_seconds()
    return Trial(plan, run["id"], run["state_name"], took)


def line(title: str, trials: list[Trial]) -> str:
    """Return how trials of one shape ended, and how long it took."""
    took = sorted(each.took for each in trials if each.took is not None)
    states: dict[str, int] = {}
    for each in trials:
        states[each.state] = states.get(each.state, 0) + 1
    times = f"median {median(took):.1f} s, longest {took[-1]:.1f} s" if took else "none cancelled"
    return f"{title:24} {len(trials):4} {states}  {times}"


def main(count: int, folder: Path, environment: Mapping[str, str]) -> int:
    """Do so many trials in all shapes; return how much is wrong."""
    wrong, seed = 0, int.from_bytes(os.urandom(3))
    print(f"seed {seed}", flush=True)
    for way in ("embedded", "http"):
        home, records = folder / f"{way}-home", folder / f"{way}-records"
        with served(home) as url:
            where = {"EB_HOME": str(home)}
            if way == "http":
                where = {"EB_HOME": str(records), "TRIAL_BROKER": url}
            trials, folders = _do(way, batches(count, seed), folder, {**environment, **where})
            found = judge(trials, folders, home, home if way == "embedded" else records)
        print(f"{way}: {len(trials)} trials, {found.accepted} sessions accepted, {len(found.wrong)} wrong")
        for each in found.wrong:
            print("WRONG", each, flush=True)
        wrong += len(found.wrong)
    return wrong


def batches(count: int, seed: int) -> list[tuple[str, bool, list[str]]]:
    """Return what is run together, by title: half of so many trials, and whether as deployments."""
    share = {"main": 0.15, "threads": 0.3, "async": 0.35}
    many = {shape: max(1, round(count / 2 * part)) for shape, part in share.items()}
    made = [
        (f"script {shape}", False, plans(shape, n, seed=seed)[at : at + 16])
        for shape, n in many.items()
        for at in range(0, n, 16)
    ]
    alone = [
        ("script, own process", False, [plan]) for plan in plans("main", max(1, count // 60), seed=seed + 1)
    ]
    each = max(1, round(count / 2 * 0.06))
    deployments = [plan for shape in share for plan in plans(shape, each, seed=seed + 2)]
    return [*made, *alone, ("served", True, deployments)]


def _do(
    way: str, given: list[tuple[str, bool, list[str]]], folder: Path, environment: Mapping[str, str]
) -> tuple[list[Trial], list[Path]]:
    trials, folders = [], []
    titled: dict[str, list[Trial]] = {}
    for title, is_deployed, wanted in given:
        folders.append(folder / uuid4().hex[:12])
        some = (deployed if is_deployed else script)(folders[-1], environment, wanted)
        titled.setdefault(title, []).extend(some)
        print(line(f"{way}, {title}", some), flush=True)
        trials += some
    for title, all_of_it in titled.items():
        print(line(f"all of {way}, {title}", all_of_it), flush=True)
    return trials, folders


if __name__ == "__main__":
    from flows.server import prefect_server

    with tempfile.TemporaryDirectory(prefix="cancel-trials-") as made:
        keep = Path(os.environ.get("TRIAL_FOLDER", made))
        with prefect_server(keep / "prefect") as server_environment:
            sys.exit(min(main(int(sys.argv[1]), keep, server_environment), 1))
