# SPDX-License-Identifier: Apache-2.0
"""What people do to FITS files."""

import gzip
import shutil
import subprocess
from pathlib import Path

import fitsio
import numpy as np
from astropy import units
from astropy.io import fits
from astropy.nddata import CCDData, Cutout2D
from astropy.table import Table
from astropy.wcs import WCS
from casacore.images import image as casacore_image

from tests.provenance.survival.operation import (
    EDITED,
    HEADER_CHANGED,
    KEPT,
    LIKE,
    LIKENED,
    OTHERS,
    PACKED_ANEW,
    POINTED,
    TORN,
    Operation,
    Subject,
)


def _image(path: Path) -> None:
    header = fits.Header({"OBJECT": "M31", "BUNIT": "adu", "EQUINOX": 2000.0, "RADESYS": "FK5"})
    for axis, kind, value, step in ((1, "RA---TAN", 10.7, -1e-4), (2, "DEC--TAN", 41.3, 1e-4)):
        said = {"CTYPE": kind, "CRPIX": 32.0, "CRVAL": value, "CDELT": step, "CUNIT": "deg"}
        header.update({f"{name}{axis}": given for name, given in said.items()})
    pixels = np.random.default_rng(1).normal(100, 3, (64, 64)).astype("f4")
    fits.writeto(path, pixels, header, checksum=True)


def _full(path: Path) -> None:
    hdu = fits.PrimaryHDU(np.ones((8, 8)))
    for number in range(36 - 1 - len(hdu.header)):
        hdu.header[f"KEY{number}"] = number
    hdu.writeto(path)


def _table(path: Path) -> None:
    table = Table({"x": [1.5, 2.5, 3.5], "name": ["a", "b", "c"]})
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(table, name="CATALOGUE")]).writeto(path, checksum=True)


def _exposure(path: Path) -> None:
    parts = [fits.ImageHDU(np.full((32, 32), n, "i2"), name="SCI", ver=n) for n in (1, 2)]
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(path, checksum=True)


IMAGE = Subject("FITS image", "image.fits", _image)
FULL = Subject("FITS, first header full", "full.fits", _full)
TABLE = Subject("FITS table", "table.fits", _table)
PACKED = Subject("FITS in gzip", "image.fits.gz", _image)
EXPOSURE = Subject("FITS, several HDUs", "exposure.fits", _exposure)


def _gzipped(source: Path, target: Path) -> None:
    target.write_bytes(gzip.compress(source.read_bytes()))


def _gzipped_and_back(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    subprocess.run(["gzip", target], check=True)
    subprocess.run(["gunzip", f"{target}.gz"], check=True)


def _gunzipped(source: Path, target: Path) -> None:
    target.write_bytes(gzip.decompress(source.read_bytes()))


def _header_edited(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    fits.setval(target, "OBSERVER", value="Hubble")


def _history_added(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    with fits.open(target, mode="update") as hdus:
        hdus[0].header["HISTORY"] = "looked at"


def _rewritten(source: Path, target: Path) -> None:
    with fits.open(source) as hdus:
        hdus.writeto(target, checksum=True)


def _data_and_header(source: Path, target: Path) -> None:
    data, header = fits.getdata(source, header=True)
    fits.writeto(target, data, header)


def _doubled(source: Path, target: Path) -> None:
    data, header = fits.getdata(source, header=True)
    fits.writeto(target, data * 2, header)


def _data_alone(source: Path, target: Path) -> None:
    fits.writeto(target, fits.getdata(source))


def _cut_out(source: Path, target: Path) -> None:
    data, header = fits.getdata(source, header=True)
    cutout = Cutout2D(data, (20, 20), 16, wcs=WCS(header))
    header.update(cutout.wcs.to_header())
    fits.writeto(target, cutout.data, header)


def _pixel_edited(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    with fits.open(target, mode="update", checksum=True) as hdus:
        hdus[0].data[3, 3] = 0


def _ccddata(source: Path, target: Path) -> None:
    CCDData.read(source, unit=units.adu).write(target)


def _fitsio_rewritten(source: Path, target: Path) -> None:
    data, header = fitsio.read(source, header=True)
    fitsio.write(target, data, header=header)


def _fitsio_header_edited(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    with fitsio.FITS(target, "rw") as file:
        file[0].write_key("OBSERVER", "Hubble")


def _compressed(source: Path, target: Path, **how: object) -> None:
    data, header = fits.getdata(source, header=True)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data, header, **how)]).writeto(target)


def _lossless(source: Path, target: Path) -> None:
    _compressed(source, target, compression_type="GZIP_2", quantize_level=0)


def _lossy(source: Path, target: Path) -> None:
    _compressed(source, target, compression_type="RICE_1", quantize_level=4)


def _fpacked(source: Path, target: Path) -> None:
    data, header = fitsio.read(source, header=True)
    fitsio.write(target, data, header=header, compress="RICE")


def _through_casacore(source: Path, target: Path) -> None:
    casacore_image(str(source)).tofits(str(target))


def _row_edited(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    with fits.open(target, mode="update") as hdus:
        hdus["CATALOGUE"].data["x"][1] = 99


def _table_rewritten(source: Path, target: Path) -> None:
    Table.read(source, hdu="CATALOGUE").write(target)


def _table_filtered(source: Path, target: Path) -> None:
    table = Table.read(source, hdu="CATALOGUE")
    table[table["x"] > 2].write(target)


def _table_with_fitsio(source: Path, target: Path) -> None:
    data, header = fitsio.read(source, ext="CATALOGUE", header=True)
    fitsio.write(target, data, header=header, extname="CATALOGUE")


def _one_extension(source: Path, target: Path) -> None:
    data, header = fits.getdata(source, "SCI", 2, header=True)
    fits.writeto(target, data, header)


def _extension_added(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    fits.append(target, np.zeros(4), fits.Header({"EXTNAME": "MASK"}))


def _extension_left_out(source: Path, target: Path) -> None:
    with fits.open(source) as hdus:
        del hdus["SCI", 2]
        hdus.writeto(target)


IN_GZIP = "Headers that are compressed can't be given cards in place, so nothing points to the record."
NO_ROOM = "A header is never made longer, since that would move the whole file."

OPERATIONS = (
    Operation("copy (`cp`)", IMAGE, shutil.copy, KEPT),
    Operation("`gzip`", IMAGE, _gzipped, KEPT),
    Operation("`gzip`, `gunzip`", IMAGE, _gzipped_and_back, KEPT),
    Operation("header edit (astropy `setval`)", IMAGE, _header_edited, EDITED),
    Operation("HISTORY added (astropy update mode)", IMAGE, _history_added, KEPT),
    Operation("`HDUList.writeto` with new checksums", IMAGE, _rewritten, KEPT),
    Operation("`getdata`, `writeto` with the header", IMAGE, _data_and_header, POINTED),
    Operation("the same, pixels times 2", IMAGE, _doubled, OTHERS),
    Operation("the same, without the header", IMAGE, _data_alone, LIKENED, HEADER_CHANGED),
    Operation("cut-out (`Cutout2D` and header)", IMAGE, _cut_out, OTHERS),
    Operation("pixel edit (astropy update mode)", IMAGE, _pixel_edited, TORN),
    Operation("`CCDData` read and write", IMAGE, _ccddata, OTHERS, HEADER_CHANGED),
    Operation("fitsio read and write", IMAGE, _fitsio_rewritten, POINTED),
    Operation("fitsio header edit", IMAGE, _fitsio_header_edited, EDITED),
    Operation("`CompImageHDU`, lossless", IMAGE, _lossless, OTHERS, PACKED_ANEW),
    Operation("`CompImageHDU`, lossy", IMAGE, _lossy, OTHERS),
    Operation("RICE by fitsio, lossy, as `fpack` does", IMAGE, _fpacked, OTHERS),
    Operation("casacore `image.tofits`", IMAGE, _through_casacore, OTHERS, HEADER_CHANGED),
    Operation("copy (`cp`)", FULL, shutil.copy, KEPT),
    Operation("`getdata`, `writeto` with the header", FULL, _data_and_header, LIKE, NO_ROOM),
    Operation("copy (`cp`)", PACKED, shutil.copy, KEPT),
    Operation("`gunzip`", PACKED, _gunzipped, KEPT),
    Operation("`HDUList.writeto` with new checksums", PACKED, _rewritten, KEPT),
    Operation("fitsio read and write", PACKED, _fitsio_rewritten, LIKE, IN_GZIP),
    Operation("row edit (astropy update mode)", TABLE, _row_edited, TORN),
    Operation("`Table.read`, `write`", TABLE, _table_rewritten, POINTED),
    Operation("`Table.read`, some rows, `write`", TABLE, _table_filtered, OTHERS),
    Operation("fitsio read and write", TABLE, _table_with_fitsio, OTHERS, HEADER_CHANGED),
    Operation("one extension taken out (`getdata`)", EXPOSURE, _one_extension, OTHERS),
    Operation("an extension added (`fits.append`)", EXPOSURE, _extension_added, EDITED),
    Operation("an extension left out", EXPOSURE, _extension_left_out, TORN),
)
