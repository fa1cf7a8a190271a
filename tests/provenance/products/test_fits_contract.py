# SPDX-License-Identifier: Apache-2.0
"""FITS keeps the contract of formats, with images, tables and compressed images."""

from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from tests.provenance.conftest import SHAPES, science_of
from tests.provenance.products.format_contract import FormatContract


# what a kill leaves of the last HDU is told of by astropy, which reads all others
@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")
class TestFITS(FormatContract):
    name = "product.fits"

    @pytest.fixture(autouse=True, params=SHAPES)
    def shape(self, request: pytest.FixtureRequest) -> None:
        self.made_of = SHAPES[request.param]

    def make(self, path: Path) -> None:
        self.made_of().writeto(path, checksum=True)

    def content(self, path: Path) -> Any:
        return science_of(path)

    def change(self, path: Path) -> None:
        with fits.open(path, mode="update") as hdus:
            hdu = next(hdu for hdu in hdus if hdu.data is not None)
            if isinstance(hdu, fits.BinTableHDU):
                hdu.data["x"][0] += 1
            else:
                hdu.data.flat[0] += 1
