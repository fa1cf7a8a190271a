# SPDX-License-Identifier: Apache-2.0
"""Sessions are cancelled in every phase, by their broker and by hand."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eb_prefect.model.phase import Phase
from eb_prefect.testing.contract import offered, wait_final, wait_until
from tests.brokers.embedded.bench import data, storage, texts, volume
from tests.brokers.slurm.bench import SlurmBench
from tests.brokers.slurm.killing import PATIENCE
from tests.slurm import Slurm


@pytest.fixture
def bench(tmp_path: Path, slurm: Slurm) -> SlurmBench:
    return SlurmBench(tmp_path, patience=PATIENCE)


def with_settings(bench: SlurmBench, **settings: Any) -> SlurmBench:
    return replace(bench, settings=replace(bench.settings, **settings))


@contextmanager
def silent() -> Iterator[str]:
    """Yield the address of a server that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/data"


def started(bench: SlurmBench, text: str) -> str:
    """Accept a script and return its session once it runs."""
    broker = bench.broker()
    session = offered(broker, bench.script(text)).uuid
    broker.accept(session)
    wait_until(lambda: bench.starts() == 1, PATIENCE)
    return session


def handle(bench: SlurmBench, session: str) -> str:
    return str((bench.directory(session) / "handle").readlink())


def test_scancel_by_hand_cancels_what_runs(bench: SlurmBench) -> None:
    session = started(bench, "sleep 60")
    subprocess.run(["scancel", handle(bench, session)], check=True)
    final = wait_final(bench.broker(), session, bench)
    assert final.phase == Phase.CANCELLED
    assert "CANCELLED by" in texts(final)


@pytest.mark.parametrize("number", [1, 3])
def test_scancel_by_hand_cancels_what_waits(bench: SlurmBench, number: int) -> None:
    late = with_settings(bench, options=("--begin=now+1hour",), accounts_within=10, lost_after=10)
    broker = late.broker()
    sessions = [offered(broker, bench.succeeding()).uuid for _ in range(number)]
    broker.accept_all(sessions)
    subprocess.run(["scancel", handle(bench, sessions[0])], check=True)
    final = wait_final(broker, sessions[0], bench)
    assert final.phase == Phase.CANCELLED, texts(final)
    assert {broker.session(other).phase for other in sessions[1:]} <= {Phase.WAITING}
    for other in sessions[1:]:
        broker.cancel(other)
    assert {wait_final(broker, other, bench).phase for other in sessions} == {Phase.CANCELLED}
    assert bench.starts() == 0


@pytest.mark.parametrize("code", [0, 3])
def test_scancel_is_a_cancellation_however_the_program_takes_it(bench: SlurmBench, code: int) -> None:
    session = started(bench, f"trap 'exit {code}' TERM; sleep 60 & wait")
    subprocess.run(["scancel", handle(bench, session)], check=True)
    assert wait_final(bench.broker(), session, bench).phase == Phase.CANCELLED


def test_cancelling_while_data_are_staged_runs_nothing(bench: SlurmBench) -> None:
    broker = bench.broker()
    mount = volume("/eb-in", "in")
    with silent() as address:
        resource = data("in", address)
        request = bench.script("true", compute={"volumes": [mount]}, data=[resource])
        session = offered(broker, request).uuid
        broker.accept(session)
        wait_until(lambda: broker.session(session).phase == Phase.PREPARING, PATIENCE)
        broker.cancel(session)
        assert wait_final(broker, session, bench).phase == Phase.CANCELLED
    assert bench.starts() == 0


def test_cancelling_what_waits_runs_nothing(bench: SlurmBench) -> None:
    broker = with_settings(bench, options=("--begin=now+1hour",)).broker()
    session = offered(broker, bench.succeeding()).uuid
    broker.accept(session)
    wait_until(lambda: broker.session(session).phase == Phase.WAITING, PATIENCE)
    broker.cancel(session)
    assert wait_final(broker, session, bench).phase == Phase.CANCELLED
    assert bench.starts() == 0


def test_cancelling_while_products_are_looked_at_is_a_cancellation_or_too_late(bench: SlurmBench) -> None:
    request = bench.script(
        "truncate -s 2G /eb-out/sparse",
        compute={"volumes": [volume("/eb-out", "room", mode="READWRITE")]},
        storage=[storage("room")],
    )
    broker = bench.broker()
    session = offered(broker, request).uuid
    broker.accept(session)
    log = bench.directory(session) / "log"
    wait_until(lambda: '"RELEASING"' in log.read_text(), PATIENCE)
    broker.cancel(session)
    final = wait_final(broker, session, bench)
    assert final.phase in (Phase.CANCELLED, Phase.COMPLETED)
    assert final.outcome is not None
    assert (final.outcome.exit_code, bench.starts(), bench.ends()) == (0, 1, 1)
