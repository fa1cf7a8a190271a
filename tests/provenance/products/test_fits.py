# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import Table

from provenance.canonical import ni
from provenance.errors import CanNotAttachError, NoRecordError, UnreadableProductError
from provenance.products.fits import read
from provenance.products.fits_attach import Attached, attach
from provenance.products.found import Label

pytestmark = pytest.mark.filterwarnings("error")
Fitscheck = Callable[[Path], subprocess.CompletedProcess[str]]

DOCUMENT = b'{"record": "' + b"x" * 9_000 + b'"}'
HEAD = (f"BITPIX  = {8:>20}", f"NAXIS   = {0:>20}")
LABEL = Label(ni(DOCUMENT), ni(b"content"), 0)


def science(path: Path) -> list[bytes]:
    """Return the bytes of all data, as they are in the file."""
    with fits.open(path, disable_image_compression=True) as hdus:
        return [
            b""
            if hdu.fileinfo()["datSpan"] == 0
            else path.read_bytes()[hdu.fileinfo()["datLoc"] :][: hdu.fileinfo()["datSpan"]]
            for hdu in hdus
            if hdu.name != "PROVENANCE"
        ]


def test_attaching_leaves_the_science_bytes_and_digests_alone(product: Path) -> None:
    data, parts = science(product), read(product).parts
    attach(product, DOCUMENT, LABEL)
    assert science(product) == data
    assert read(product).parts == parts


def test_the_product_opens_with_valid_checksums(product: Path) -> None:
    attach(product, DOCUMENT, LABEL)
    with fits.open(product, checksum=True) as hdus:
        hdus.verify("exception")
        assert hdus[-1].name == "PROVENANCE"
        assert all(hdu.data is not None or hdu.name != "PROVENANCE" for hdu in hdus)


def test_fitscheck_finds_nothing_wrong_that_was_not(product: Path, fitscheck: Fitscheck) -> None:
    before = fitscheck(product)
    attach(product, DOCUMENT, LABEL)
    after = fitscheck(product)
    assert (after.returncode, after.stderr) == (before.returncode, before.stderr)
    assert "BAD" not in after.stderr


def test_fitscheck_passes_a_product_that_has_checksums(image: Path, fitscheck: Fitscheck) -> None:
    attach(image, DOCUMENT, LABEL)
    assert fitscheck(image).returncode == 0


def test_the_document_comes_back_as_it_was(product: Path) -> None:
    attach(product, DOCUMENT, LABEL)
    embedded = read(product, check=False).embedded
    assert embedded is not None
    assert embedded.document.encode() == DOCUMENT
    assert embedded.pointer == embedded.signpost == LABEL.record


def test_astropy_reads_the_document_as_a_table_and_as_an_image(tmp_path: Path) -> None:
    fits.PrimaryHDU(np.ones((2, 2))).writeto(tmp_path / "image.fits")
    Table({"x": [1]}).write(tmp_path / "table.fits")
    for name in ("image.fits", "table.fits"):
        attach(tmp_path / name, DOCUMENT, LABEL)
    assert fits.getdata(tmp_path / "image.fits", "PROVENANCE")["PROV_JSON"][0].encode() == DOCUMENT
    assert fits.getdata(tmp_path / "table.fits", "PROVENANCE").tobytes() == DOCUMENT


def test_readers_of_tables_and_images_take_no_notice(tmp_path: Path) -> None:
    Table({"x": [1, 2]}).write(tmp_path / "table.fits")
    CCDData(np.ones((2, 2)), unit="adu").write(tmp_path / "image.fits")
    for name in ("image.fits", "table.fits"):
        attach(tmp_path / name, DOCUMENT, LABEL)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(Table.read(tmp_path / "table.fits")["x"]) == [1, 2]
        assert CCDData.read(tmp_path / "image.fits").data.sum() == 4


def test_the_first_header_points_to_the_record_in_four_cards(image: Path) -> None:
    assert attach(image, DOCUMENT, LABEL) == Attached(hdu=1, cards=4)
    header = fits.getheader(image)
    assert header["EBPROVID"] == LABEL.record
    assert header["EBPRDSUM"] == LABEL.content.removeprefix("ni:///sha-256;")
    assert header["EBPRVER"] == "1"
    assert "PROVENANCE" in str(header["HISTORY"])


def test_extensions_point_to_the_record_too(tmp_path: Path, fitscheck: Fitscheck) -> None:
    path = tmp_path / "exposure.fits"
    parts = [fits.ImageHDU(np.ones(3), name="SCI", ver=n) for n in (1, 2)]
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(path, checksum=True)
    attach(path, DOCUMENT, LABEL)
    assert [fits.getval(path, "EBPROVID", number) for number in range(4)] == [LABEL.record] * 4
    assert fitscheck(path).returncode == 0


def test_the_pointer_of_an_extension_counts_where_nothing_else_is_left(tmp_path: Path) -> None:
    Table({"x": [1]}).write(tmp_path / "table.fits")
    attach(tmp_path / "table.fits", DOCUMENT, LABEL)
    Table.read(tmp_path / "table.fits").write(tmp_path / "again.fits")
    contents = read(tmp_path / "again.fits")
    assert (contents.embedded, contents.signpost) == (None, LABEL.record)
    assert contents.described == LABEL.content.removeprefix("ni:///sha-256;")


def test_another_programs_hdu_of_the_name_stays_content_when_a_record_is_attached(image: Path) -> None:
    fits.append(image, np.ones(3, dtype="u1"), fits.Header({"EXTNAME": "PROVENANCE"}))
    attach(image, DOCUMENT, LABEL)
    assert [part.name for part in read(image).parts] == ["PRIMARY", "PROVENANCE"]
    embedded = read(image).embedded
    assert embedded is not None
    assert embedded.document.encode() == DOCUMENT


def test_an_extension_that_a_kill_left_without_its_pointer_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "table.fits"
    Table({"x": [1]}).write(path)
    attach(path, DOCUMENT, LABEL)
    whole = path.read_bytes()
    fits.delval(path, "EBPROVID", 1)
    attach(path, DOCUMENT, LABEL)
    assert fits.getval(path, "EBPROVID", 1) == LABEL.record
    assert len(path.read_bytes()) == len(whole)


def test_an_extension_without_room_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "full.fits"
    full = fits.ImageHDU(np.ones(4))
    for number in range(36 - 1 - len(full.header)):
        full.header[f"KEY{number}"] = number
    fits.HDUList([fits.PrimaryHDU(), full]).writeto(path)
    before = fits.getheader(path, 1).tostring()
    attach(path, DOCUMENT, LABEL)
    assert fits.getheader(path, 1).tostring() == before


def test_only_so_many_extensions_point_to_the_record(tmp_path: Path) -> None:
    path = tmp_path / "many.fits"
    fits.HDUList([fits.PrimaryHDU(), *(fits.ImageHDU() for _ in range(140))]).writeto(path)
    attach(path, DOCUMENT, LABEL)
    with fits.open(path) as hdus:
        assert sum("EBPROVID" in hdu.header for hdu in hdus) == 1 + 128 + 1


def test_thousands_of_headers_need_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "many.fits"
    cards = [f"KEY{n:<5}= {n:>20}" for n in range(30)]
    one = "".join(card.ljust(80) for card in ("XTENSION= 'IMAGE   '", *HEAD, *cards, "END"))
    first = "".join(card.ljust(80) for card in (f"SIMPLE  = {'T':>20}", *HEAD, "END"))
    path.write_bytes(first.ljust(2880).encode() + one.ljust(2880).encode() * 4000)
    tracemalloc.start()
    attach(path, DOCUMENT, LABEL)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


def test_metadata_in_a_table_of_asdf_are_content(tmp_path: Path) -> None:
    path = tmp_path / "jwst.fits"
    tree = np.frombuffer(b"#ASDF 1.0.0\n...\n", "u1")
    column = fits.Column("ASDF_METADATA", f"{len(tree)}B", array=[tree])
    asdf = fits.BinTableHDU.from_columns([column], name="ASDF")
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones(4), name="SCI"), asdf]).writeto(path)
    before = science(path)
    attach(path, DOCUMENT, LABEL)
    assert science(path) == before
    assert [part.name for part in read(path).parts] == ["PRIMARY", "SCI", "ASDF"]


@pytest.mark.parametrize(("spare", "cards"), [(0, 0), (1, 1), (3, 3), (4, 4), (9, 4)])
def test_a_header_without_room_is_never_made_longer(
    tmp_path: Path, spare: int, cards: int, fitscheck: Fitscheck
) -> None:
    path = tmp_path / "full.fits"
    hdu = fits.PrimaryHDU(np.arange(6))
    for number in range(72 - 1 - spare - len(hdu.header) - 2):
        hdu.header[f"KEY{number}"] = number
    hdu.writeto(path, checksum=True)
    at = path.read_bytes().index(b"END" + b" " * 77)
    assert 72 - at // 80 - 1 == spare
    assert attach(path, DOCUMENT, LABEL).cards == cards
    assert fitscheck(path).returncode == 0
    assert fits.getheader(path).get("EBPROVID") == (LABEL.record if cards else None)


def test_a_second_record_wins_and_reuses_the_cards(image: Path, fitscheck: Fitscheck) -> None:
    attach(image, DOCUMENT, LABEL)
    other = b'{"other": 1}'
    assert attach(image, other, Label(ni(other), ni(b"content"), 0)) == Attached(hdu=2, cards=4)
    embedded = read(image).embedded
    assert embedded is not None
    assert embedded.document.encode() == other
    assert [str(card).strip() for card in fits.getheader(image).cards if card.keyword == "EBPROVID"] == [
        f"EBPROVID= '{ni(other)}'"
    ]
    assert fitscheck(image).returncode == 0


def test_attaching_twice_changes_nothing(product: Path) -> None:
    attach(product, DOCUMENT, LABEL)
    before = product.read_bytes()
    attach(product, DOCUMENT, LABEL)
    assert product.read_bytes() == before


def test_a_file_whose_last_block_is_not_filled_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "short.fits"
    fits.PrimaryHDU(np.arange(6)).writeto(path)
    os.truncate(path, 2880 + 48)
    attach(path, DOCUMENT, LABEL)
    with fits.open(path) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "PROVENANCE"]


@pytest.mark.parametrize("kept", [1, 63, 64, 512, 2880, 2881, 5760, 8000])
def test_a_record_that_was_torn_off_is_not_there_and_is_replaced(product: Path, kept: int) -> None:
    length, parts = product.stat().st_size, read(product).parts
    attach(product, DOCUMENT, LABEL)
    whole = product.read_bytes()
    os.truncate(product, length + kept)
    assert read(product).parts == parts
    assert read(product).embedded is None
    attach(product, DOCUMENT, LABEL)
    assert product.read_bytes() == whole


def test_bytes_after_the_last_hdu_that_are_not_ours_stay(image: Path) -> None:
    with image.open("ab") as file:
        file.write(b"a note of mine" * 400)
    before = image.read_bytes()
    with pytest.raises(CanNotAttachError, match="goes on after its last HDU"):
        attach(image, DOCUMENT, LABEL)
    assert image.read_bytes() == before


def test_a_full_disk_leaves_the_file_as_it_was(image: Path, tmp_path: Path) -> None:
    program = (
        "import resource, signal, sys; from pathlib import Path;"
        "from provenance.products.fits_attach import attach; from provenance.products.found import Label;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({image.stat().st_size + 3000},) * 2);"
        "attach(Path(sys.argv[1]), b'x' * 9000, Label('ni:///sha-256;x', 'c', 0))"
    )
    before = image.read_bytes()
    ended = subprocess.run(
        ["python3", "-c", program, image], capture_output=True, text=True, env=environment(), check=False
    )
    assert "CanNotAttachError" in ended.stderr
    assert image.read_bytes() == before


def environment() -> dict[str, str]:
    import sys

    return os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def test_another_programs_hdu_of_the_name_is_content(image: Path) -> None:
    fits.append(image, np.ones(3, dtype="u1"), fits.Header({"EXTNAME": "PROVENANCE"}))
    assert [part.name for part in read(image).parts] == ["PRIMARY", "PROVENANCE"]
    assert read(image).embedded is None


def test_random_groups_are_measured_as_the_standard_says(tmp_path: Path) -> None:
    groups = fits.GroupData(
        np.ones((3, 1, 2, 2)), parnames=["U", "V"], pardata=[np.arange(3)] * 2, bitpix=-32
    )
    fits.GroupsHDU(groups).writeto(tmp_path / "uv.fits")
    attach(tmp_path / "uv.fits", DOCUMENT, LABEL)
    with fits.open(tmp_path / "uv.fits", checksum=True) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "PROVENANCE"]


def edit(**cards: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with fits.open(path, mode="update") as hdus:
            hdus[0].header.update(cards)

    return change


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (edit(OBJECT="M31"), True),
        (edit(CRVAL1=10.5), True),
        (edit(HISTORY="looked at"), False),
        (edit(COMMENT="nice"), False),
        (edit(DATE="2026-11-23"), False),
        (lambda path: fits.writeto(path, fits.getdata(path), fits.getheader(path), overwrite=True), False),
    ],
)
def test_only_what_a_header_means_is_in_its_digest(
    image: Path, change: Callable[[Path], None], differs: bool
) -> None:
    (before,) = read(image).parts
    change(image)
    (after,) = read(image).parts
    assert after.data == before.data
    assert (after.header != before.header) is differs


def test_long_strings_and_hierarch_keywords_are_part_of_the_meaning(image: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        edit(LONG="x" * 200, **{"HIERARCH ESO DET ID": "a"})(image)
        before = read(image).parts[0].header
        edit(LONG="x" * 199 + "y")(image)
        middle = read(image).parts[0].header
        edit(**{"HIERARCH ESO DET ID": "b"})(image)
    assert len({before, middle, read(image).parts[0].header}) == 3


def test_parts_of_one_name_are_told_apart(tmp_path: Path) -> None:
    same = [fits.ImageHDU(np.full(2, n), name="SCI") for n in range(3)]
    fits.HDUList([fits.PrimaryHDU(), *same]).writeto(tmp_path / "same.fits")
    assert [part.name for part in read(tmp_path / "same.fits").parts] == ["PRIMARY", "SCI", "SCI#2", "SCI#3"]


@pytest.mark.parametrize("broken", ["truncated", "headless"])
def test_a_damaged_file_is_not_attached_to(image: Path, broken: str) -> None:
    os.truncate(image, 2880 + 20 if broken == "truncated" else 800)
    before = image.read_bytes()
    with pytest.raises(UnreadableProductError, match="truncated"):
        attach(image, DOCUMENT, LABEL)
    assert image.read_bytes() == before


def test_a_pointer_without_its_record_is_told(image: Path) -> None:
    from provenance.products.extract import extract

    length = image.stat().st_size
    attach(image, DOCUMENT, LABEL)
    os.truncate(image, length)
    with pytest.raises(NoRecordError) as told:
        extract(image)
    assert told.value.pointer == LABEL.record
