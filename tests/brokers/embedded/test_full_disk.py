# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.model.phase import Phase
from eb_prefect.testing.contract import offered, wait_final, wait_until
from tests.brokers.embedded.bench import EmbeddedBench, data, program, run, storage, texts, volume

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk to fill")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.fixture
def bench(small_disk: Path) -> EmbeddedBench:
    return EmbeddedBench(small_disk)


def fill(disk: Path, leave: int = 0) -> None:
    room = os.statvfs(disk)
    with (disk / "filler").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - leave)


def test_an_input_that_does_not_fit_fails_the_session(bench: EmbeddedBench, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * (4 << 20))
    mount = volume("/eb-in", "in", mode="READWRITE")
    session = run(bench, program("true", compute={"volumes": [mount]}, data=[data("in", large.as_uri())]))
    assert session.phase == Phase.FAILED
    assert "No space left on device" in texts(session)
    assert list(bench.directory(session.uuid).rglob("*.part")) == []


def test_a_program_that_fills_the_disk_fails_and_is_told_why(bench: EmbeddedBench) -> None:
    mount = volume("/eb-out", "room", mode="READWRITE")
    request = program(
        "dd",
        "if=/dev/zero",
        "of=/eb-out/much",
        compute={"volumes": [mount]},
        storage=[storage("room")],
    )
    session = run(bench, request)
    assert session.phase == Phase.FAILED
    assert "is full" in texts(session)
    assert session.outcome.exit_code == 1
    assert [product.name for product in session.products] == ["much"]


def test_the_end_is_recorded_though_there_is_no_room_left(bench: EmbeddedBench, small_disk: Path) -> None:
    broker = bench.broker()
    offer = offered(broker, bench.script("sleep 0.3"))
    broker.accept(offer.uuid)
    wait_until(lambda: bench.starts() == 1, 10)
    fill(small_disk)
    final = wait_final(broker, offer.uuid, bench)
    assert final.outcome.exit_code is not None


def test_what_can_not_be_accepted_durably_is_not_accepted(bench: EmbeddedBench, small_disk: Path) -> None:
    broker = bench.broker()
    offer = offered(broker, bench.succeeding())
    fill(small_disk)
    with pytest.raises(BrokerUnavailableError, match="No space left"):
        broker.accept(offer.uuid)
    with pytest.raises(BrokerUnavailableError, match="No space left"):
        broker.request_offers(bench.succeeding())
    (small_disk / "filler").unlink()
    assert broker.session(offer.uuid).phase == Phase.OFFERED
    broker.accept(offer.uuid)
    assert wait_final(broker, offer.uuid, bench).phase == Phase.COMPLETED
    assert bench.starts() == 1
