# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from eb_prefect.model.executable import Image
from tests.brokers.embedded.bench import EmbeddedBench

SCRIPT = Path(__file__).parents[2] / "containers.sh"


class Images(NamedTuple):
    """In a registry on loopback: ``plain`` runs as root, ``other`` as user 1234 entrypoint a shell."""

    plain: Image
    other: Image


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    """Images to run, and an environment in which podman runs them; skipped where it can't."""
    if "EB_TEST_IMAGE" in os.environ:
        yield _images()
        return
    directory = tmp_path_factory.mktemp("containers")
    before = dict(os.environ)
    started = subprocess.run(
        [SCRIPT, "start", directory], stderr=subprocess.PIPE, text=True, check=False, timeout=60
    )
    if started.returncode:
        pytest.skip(started.stderr.strip().rpartition("\n")[2])
    os.environ.update(line.split("=", 1) for line in (directory / "env").read_text().splitlines())
    yield _images()
    os.environ.clear()
    os.environ.update(before)
    subprocess.run([SCRIPT, "stop", directory], check=True, timeout=60)


def _images() -> Images:
    return Images(plain=_image("EB_TEST_IMAGE"), other=_image("EB_TEST_IMAGE_OTHER_USER"))


def _image(variable: str) -> Image:
    name, _, digest = os.environ[variable].partition("@")
    return Image(locations=(f"{name}:1",), digest=digest)


GIVEN = "bias\nflat\nscience\n"


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A file to work on."""
    path = tmp_path / "given" / "frames.txt"
    path.parent.mkdir()
    path.write_text(GIVEN)
    return path


@pytest.fixture
def bench(tmp_path: Path) -> EmbeddedBench:
    return EmbeddedBench(tmp_path)


@pytest.fixture(params=["mounted", "rewritten"])
def either_bench(request: pytest.FixtureRequest, tmp_path: Path) -> EmbeddedBench:
    """A bench that mounts volumes, and one that can't."""
    return EmbeddedBench(tmp_path, may_mount=request.param == "mounted")
