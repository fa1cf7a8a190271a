# SPDX-License-Identifier: Apache-2.0
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from provenance.products.extract import extract
from provenance.products.png import embed, read
from provenance.products.png_chunks import SIGNATURE, made
from tests.provenance.products.damage import flipped
from tests.provenance.products.hostile import withstood
from tests.provenance.products.shapes_contract import DOCUMENT, LABEL, ShapesContract

RAMP = np.arange(60 * 40, dtype="u2").reshape(40, 60)


def gray(path: Path) -> None:
    Image.fromarray(RAMP * 20).save(path, "PNG")


def palette(path: Path) -> None:
    image = Image.fromarray((RAMP % 16).astype("u1")).convert("P")
    image.save(path, "PNG", transparency=3, dpi=(300, 300), gamma=0.45)


def texts(path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "a plotter")
    info.add_itxt("Title", "Σ Orionis", zip=True)
    Image.fromarray(np.dstack([RAMP.astype("u1")] * 3)).save(path, "PNG", pnginfo=info)


def animated(path: Path) -> None:
    frames = [Image.fromarray(np.roll(RAMP, n).astype("u1")) for n in range(3)]
    frames[0].save(path, "PNG", save_all=True, append_images=frames[1:], duration=40)


SHAPES = {"gray": gray, "palette": palette, "texts": texts, "animated": animated}


class TestPNG(ShapesContract):
    name = "product.png"
    shapes = SHAPES

    def content(self, path: Path) -> Any:
        with Image.open(path) as image:
            seen = []
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                image.load()
                seen.append((image.mode, image.tobytes(), image.info.get("dpi"), image.getpalette()))
            return seen, {name: text for name, text in image.text.items() if not name.startswith("eb:")}

    def change(self, path: Path) -> None:
        flipped(path, path.read_bytes().index(b"IDAT") + 8)


@pytest.fixture
def plot(tmp_path: Path) -> Path:
    path = tmp_path / "plot.png"
    texts(path)
    return path


def test_pillow_reads_the_document_and_the_pointer(plot: Path) -> None:
    embed(plot, DOCUMENT, LABEL)
    with Image.open(plot) as image:
        assert image.text["eb:provenance"].encode() == DOCUMENT
        assert LABEL.record in image.text["eb:record"]


def test_nothing_before_the_end_is_written(plot: Path) -> None:
    before = plot.read_bytes()
    embed(plot, DOCUMENT, LABEL)
    after = plot.read_bytes()
    assert after.startswith(before[:-12])
    assert after.endswith(before[-12:])
    assert plot.stat().st_size < len(before) + 400


@pytest.mark.parametrize("written", [0, 1, 5, 100])
def test_what_a_kill_left_behind_the_end_is_replaced(plot: Path, written: int) -> None:
    before = plot.read_bytes()
    embed(plot, DOCUMENT, LABEL)
    whole = plot.read_bytes()
    plot.write_bytes(before + whole[len(before) :][:written])
    assert read(plot).embedded is None
    embed(plot, DOCUMENT, LABEL)
    assert plot.read_bytes() == whole


@pytest.mark.parametrize("spare", range(12))
def test_the_end_may_lie_across_pages(tmp_path: Path, spare: int) -> None:
    path = tmp_path / "padded.png"
    gray(path)
    whole = path.read_bytes()
    size = -(len(whole) - 12 + 12 + spare) % 4096
    path.write_bytes(whole[:-12] + made(b"zzZz", b"\0" * size) + whole[-12:])
    parts = read(path).parts
    embed(path, DOCUMENT, LABEL)
    assert read(path).parts == parts
    assert read(path).signpost == LABEL.record


def test_what_follows_the_end_stays(plot: Path) -> None:
    with plot.open("ab") as file:
        file.write(b"a note")
    embed(plot, DOCUMENT, LABEL)
    assert plot.read_bytes().endswith(b"IEND\xaeB`\x82a note")
    assert read(plot).embedded is not None


@pytest.mark.parametrize(
    ("chunk", "header"),
    [(b"tEXt", True), (b"tIME", True), (b"eXIf", True), (b"gAMA", False), (b"pHYs", False)],
)
def test_only_what_changes_the_look_is_in_the_headers_digest(plot: Path, chunk: bytes, header: bool) -> None:
    before = read(plot).parts[0]
    whole = plot.read_bytes()
    plot.write_bytes(whole[:33] + made(chunk, b"Comment\0x") + whole[33:])
    after = read(plot).parts[0]
    assert (after.data, after.header == before.header) == (before.data, header)


def test_how_pixels_are_cut_into_chunks_is_no_content(plot: Path) -> None:
    before, whole = read(plot).parts, plot.read_bytes()
    at = whole.index(b"IDAT") - 4
    size = int.from_bytes(whole[at : at + 4], "big")
    data = whole[at + 8 : at + 8 + size]
    cut = made(b"IDAT", data[:50]) + made(b"IDAT", b"") + made(b"IDAT", data[50:])
    plot.write_bytes(whole[:at] + cut + whole[at + 12 + size :])
    assert read(plot).parts == before


def hostile(*chunks: bytes) -> bytes:
    header = made(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0")
    return b"".join((SIGNATURE, header, *chunks, made(b"IEND", b"")))


BOMB = zlib.compress(b"\0" * (200 << 20), 9)
KEY = b"eb:provenance\0"
HOSTILE = {
    "iTXt that expands": hostile(made(b"iTXt", KEY + b"\1\0\0\0" + BOMB)),
    "zTXt that expands": hostile(made(b"zTXt", KEY + b"\0" + BOMB)),
    "iTXt that is none": hostile(made(b"iTXt", KEY + b"\1\0")),
    "longest chunk": hostile()[:-12] + (2**31 - 1).to_bytes(4, "big") + b"IDAT",
    "longer chunk": hostile()[:-12] + b"\xff" * 4 + b"IDAT" + b"x" * 100,
    "no IHDR": SIGNATURE + made(b"IEND", b""),
    "no chunk": hostile()[:-12] + b"\0\0\0\0\0\1\2\3\0\0\0\0",
    "many chunks": hostile(made(b"teSt", b"") * 20_000),
    "many records": hostile(made(b"tEXt", b"eb:record\0x") * 2_000),
    "deep record": hostile(made(b"iTXt", KEY + b"\0\0\0\0" + b"[" * 100_000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_give_errors_of_ours_and_take_no_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / "hostile.png"
    withstood(path, HOSTILE[name], extract, lambda path: embed(path, DOCUMENT, LABEL))
