# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from tests.brokers.embedded.bench import EmbeddedBench

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
