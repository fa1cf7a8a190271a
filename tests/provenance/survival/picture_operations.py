# SPDX-License-Identifier: Apache-2.0
"""What people do to pictures: PNG, JPEG and TIFF files."""

import shutil
from collections.abc import Collection
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import tifffile
from PIL import Image, PngImagePlugin

from tests.provenance.survival.operation import (
    EDITED,
    KEPT,
    LIKE,
    LOST,
    OTHERS,
    POINTED,
    Operation,
    Subject,
)

PIXELS = np.random.default_rng(1).integers(0, 255, (40, 60), dtype="u1")


def _saved(path: Path) -> None:
    Image.fromarray(PIXELS).save(path)


def _tiff(path: Path) -> None:
    tifffile.imwrite(path, PIXELS)


def _lzw(path: Path) -> None:
    Image.fromarray(PIXELS).save(path, compression="tiff_lzw")


PNG = Subject("PNG", "picture.png", _saved)
JPEG = Subject("JPEG", "picture.jpg", _saved)
TIFF = Subject("TIFF", "picture.tif", _tiff)
LZW = Subject("TIFF with LZW", "picture.tif", _lzw)


def _resaved(source: Path, target: Path) -> None:
    with Image.open(source) as image:
        image.save(target)


def _resaved_with_texts(source: Path, target: Path) -> None:
    with Image.open(source) as image:
        image.load()
        info = PngImagePlugin.PngInfo()
        for name, text in image.text.items():
            info.add_itxt(name, text)
        image.save(target, pnginfo=info)


def _resized(source: Path, target: Path) -> None:
    with Image.open(source) as image:
        image.resize((30, 20)).save(target)


def _by_imageio(source: Path, target: Path) -> None:
    iio.imwrite(target, iio.imread(source))


def _by_tifffile(source: Path, target: Path) -> None:
    tifffile.imwrite(target, tifffile.imread(source))


def _applications_stripped(source: Path, target: Path) -> None:
    target.write_bytes(_without(source.read_bytes(), range(0xE1, 0xF0)))


def _all_stripped(source: Path, target: Path) -> None:
    target.write_bytes(_without(source.read_bytes(), (*range(0xE1, 0xF0), 0xFE)))


def _without(whole: bytes, markers: Collection[int]) -> bytes:
    """Return a JPEG without segments of these markers, as programs make it that clean images."""
    kept, at = whole[:2], 2
    while whole[at + 1] != 0xDA:
        size = 2 + int.from_bytes(whole[at + 2 : at + 4], "big")
        kept += b"" if whole[at + 1] in markers else whole[at : at + size]
        at += size
    return kept + whole[at:]


def _page_added(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    tifffile.imwrite(target, PIXELS[:8], append=True)


def _tag_edited(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    with tifffile.TiffFile(target, mode="r+") as file:
        file.pages.first.tags["ImageDescription"].overwrite("edited")


BARE_PIXELS = "The program writes pixels only, and no text or tag that it read."
NEW_PIXELS = "It writes other pixels without any text that it read."
CODED_ANEW = "A JPEG that is saved again has other pixels; only its comment is kept."
SOME_TAGS = "Where Pillow does not compress it leaves out private tags and the description; XMP stays."
CLEANED = "Nothing but the picture is left."

OPERATIONS = (
    Operation("copy (`cp`)", PNG, shutil.copy, KEPT),
    Operation("opened and saved (Pillow)", PNG, _resaved, LIKE, BARE_PIXELS),
    Operation("the same, with its texts", PNG, _resaved_with_texts, KEPT),
    Operation("read and written (imageio)", PNG, _by_imageio, LIKE, BARE_PIXELS),
    Operation("resized (Pillow)", PNG, _resized, LOST, NEW_PIXELS),
    Operation("copy (`cp`)", JPEG, shutil.copy, KEPT),
    Operation("opened and saved (Pillow)", JPEG, _resaved, OTHERS, CODED_ANEW),
    Operation("resized (Pillow)", JPEG, _resized, OTHERS, CODED_ANEW),
    Operation("read and written (imageio)", JPEG, _by_imageio, LOST, NEW_PIXELS),
    Operation("Exif, XMP and their like stripped", JPEG, _applications_stripped, POINTED),
    Operation("the same, and comments", JPEG, _all_stripped, LIKE, CLEANED),
    Operation("copy (`cp`)", TIFF, shutil.copy, KEPT),
    Operation("description edit (tifffile)", TIFF, _tag_edited, EDITED),
    Operation("a page added (tifffile)", TIFF, _page_added, EDITED),
    Operation("opened and saved (Pillow)", TIFF, _resaved, OTHERS, SOME_TAGS),
    Operation("read and written (tifffile)", TIFF, _by_tifffile, LIKE, BARE_PIXELS),
    Operation("read and written (imageio)", TIFF, _by_imageio, LIKE, BARE_PIXELS),
    Operation("resized (Pillow)", TIFF, _resized, LOST, NEW_PIXELS),
    Operation("opened and saved (Pillow)", LZW, _resaved, KEPT),
    Operation("resized (Pillow)", LZW, _resized, LOST, NEW_PIXELS),
)
