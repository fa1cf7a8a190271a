# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from tests.cli.walking import Eb, calling


@pytest.fixture
def eb(tmp_path: Path) -> Eb:
    return calling(tmp_path, tmp_path / "eb home")


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    import numpy as np
    from astropy.io import fits

    path = tmp_path / "frame.fits"
    fits.PrimaryHDU(np.arange(12.0).reshape(3, 4)).writeto(path)
    return path
