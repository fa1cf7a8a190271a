# SPDX-License-Identifier: Apache-2.0
import dataclasses
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from eb_prefect.brokers.batch.settings import BatchSettings
from eb_prefect.brokers.batch.ssh import Ssh
from eb_prefect.brokers.protocol import Broker
from eb_prefect.brokers.slurm.broker import RemoteSlurmBroker, SlurmBroker
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.executable import DockerContainer, Image
from eb_prefect.model.session import Session
from eb_prefect.step import StepOptions, run_step
from tests.brokers.embedded.conftest import GIVEN
from tests.brokers.embedded.steps import request, said
from tests.containers import Images
from tests.slurm import Slurm
from tests.sshd import Sshd

pytestmark = pytest.mark.container


@pytest.fixture
def given(tmp_path: Path) -> Path:
    path = tmp_path / "frames.txt"
    path.write_text(GIVEN)
    return path


@pytest.fixture(params=["podman", "ch-run", "runc"])
def settings(request: pytest.FixtureRequest) -> BatchSettings:
    """Nodes with each runtime in turn."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return BatchSettings(interval=0.2, runtime=request.param)


def finished(broker: Broker, image: Image, text: str, given: Path, tmp_path: Path) -> Session:
    container = DockerContainer(
        image=image, command=("sh", "-c", text), environment={"FRAMES": "/given/frames.txt"}
    )
    options = StepOptions(journal=DirectoryJournal(tmp_path / "journal"), timeout=timedelta(seconds=60))
    return run_step(broker, request(container, given), name="it", options=options).session


def test_a_container_of_a_node_tells_exit_code_and_streams(
    slurm: Slurm, images: Images, settings: BatchSettings, given: Path, tmp_path: Path
) -> None:
    broker = SlurmBroker(settings=settings, home=tmp_path / "home")
    session = finished(broker, images.plain, 'wc -l <"$FRAMES" >/made/count; exit 9', given, tmp_path)
    assert session.outcome is not None, said(session)
    assert session.outcome.exit_code == 9
    assert [made.name for made in session.products] == ["count"]


def test_a_digest_that_no_location_has_fails_on_a_node_too(
    slurm: Slurm, images: Images, settings: BatchSettings, given: Path, tmp_path: Path
) -> None:
    broker = SlurmBroker(settings=settings, home=tmp_path / "home")
    other = Image(locations=images.plain.locations, digest="sha256:" + "0" * 64)
    session = finished(broker, other, "true", given, tmp_path)
    assert session.phase == "FAILED"
    assert "manifest unknown" in said(session)


def test_a_cluster_elsewhere_runs_containers(
    slurm: Slurm, sshd: Sshd, images: Images, settings: BatchSettings, given: Path, tmp_path: Path
) -> None:
    known = ("SLURM_CONF", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "CONTAINERS_REGISTRIES_CONF", "PATH")
    setup = "; ".join(f"export {name}='{os.environ[name]}'" for name in known if name in os.environ)
    host = Ssh("host", configuration=sshd.configuration, setup=setup)
    there = dataclasses.replace(
        settings, directory=str(tmp_path / "there"), python="/usr/bin/python3", setup=(setup,)
    )
    broker = RemoteSlurmBroker(host, settings=there, home=tmp_path / "home")
    session = finished(broker, images.plain, 'tr a-z A-Z <"$FRAMES" >/made/upper', given, tmp_path)
    assert session.phase == "COMPLETED", said(session)
    assert [made.name for made in session.products] == ["upper"]
