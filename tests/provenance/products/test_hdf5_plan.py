# SPDX-License-Identifier: Apache-2.0
"""A record is put into an HDF5 file by writes of which each leaves a file that can be read."""

import base64
import fcntl
from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest

from provenance.canonical import ni
from provenance.errors import CanNotAttachError
from provenance.products.found import Label
from provenance.products.guard import guarded
from provenance.products.hdf5 import embed, read
from tests.provenance.products.hdf5_files import OURS, SHAPES, plain
from tests.provenance.products.test_hdf5 import seen

DOCUMENT = b'{"record": "' + b"x" * 9_000 + b'"}'
LABEL = Label(ni(DOCUMENT), ni(b"content"), 0)
PAGE = 4096


@pytest.fixture(params=[shape for shape in SHAPES if shape not in {"nested", "table"}])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "product.h5"
    SHAPES[request.param](path)
    return path


def steps(path: Path) -> list[tuple[int, bytes]]:
    plan = guarded(
        str(path),
        "provenance.products.hdf5_plan:plan",
        DOCUMENT.decode(),
        LABEL.record,
        LABEL.content,
        extra="hdf5",
    )
    assert plan["safe"]
    return [(at, base64.b64decode(data)) for at, data in plan["steps"]]


def torn(writes: list[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """Yield what a kill can leave done: whole writes, and of the last one what goes up to a page's end."""
    for number, (at, data) in enumerate(writes):
        for cut in range(PAGE - at % PAGE, len(data), PAGE):
            yield [*writes[:number], (at, data[:cut])]
        yield writes[: number + 1]


def test_the_file_can_be_read_after_each_write_and_each_torn_one(made: Path) -> None:
    before, whole = seen(made), made.read_bytes()
    done = 0
    for writes in torn(steps(made)):
        made.write_bytes(whole)
        with made.open("r+b") as file:
            for at, data in writes:
                file.seek(at)
                file.write(data)
        assert seen(made) == before
        done += 1
    assert done > 3
    with h5py.File(made) as file:
        assert file.attrs[OURS[0]] == DOCUMENT.decode()


def test_a_second_record_is_as_safe_as_the_first(made: Path) -> None:
    embed(made, b"{}", Label(ni(b"{}"), ni(b""), 0))
    test_the_file_can_be_read_after_each_write_and_each_torn_one(made)


def test_what_is_new_goes_behind_the_end_and_the_rest_is_within_a_page(made: Path) -> None:
    size = made.stat().st_size
    (end, _), *inside = steps(made)
    assert end == size
    assert all(at // PAGE == (at + len(data) - 1) // PAGE for at, data in inside)


def test_a_file_that_goes_on_being_edited_keeps_record_and_data(made: Path) -> None:
    embed(made, DOCUMENT, LABEL)
    with h5py.File(made, "r+") as file:
        file["more"] = [1, 2, 3]
        del file["more"]
        file.create_group("another").attrs["x"] = 1
    embedded = read(made).embedded
    assert embedded is not None
    assert embedded.document.encode() == DOCUMENT


def test_where_no_short_write_will_do_a_copy_takes_the_files_place(tmp_path: Path) -> None:
    path = tmp_path / "product.h5"
    SHAPES["nested"](path)
    before, inode = seen(path), path.stat().st_ino
    embed(path, DOCUMENT, LABEL)
    assert path.stat().st_ino != inode
    assert seen(path) == before


def test_a_file_that_another_program_has_open_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "product.h5"
    plain(path)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        with pytest.raises(CanNotAttachError, match="another program has it open"):
            embed(path, DOCUMENT, LABEL)


def test_a_file_that_is_being_written_for_readers_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "product.h5"
    plain(path, libver="latest")
    with h5py.File(path, "r+", libver="latest") as writer:
        writer.swmr_mode = True
        with pytest.raises(CanNotAttachError, match="a program is writing it"):
            embed(path, DOCUMENT, LABEL)


def test_what_follows_the_end_is_nobodys_to_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "product.h5"
    plain(path)
    with path.open("ab") as file:
        file.write(bytes(5 << 20))
    with pytest.raises(CanNotAttachError, match="goes on after its end"):
        embed(path, DOCUMENT, LABEL)
