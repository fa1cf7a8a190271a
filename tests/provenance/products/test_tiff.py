# SPDX-License-Identifier: Apache-2.0
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from provenance.canonical import ni
from provenance.errors import CanNotAttachError
from provenance.products.found import Label
from provenance.products.tiff import embed, read
from tests.provenance.products.damage import flipped
from tests.provenance.products.hostile import withstood
from tests.provenance.products.shapes_contract import DOCUMENT, LABEL, ShapesContract

RAMP = np.arange(60 * 40, dtype="u2").reshape(40, 60)
STACK = np.stack([RAMP + n for n in range(5)])


def little(path: Path) -> None:
    tifffile.imwrite(path, RAMP, byteorder="<")


def big_endian(path: Path) -> None:
    tifffile.imwrite(path, RAMP, byteorder=">", rowsperstrip=7)


def big_tiff(path: Path) -> None:
    tifffile.imwrite(path, STACK, bigtiff=True, photometric="minisblack")


def pages(path: Path) -> None:
    frames = [Image.fromarray(plane) for plane in STACK]
    frames[0].save(path, "TIFF", save_all=True, append_images=frames[1:], compression="tiff_deflate")


def tiled(path: Path) -> None:
    with tifffile.TiffWriter(path) as file:
        options = {"tile": (16, 16), "compression": "zlib", "metadata": None}
        file.write(RAMP, subifds=1, **options)
        file.write(RAMP[::2, ::2], subfiletype=1, **options)


def imagej(path: Path) -> None:
    tifffile.imwrite(path, STACK, imagej=True, metadata={"axes": "ZYX", "unit": "um"}, resolution=(2, 2))


def ome(path: Path) -> None:
    tifffile.imwrite(path, STACK, ome=True, metadata={"axes": "TYX"}, photometric="minisblack")


def geo(path: Path) -> None:
    scale = (33550, "d", 3, (0.5, 0.5, 0.0), False)
    keys = (34735, "H", 8, (1, 1, 0, 1, 1024, 0, 1, 2), False)
    tifffile.imwrite(path, RAMP, extratags=[scale, keys], metadata=None)


SHAPES = {
    "little": little,
    "big_endian": big_endian,
    "big_tiff": big_tiff,
    "pages": pages,
    "tiled": tiled,
    "imagej": imagej,
    "ome": ome,
    "geo": geo,
}
OURS = (700, 65220, 65221)


class TestTIFF(ShapesContract):
    name = "product.tif"
    shapes = SHAPES

    def content(self, path: Path) -> Any:
        with tifffile.TiffFile(path) as file:
            series = [(one.axes, one.asarray().tobytes()) for one in file.series]
            planes = [page.asarray().tobytes() for page in file.pages]
            tags = [(tag.code, tag.value) for tag in file.pages.first.tags if tag.code not in OURS]
            return series, planes, tags, file.imagej_metadata, file.ome_metadata, file.geotiff_metadata

    def change(self, path: Path) -> None:
        with tifffile.TiffFile(path) as file:
            at = file.pages[0].dataoffsets[0]
        flipped(path, at + 9)


@pytest.fixture
def mosaic(tmp_path: Path) -> Path:
    path = tmp_path / "mosaic.tif"
    pages(path)
    return path


def test_other_libraries_read_the_document_in_its_tag(mosaic: Path) -> None:
    embed(mosaic, DOCUMENT, LABEL)
    with Image.open(mosaic) as image:
        assert image.tag_v2[65220].encode() == DOCUMENT
        assert LABEL.record in image.tag_v2[700].decode()
    with tifffile.TiffFile(mosaic) as file:
        codes = [tag.code for tag in file.pages.first.tags]
        assert codes == sorted(codes)


def test_only_the_header_of_what_was_there_is_written(mosaic: Path) -> None:
    before = mosaic.read_bytes()
    embed(mosaic, DOCUMENT, LABEL)
    after = mosaic.read_bytes()
    assert after[8 : len(before)] == before[8:]
    assert after[:4] == before[:4]
    assert len(after) < len(before) + len(DOCUMENT) + 1200


def test_at_each_moment_of_attaching_the_file_is_whole(mosaic: Path) -> None:
    before, parts = mosaic.read_bytes(), read(mosaic).parts
    embed(mosaic, DOCUMENT, LABEL)
    after = mosaic.read_bytes()
    for written in range(0, len(after) - len(before), 97):
        mosaic.write_bytes(before + after[len(before) :][:written])
        assert (read(mosaic).parts, read(mosaic).embedded) == (parts, None)
        embed(mosaic, DOCUMENT, LABEL)
        assert read(mosaic).parts == parts
        assert read(mosaic).signpost == LABEL.record


def test_pages_that_others_append_after_a_record_stay(mosaic: Path) -> None:
    embed(mosaic, DOCUMENT, LABEL)
    tifffile.imwrite(mosaic, RAMP[:8], append=True, metadata=None)
    parts = read(mosaic).parts
    for number in range(4):
        document = DOCUMENT + b"%d" % number
        embed(mosaic, document, Label(ni(document), ni(b"content"), 0))
        assert read(mosaic).parts == parts
    with tifffile.TiffFile(mosaic) as file:
        assert len(file.pages) == 6
        assert (file.pages[5].asarray() == RAMP[:8]).all()


def test_a_packet_of_somebody_else_stays(tmp_path: Path) -> None:
    packet = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    tifffile.imwrite(tmp_path / "own.tif", RAMP, extratags=[(700, "B", len(packet), packet, True)])
    embed(tmp_path / "own.tif", DOCUMENT, LABEL)
    with Image.open(tmp_path / "own.tif") as image:
        assert image.info["xmp"] == packet


@pytest.mark.parametrize(
    ("tag", "value", "same"),
    [(305, "other program", True), (306, "2026:11:24 12:00:00", True), (270, "other axes", False)],
)
def test_only_what_a_page_means_is_in_its_headers_digest(
    tmp_path: Path, tag: int, value: str, same: bool
) -> None:
    for name, text in (("a", "some value, long enough"), ("b", value)):
        tifffile.imwrite(
            tmp_path / name, RAMP, extratags=[(tag, "s", 0, text, True)], software=False, metadata=None
        )
    (a,), (b,) = read(tmp_path / "a").parts, read(tmp_path / "b").parts
    assert (a.data, a.header == b.header) == (b.data, same)


def test_images_within_a_page_are_parts_of_their_own(tmp_path: Path) -> None:
    tiled(tmp_path / "tiled.tif")
    assert [part.name for part in read(tmp_path / "tiled.tif").parts] == ["page 1", "page 1, image 1"]


def test_of_very_many_pages_the_last_are_one_part(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "film.tif", np.zeros((100, 4, 4), "u1"), photometric="minisblack")
    parts = read(tmp_path / "film.tif").parts
    assert [part.name for part in parts][-2:] == ["page 31", "further pages"]
    assert sum(part.size for part in parts) == 1600


def test_an_old_image_in_one_strip_need_not_say_how_long_it_is(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "old.tif", RAMP, metadata=None)
    whole = (tmp_path / "old.tif").read_bytes()
    (tmp_path / "old.tif").write_bytes(whole.replace(b"\x17\x01\x04\0", b"\x17\xfe\x04\0", 1))
    assert read(tmp_path / "old.tif").parts[0].size == RAMP.nbytes


def test_a_classic_file_does_not_grow_beyond_4_gib(mosaic: Path) -> None:
    with mosaic.open("r+b") as file:
        file.truncate((1 << 32) - 1000)
    with pytest.raises(CanNotAttachError, match="BigTIFF"):
        embed(mosaic, DOCUMENT, LABEL)
    assert mosaic.stat().st_size == (1 << 32) - 1000


def test_a_cloud_optimised_file_keeps_its_order(mosaic: Path) -> None:
    whole = mosaic.read_bytes()
    mosaic.write_bytes(whole[:8] + b"GDAL_STRUCTURAL_METADATA_SIZE=000140 bytes\n" + whole[51:])
    with pytest.raises(CanNotAttachError, match="cloud"):
        embed(mosaic, DOCUMENT, LABEL)


def classic(*entries: tuple[int, int, int, int], second: int = 0, rest: bytes = b"") -> bytes:
    listed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + listed + struct.pack("<I", second) + rest


def big(count: int, at: int = 16) -> bytes:
    return b"II+\0\x08\0\0\0" + struct.pack("<QQ", at, count) + b"\0" * 200


FAR = 0xFFFFFFF0
OFTEN = struct.pack("<I", 8)
HOSTILE = {
    "first page round in a circle": classic((256, 3, 1, 1), second=8),
    "page within itself": classic((330, 4, 1, 8)),
    "pages within pages": classic((330, 4, 60_000, 26), rest=OFTEN * 60_000),
    "65535 entries": b"II*\0\x08\0\0\0\xff\xff" + b"\0" * 100,
    "10000 empty entries in a circle": b"II*\0\x08\0\0\0\x10\x27" + b"\0" * 120_000 + b"\x08\0\0\0",
    "2^60 entries": big(1 << 60),
    "directory beyond 2^63": big(1, (1 << 64) - 1),
    "strips outside": classic((273, 4, 1, FAR), (279, 4, 1, 100)),
    "array of strips outside": classic((273, 4, 1 << 30, FAR), (279, 4, 1 << 30, FAR)),
    "one strip very often": classic(
        (273, 4, 50_000, 38), (279, 4, 50_000, 200_038), rest=OFTEN * 50_000 + b"\xff\xff\0\0" * 50_000
    ),
    "text as long as 4 GiB": classic((65220, 2, 0xFFFFFFFF, 8), (700, 1, 0xFFFFFFFF, 8)),
    "strips that are texts": classic((273, 2, 1, 1), (279, 2, 1, 1)),
    "no page": b"II*\0\0\0\0\0" + b"\0" * 50,
    "record within the header": classic((65220, 2, 20, 8)),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_give_errors_of_ours_and_take_no_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / "hostile.tif"
    withstood(path, HOSTILE[name], read, lambda path: embed(path, DOCUMENT, LABEL))


def test_a_forged_block_makes_no_record_overwrite_pixels(tmp_path: Path) -> None:
    path = tmp_path / "forged.tif"
    little(path)
    embed(path, DOCUMENT, LABEL)
    whole = bytearray(path.read_bytes())
    at = whole.index(b"EB\x1aPROV\n") + 16
    whole[at : at + 8] = (16).to_bytes(8, "little")
    path.write_bytes(whole)
    parts = read(path).parts
    embed(path, DOCUMENT + b" ", Label(ni(b"another"), ni(b"content"), 0))
    assert read(path).parts == parts
