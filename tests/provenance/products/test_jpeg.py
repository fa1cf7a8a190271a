# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from provenance.canonical import ni
from provenance.products.found import Label
from provenance.products.jpeg import embed, read
from provenance.products.jpeg_segments import walk
from tests.provenance.products.damage import flipped
from tests.provenance.products.hostile import withstood
from tests.provenance.products.shapes_contract import ShapesContract

SKY = Image.fromarray(np.random.default_rng(5).integers(0, 255, (48, 64, 3), dtype="u1"))


def baseline(path: Path) -> None:
    SKY.save(path, "JPEG", comment="mine", restart_marker_rows=1)


def progressive(path: Path) -> None:
    SKY.convert("L").save(path, "JPEG", progressive=True)


def described(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0131] = "a camera"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    SKY.save(path, "JPEG", exif=exif, icc_profile=profile, xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")


def several(path: Path) -> None:
    SKY.save(path, "MPO", save_all=True, append_images=[SKY.rotate(90), SKY.rotate(180)])


def followed(path: Path) -> None:
    SKY.save(path, "JPEG")
    with path.open("ab") as file:
        file.write(b"a film")


SHAPES = {
    "baseline": baseline,
    "progressive": progressive,
    "described": described,
    "several": several,
    "followed": followed,
}


class TestJPEG(ShapesContract):
    name = "product.jpg"
    shapes = SHAPES

    def content(self, path: Path) -> Any:
        with Image.open(path) as image:
            seen = []
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                seen.append((image.mode, image.tobytes(), dict(image.getexif())))
            kept = {name: image.info.get(name) for name in ("icc_profile", "xmp", "jfif_density")}
            return seen, kept

    def change(self, path: Path) -> None:
        flipped(path, path.read_bytes().index(b"\xff\xda") + 20)


DOCUMENT = b'{"a": "document"}' * 5000
LABEL = Label(ni(DOCUMENT), ni(b"content"), 0)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    described(path)
    return path


def test_segments_are_no_longer_than_they_may_be_and_exif_comes_first(photo: Path) -> None:
    embed(photo, DOCUMENT, LABEL)
    with Image.open(photo) as image:
        names = [name for name, _ in image.applist]
        assert names.count("APP9") == 2
        assert names.index("APP1") < names.index("APP9") < names.index("APP2")
        assert b"".join(data[14:] for name, data in image.applist if name == "APP9") == DOCUMENT


def test_a_comment_of_the_user_is_still_the_last(tmp_path: Path) -> None:
    baseline(tmp_path / "commented.jpg")
    embed(tmp_path / "commented.jpg", DOCUMENT, LABEL)
    with Image.open(tmp_path / "commented.jpg") as image:
        assert image.info["comment"] == b"mine"


def test_all_bytes_that_were_there_stay(photo: Path) -> None:
    before = photo.read_bytes()
    embed(photo, DOCUMENT, LABEL)
    after = photo.read_bytes()
    place = next(
        at for at in range(len(before)) if after[at] != before[at] or after[at : at + 2] == b"\xff\xe9"
    )
    assert after[:place] + after[len(after) - len(before) + place :] == before


def test_the_places_of_further_pictures_are_right(tmp_path: Path) -> None:
    several(tmp_path / "several.jpg")
    with Image.open(tmp_path / "several.jpg") as image:
        offsets = [entry["DataOffset"] for entry in image.mpinfo[0xB002]]
    embed(tmp_path / "several.jpg", DOCUMENT, LABEL)
    with Image.open(tmp_path / "several.jpg") as image:
        assert [entry["DataOffset"] for entry in image.mpinfo[0xB002]] == offsets


def without(path: Path, *markers: int) -> None:
    """Write the image without some of its segments, as programs do that clean images."""
    whole = path.read_bytes()
    with path.open("rb") as file:
        gone = [one for one in walk(path, file.fileno(), coded=False) if one.marker in markers]
    for segment in reversed(gone):
        whole = whole[: segment.start] + whole[segment.end :]
    path.write_bytes(whole)


@pytest.mark.parametrize(
    ("marker", "same"), [(0xE1, True), (0xED, True), (0xFE, True), (0xE2, False), (0xE0, False)]
)
def test_a_profile_means_something_and_exif_does_not(photo: Path, marker: int, same: bool) -> None:
    before = read(photo).parts[0]
    without(photo, marker)
    after = read(photo).parts[0]
    assert (after.data, after.header == before.header) == (before.data, same)


@pytest.mark.parametrize("cut", [1, 10, 500])
def test_an_image_without_its_end_is_another(photo: Path, cut: int) -> None:
    before = read(photo).parts[0]
    photo.write_bytes(photo.read_bytes()[: -cut - 2])
    assert read(photo).parts[0].data != before.data


HOSTILE = {
    "only a start": b"\xff\xd8\xff",
    "fill without end": b"\xff\xd8" + b"\xff" * (1 << 20),
    "many segments": b"\xff\xd8" + b"\xff\xfe\x00\x02" * 100_000,
    "many scans": b"\xff\xd8" + b"\xff\xda\x00\x02" * 100_000,
    "segment of no length": b"\xff\xd8\xff\xe0\x00\x00" + b"x" * 100,
    "segment beyond the end": b"\xff\xd8\xff\xe0\xff\xff" + b"x" * 100,
    "no marker": b"\xff\xd8\xff\xe0\x00\x02" + b"x" * 100,
    "many pieces": b"\xff\xd8"
    + (b"\xff\xe9\xff\xff" + b"eb:provenance\0".ljust(65533, b"x")) * 1000
    + b"\xff\xd9",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_give_errors_of_ours_and_take_no_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / "hostile.jpg"
    withstood(path, HOSTILE[name], read, lambda path: embed(path, DOCUMENT, LABEL))
