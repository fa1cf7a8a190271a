# SPDX-License-Identifier: Apache-2.0
from importlib.metadata import distribution
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def frame() -> Path:
    """The real frame of the demo."""
    return Path(str(distribution("ccdproc").locate_file("ccdproc/tests/data/a8280271.fits")))
