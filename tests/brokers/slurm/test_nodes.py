# SPDX-License-Identifier: Apache-2.0
"""What sessions find on a node, and what they say of what they don't find."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eb_prefect.errors import UnknownSessionError
from eb_prefect.model.executable import DockerContainer, Image
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.testing.contract import offered, wait_until
from tests.brokers.embedded.bench import data, program, run, storage, stream, texts, volume
from tests.brokers.slurm.bench import SlurmBench
from tests.brokers.slurm.killing import PATIENCE, await_idle
from tests.containers import Images
from tests.slurm import Slurm


@pytest.fixture
def bench(tmp_path: Path, slurm: Slurm) -> SlurmBench:
    return SlurmBench(tmp_path, patience=PATIENCE)


def with_settings(bench: SlurmBench, **settings: Any) -> SlurmBench:
    return replace(bench, settings=replace(bench.settings, **settings))


def failure(bench: SlurmBench, request: ExecutionRequest) -> str:
    """Return all that a session which must fail says."""
    final = run(bench, request)
    assert final.phase == Phase.FAILED, texts(final)
    return texts(final)


def test_a_python_that_is_not_on_the_node_is_told(bench: SlurmBench) -> None:
    elsewhere = with_settings(bench, python="/nowhere/python3")
    said = failure(elsewhere, bench.succeeding())
    assert "/nowhere/python3: not found" in said
    assert bench.starts() == 0


def test_lines_for_the_node_that_fail_are_told(bench: SlurmBench) -> None:
    said = failure(with_settings(bench, setup=("echo no such module >&2; exit 9",)), bench.succeeding())
    assert "its script said: no such module" in said
    assert bench.starts() == 0


def test_lines_for_the_node_make_the_environment(bench: SlurmBench) -> None:
    final = run(
        with_settings(bench, setup=("export EB_MADE='of setup'",)), program("sh", "-c", "echo $EB_MADE")
    )
    assert stream(bench, final) == "of setup\n"


def test_a_gpu_that_was_asked_for_is_seen(bench: SlurmBench) -> None:
    asked = program("sh", "-c", "echo gpu $CUDA_VISIBLE_DEVICES", compute={"gpus": {"min": 1}})
    assert stream(bench, run(bench, asked)) == "gpu 0\n"


def test_options_reach_slurm(bench: SlurmBench) -> None:
    final = run(
        with_settings(bench, options=("--nodelist=n2", "--comment=mine", "--requeue")),
        bench.succeeding(),
    )
    assert final.outcome is not None
    assert (final.phase, final.outcome.nodes) == (Phase.COMPLETED, ("n2",))
    assert bench.starts() == 1


def test_a_secret_of_the_caller_reaches_neither_program_nor_slurm(
    bench: SlurmBench, slurm: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EB_TEST_SECRET", "hunter2-of-the-caller")
    final = run(bench, program("env"))
    assert "hunter2" not in stream(bench, final)
    kept = [path for path in slurm.directory.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in kept if b"hunter2-of-the-caller" in path.read_bytes()] == []
    assert final.outcome is not None
    shown = subprocess.run(
        ["scontrol", "show", "job", str(final.outcome.identifier)], capture_output=True, check=True
    )
    assert b"hunter2" not in shown.stdout


def test_data_that_are_not_on_the_node_are_named(bench: SlurmBench, tmp_path: Path) -> None:
    frame = tmp_path / "frame"
    frame.write_text("stars")
    request = program(
        "true", compute={"volumes": [volume("/eb-in", "in")]}, data=[data("in", frame.as_uri())]
    )
    broker = bench.broker()
    offer = offered(broker, request)
    frame.unlink()
    broker.accept(offer.uuid)
    wait_until(lambda: broker.session(offer.uuid).phase == Phase.FAILED, PATIENCE)
    assert str(frame) in texts(broker.session(offer.uuid))


def test_a_directory_that_was_removed_under_its_session_makes_it_unknown(bench: SlurmBench) -> None:
    broker = bench.broker()
    session = offered(broker, bench.script("sleep 1")).uuid
    broker.accept(session)
    wait_until(lambda: bench.starts() == 1, PATIENCE)
    shutil.rmtree(bench.directory(session))
    with pytest.raises(UnknownSessionError):
        broker.session(session)
    await_idle()
    assert bench.starts() == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk to fill")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_disk_that_gets_full_is_told(small_disk: Path, slurm: Slurm) -> None:
    request = program(
        "dd",
        "if=/dev/zero",
        "of=/eb-out/much",
        compute={"volumes": [volume("/eb-out", "room", mode="READWRITE")]},
        storage=[storage("room")],
    )
    assert "is full" in failure(SlurmBench(small_disk, patience=PATIENCE), request)


def container(image: Image, *command: str) -> ExecutionRequest:
    executable = DockerContainer(image=image, command=command)
    return ExecutionRequest.model_validate({"executable": executable})


def test_an_image_is_run(bench: SlurmBench, images: Images) -> None:
    final = run(bench, container(images.plain, "sh", "-c", "echo in $EB_SESSION; exit 4"))
    assert final.outcome is not None
    assert (final.phase, final.outcome.exit_code) == (Phase.FAILED, 4), texts(final)
    assert stream(bench, final) == f"in {final.uuid}\n"


def test_an_image_that_is_missing_is_named(bench: SlurmBench, images: Images) -> None:
    name = images.plain.locations[0].rpartition("/")[0] + "/nothing"
    missing = Image(locations=(f"{name}:1",), digest=f"sha256:{'0' * 64}")
    assert f"{name}@sha256:000" in failure(bench, container(missing, "true"))


def test_an_image_with_another_digest_is_not_run(bench: SlurmBench, images: Images) -> None:
    other = images.plain.model_copy(update={"digest": f"sha256:{'0' * 64}"})
    nodes = replace(bench, settings=replace(bench.settings, runtime="podman"))
    said = failure(nodes, container(other, "true"))
    assert "manifest unknown" in said
