# SPDX-License-Identifier: Apache-2.0
"""Find the sources in an image and write them down as a FITS table.

Run as ``extract_sources.py IMAGE CATALOGUE`` with two numbers in the
environment: ``THRESHOLD`` is how far above the noise a pixel must be, in
standard deviations (3.0), ``MINIMUM_AREA`` how many such pixels must touch
(5). Positions are in pixels, the first of which has its centre at 1.
"""

import os
import sys

import numpy as np
import sep
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

_COLUMNS = {
    "x": ("X_IMAGE", "pix"),
    "y": ("Y_IMAGE", "pix"),
    "flux": ("FLUX_ISO", "adu"),
    "peak": ("FLUX_MAX", "adu"),
    "npix": ("ISOAREA_IMAGE", "pix2"),
    "a": ("A_IMAGE", "pix"),
    "b": ("B_IMAGE", "pix"),
    "theta": ("THETA_IMAGE", "rad"),
    "flag": ("FLAGS", None),
}
_TOLD = ("TELESCOP", "INSTRUME", "OBJECT", "DATE-OBS", "FILTERS", "EXPTIME", "RA", "DEC", "EPOCH")


def catalogue(image: NDArray[np.float64], threshold: float, area: int) -> tuple[Table, float]:
    """Return the sources as a table, brightest first, and the noise they were held against."""
    noise = float(sep.Background(image).globalrms)
    found = sep.extract(image, threshold, err=noise, minarea=area)
    found = found[np.argsort(-found["flux"], kind="stable")]
    table = Table({"NUMBER": np.arange(1, len(found) + 1, dtype=np.int32)})
    for field, (name, unit) in _COLUMNS.items():
        table[name] = found[field] + 1 if field in "xy" else found[field]
        table[name].unit = unit
    return table, noise


def main(image: str, product: str) -> None:
    """Make the product out of the image."""
    threshold, area = float(os.environ.get("THRESHOLD", "3.0")), int(os.environ.get("MINIMUM_AREA", "5"))
    with fits.open(image) as hdus:
        header = hdus[0].header
        table, noise = catalogue(hdus[0].data.astype(np.float64), threshold, area)
    hdu = fits.BinTableHDU(table, name="SOURCES")
    for card in _TOLD:
        if card in header:
            hdu.header[card] = (header[card], header.comments[card])
    hdu.header["THRESHLD"] = (threshold, "detection threshold in standard deviations")
    hdu.header["MINAREA"] = (area, "fewest pixels of a source")
    hdu.header["NOISE"] = (noise, "standard deviation of the image, in adu")
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(product)
    print(f"{len(table)} sources of {threshold:g} standard deviations in {area} pixels or more")


if __name__ == "__main__":
    main(*sys.argv[1:])
