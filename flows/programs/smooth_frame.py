# SPDX-License-Identifier: Apache-2.0
"""Take the bias and the sky out of a CCD frame, trim it and smooth it.

Run as ``smooth_frame.py FRAME PRODUCT`` with two numbers in the environment:
``SKY_CELL`` is the size in pixels of the cells in which the sky is measured
(64), ``SMOOTHING`` the standard deviation in pixels of the Gaussian (1.0).
A frame without BIASSEC or TRIMSEC is taken as it is. Rows and columns at the
margins that saw no sky are cut off too: their step would be taken for stars.
"""

import os
import re
import sys

import numpy as np
import sep
from astropy.convolution import Gaussian2DKernel, convolve_fft
from astropy.io import fits
from numpy.typing import NDArray

Image = NDArray[np.float64]

_SECTION = re.compile(r"\[\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]")
_SPENT = ("BIASSEC", "TRIMSEC", "BSCALE", "BZERO")


def section(text: str) -> tuple[slice, slice]:
    """Return the rows and columns of an IRAF section, which counts from 1 and includes its ends."""
    match = _SECTION.fullmatch(text.strip())
    if match is None:
        sys.exit(f"section {text!r} is not one like [17:528,1:520]")
    left, right, bottom, top = map(int, match.groups())
    return slice(bottom - 1, top), slice(left - 1, right)


def without_bias(frame: Image, header: fits.Header) -> tuple[Image, list[str]]:
    """Return the frame less the median of its overscan, and what was done."""
    if "BIASSEC" not in header:
        return frame, []
    bias = float(np.median(frame[section(header["BIASSEC"])]))
    return frame - bias, [f"bias of {bias:g} subtracted, from {header['BIASSEC']}"]


def trimmed(frame: Image, header: fits.Header) -> tuple[Image, list[str]]:
    """Return the useful part of the frame, and what was done; the header's reference pixel moves along."""
    whole = slice(0, frame.shape[0]), slice(0, frame.shape[1])
    rows, columns = section(header["TRIMSEC"]) if "TRIMSEC" in header else whole
    useful = frame[rows, columns]
    lit_rows, lit_columns = _lit(useful, axis=1), _lit(useful, axis=0)
    bottom, left = rows.start + lit_rows.start, columns.start + lit_columns.start
    useful = useful[lit_rows, lit_columns]
    for card, cut in (("CRPIX1", left), ("CRPIX2", bottom)):
        if card in header:
            header[card] -= cut
    if useful.shape == frame.shape:
        return useful, []
    top, right = bottom + useful.shape[0], left + useful.shape[1]
    return useful, [f"trimmed to [{left + 1}:{right},{bottom + 1}:{top}]"]


def _lit(frame: Image, axis: int) -> slice:
    """Return the span of rows (axis 1) or columns (0) that have at least half of the usual level."""
    levels = np.nanmedian(frame, axis=axis)
    usual = float(np.median(levels))
    scatter = 1.48 * float(np.median(np.abs(levels - usual)))
    if usual <= 10 * scatter:
        return slice(0, len(levels))  # too little light to tell a dark margin by
    lit = np.flatnonzero(levels > usual / 2)
    return slice(int(lit[0]), int(lit[-1]) + 1)


def smoothed(frame: Image, cell: int, sigma: float) -> tuple[Image, list[str]]:
    """Return the frame less its sky, smoothed, and what was done."""
    blank = ~np.isfinite(frame)
    sky = sep.Background(frame, mask=blank, bw=cell, bh=cell)
    done = [f"sky of {sky.globalback:.2f} subtracted, in cells of {cell} pixels"]
    frame = np.where(blank, 0.0, frame - sky.back())
    if sigma > 0:
        frame = convolve_fft(frame, Gaussian2DKernel(sigma), boundary="fill")
        done.append(f"smoothed by a Gaussian of {sigma:g} pixels")
    return frame, done


def first_image(hdus: fits.HDUList, path: str) -> fits.PrimaryHDU | fits.ImageHDU:
    """Return the first HDU that holds an image."""
    for hdu in hdus:
        if hdu.is_image and hdu.data is not None and hdu.data.ndim == 2:
            return hdu
    sys.exit(f"{path} holds no image of two dimensions")


def main(frame: str, product: str) -> None:
    """Make the product out of the frame."""
    cell, sigma = int(os.environ.get("SKY_CELL", "64")), float(os.environ.get("SMOOTHING", "1.0"))
    with fits.open(frame) as hdus:
        hdu = first_image(hdus, frame)
        header = hdu.header.copy()
        data, unbiased = without_bias(hdu.data.astype(np.float64), header)
    data, cut = trimmed(data, header)
    data, made = smoothed(np.ascontiguousarray(data), cell, sigma)
    for card in _SPENT:
        header.remove(card, ignore_missing=True)
    for line in (*unbiased, *cut, *made):
        header.add_history(f"smooth_frame: {line}")
        print(line)
    fits.PrimaryHDU(data.astype(np.float32), header).writeto(product)


if __name__ == "__main__":
    main(*sys.argv[1:])
