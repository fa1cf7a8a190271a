# SPDX-License-Identifier: Apache-2.0
"""A kill at any moment, of the caller or of the server, loses nothing and runs nothing twice."""

import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from eb_prefect.model.phase import Phase
from eb_prefect.wire.dialect import Dialect
from provenance.products.extract import extract
from provenance.products.found import Binding
from tests.brokers.http.calling import POINTS, Calling
from tests.brokers.http.losing import LOSSES, losing
from tests.cli.walking import EB, environment

TRIALS = int(os.environ.get("EB_KILL_TRIALS", "6"))
SEED = int(os.environ.get("EB_KILL_SEED", "1"))
DIALECTS = (None, Dialect.A, Dialect.B1, Dialect.B2, Dialect.NEUTRAL)
PATIENCE = 60


class Server:
    """`eb serve` on one port with one home, in a process that can be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = [*EB, "serve", "--port", str(self.port), "--json"]
        self.process = subprocess.Popen(words, env=environment(self.home), stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert json.loads(self.process.stdout.readline())["url"] == self.url

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


def free_port() -> int:
    """Return a port that no outgoing connection is ever given, so that it stays free for a restart."""
    for port in random.sample(range(15_000, 30_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@contextmanager
def running(home: Path) -> Iterator[Server]:
    server = Server(home)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


def calling(root: Path, url: str, dialect: Dialect | None) -> Calling:
    root.mkdir(exist_ok=True)
    return Calling(root, url=f"{url}/{dialect}" if dialect else url, dialect=dialect)


def is_whole(step: Calling) -> None:
    """Claim that the program ran once, and that what is known of it is one whole record."""
    assert (step.starts(), step.ends()) == (1, 1)
    [entry] = step.store.history()
    record = step.store.find(entry.digest)
    phases = [change.phase for change in record.changes]
    assert (phases[0], phases[-1], record.session.phase) == ("OFFERED", Phase.COMPLETED, Phase.COMPLETED)
    assert len(set(phases)) == len(phases)
    assert record.session.uuid in {offer.uuid for offer in record.offers.offers}
    product = step.root / "made" / "cat.txt"
    assert product.read_text() == "stars\n"
    assert sorted(path.name for path in product.parent.iterdir()) == ["cat.txt", "cat.txt.prov.json"]
    assert list((step.root / "caller" / "fetched").iterdir()) == []
    assert (extract(product).binding, extract(product).digest) == (Binding.BOUND, entry.digest)


@pytest.fixture(scope="module")
def length(server: Server, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long a life takes that nobody ends."""
    root = tmp_path_factory.mktemp("length")
    for n in range(2):  # the first starts what makes the processes
        begun = time.monotonic()
        assert lived(calling(root / str(n), server.url, None)) == 0
    return time.monotonic() - begun


def lived(step: Calling, killed_at: str | None = None) -> int | None:
    process = step.life(killed_at)
    process.join(PATIENCE)
    return process.exitcode


@pytest.mark.parametrize("point", POINTS)
def test_a_caller_killed_at_any_point_is_followed_by_one_that_ends_it(
    server: Server, tmp_path: Path, point: str
) -> None:
    step = replace(calling(tmp_path, server.url, None), lasts=1.0)  # else a busy machine never sees it run
    assert lived(step, point) == -signal.SIGKILL
    assert lived(step) == 0
    is_whole(step)


def test_callers_killed_at_any_moment_lose_nothing_and_run_nothing_twice(
    server: Server, length: float, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    for trial in range(TRIALS):
        step = calling(tmp_path / str(trial), server.url, chance.choice(DIALECTS))
        for _ in range(chance.randint(1, 3)):
            process = step.life()
            time.sleep(chance.uniform(0, length))
            process.kill()
            process.join()
        assert lived(step) == 0
        is_whole(step)


@pytest.mark.timeout(max(120, 10 * TRIALS))
def test_servers_killed_at_any_moment_lose_nothing_and_run_nothing_twice(
    length: float, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    with running(tmp_path / "server") as server:
        for trial in range(TRIALS):
            step = calling(tmp_path / str(trial), server.url, chance.choice(DIALECTS))
            process = step.life()
            for _ in range(chance.randint(1, 2)):
                time.sleep(chance.uniform(0, length))
                server.kill()
                server.start()
            process.join(PATIENCE)
            assert process.exitcode == 0
            is_whole(step)


@pytest.mark.parametrize("what", LOSSES)
def test_whatever_is_lost_on_its_way_is_asked_for_again(server: Server, tmp_path: Path, what: str) -> None:
    number, sent = 0, 0
    while number <= sent:  # until there was one that lost nothing
        number += 1
        dialect = DIALECTS[number % len(DIALECTS)]
        with losing(server.url, what, number) as proxy:
            step = replace(calling(tmp_path / str(number), proxy.url, dialect), lasts=0.02)
            assert lived(step) == 0
            is_whole(step)
            sent = len(proxy.seen)
    assert number > 4
