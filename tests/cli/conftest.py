# SPDX-License-Identifier: Apache-2.0
import subprocess
from pathlib import Path

import pytest

from tests.cli.walking import EB, Eb, environment


@pytest.fixture
def eb(tmp_path: Path) -> Eb:
    def call(*words: object, **given: object) -> subprocess.CompletedProcess[str]:
        options = {"cwd": tmp_path, "env": environment(tmp_path / "eb home"), **given}
        return subprocess.run(
            [*EB, *map(str, words)], capture_output=True, text=True, check=False, timeout=60, **options
        )

    return call


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    import numpy as np
    from astropy.io import fits

    path = tmp_path / "frame.fits"
    fits.PrimaryHDU(np.arange(12.0).reshape(3, 4)).writeto(path)
    return path
