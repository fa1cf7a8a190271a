# SPDX-License-Identifier: Apache-2.0
"""Images to run in tests, from a registry on loopback."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from eb_prefect.model.executable import Image

SCRIPT = Path(__file__).with_name("containers.sh")


class Images(NamedTuple):
    """``plain`` runs as root; ``other`` as user 1234, with a shell as its entrypoint.

    ``named`` has all that an image can say of its program: a user and a group by
    name, a directory, an entrypoint that is a link, a command, a variable.
    """

    plain: Image
    other: Image
    named: Image


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    """Images to run, and an environment in which podman runs them; skipped where it can't."""
    if "EB_TEST_IMAGE" in os.environ:
        yield _images()
        return
    directory = tmp_path_factory.mktemp("containers")
    started = subprocess.run(
        [SCRIPT, "start", directory], stderr=subprocess.PIPE, text=True, check=False, timeout=60
    )
    if started.returncode:
        pytest.skip(started.stderr.strip().rpartition("\n")[2])
    with pytest.MonkeyPatch.context() as environment:
        for line in (directory / "env").read_text().splitlines():
            environment.setenv(*line.split("=", 1))
        yield _images()
        subprocess.run([SCRIPT, "stop", directory], check=True, timeout=60)


def _images() -> Images:
    return Images(
        plain=_image("EB_TEST_IMAGE"),
        other=_image("EB_TEST_IMAGE_OTHER_USER"),
        named=_image("EB_TEST_IMAGE_NAMED"),
    )


def _image(variable: str) -> Image:
    name, _, digest = os.environ[variable].partition("@")
    return Image(locations=(f"{name}:1",), digest=digest)
