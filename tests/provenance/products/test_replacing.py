# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.errors import CanNotAttachError
from provenance.products.ending import end_with
from provenance.products.replacing import copy_range, replacing, rewriting


@pytest.fixture
def product(tmp_path: Path) -> Path:
    path = tmp_path / "product"
    path.write_bytes(b"old" * 1000)
    return path


def names_beside(path: Path) -> list[str]:
    return [one.name for one in path.parent.iterdir()]


def changed(path: Path) -> None:
    with replacing(path) as copy, copy.open("ab") as file:
        file.write(b"new")


def test_the_copy_takes_the_place_of_the_file(product: Path) -> None:
    changed(product)
    assert product.read_bytes() == b"old" * 1000 + b"new"
    assert names_beside(product) == ["product"]


def test_mode_times_and_attributes_are_kept(product: Path) -> None:
    os.setxattr(product, "user.note", b"mine")
    product.chmod(0o640)
    os.utime(product, ns=(1_000_000_001, 2_000_000_002))
    changed(product)
    told = product.stat()
    assert (told.st_mode & 0o777, told.st_mtime_ns) == (0o640, 2_000_000_002)
    assert os.getxattr(product, "user.note") == b"mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_is_kept(product: Path) -> None:
    os.chown(product, 12, 34)
    changed(product)
    assert (product.stat().st_uid, product.stat().st_gid) == (12, 34)


def test_a_private_file_is_private_in_the_making(product: Path) -> None:
    product.chmod(0o600)
    with replacing(product) as copy:
        assert copy.stat().st_mode & 0o777 == 0o600


def test_a_link_stays_and_leads_to_the_new_file(product: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link"
    link.symlink_to(product)
    changed(link)
    assert link.is_symlink()
    assert product.read_bytes().endswith(b"new")


def test_another_name_of_the_file_keeps_the_old_one(product: Path, tmp_path: Path) -> None:
    (tmp_path / "other").hardlink_to(product)
    changed(product)
    assert (tmp_path / "other").read_bytes() == b"old" * 1000


def test_an_error_leaves_the_file_as_it_was_and_nothing_beside_it(product: Path) -> None:
    with pytest.raises(CanNotAttachError), replacing(product) as copy:
        os.truncate(copy / "no such", 0)
    assert product.read_bytes() == b"old" * 1000
    assert names_beside(product) == ["product"]


def test_what_was_written_meanwhile_is_not_lost(product: Path) -> None:
    with pytest.raises(CanNotAttachError, match="meanwhile"), replacing(product):
        product.write_bytes(b"theirs")
    assert product.read_bytes() == b"theirs"
    assert names_beside(product) == ["product"]


def test_a_part_of_a_file_is_copied_after_what_was_written(product: Path) -> None:
    with rewriting(product) as (old, new):
        new.write(b"first ")
        copy_range(old, new, 3, 9)
        new.write(b" last")
    assert product.read_bytes() == b"first oldold last"


def under_limit(size: int, program: str, path: Path) -> str:
    """Run a program that can't make files longer than that, as on a full disk, and return its last words."""
    begun = "import os, resource, signal, sys; from pathlib import Path; path = Path(sys.argv[1])\n"
    begun += "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    begun += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size},) * 2)\n"
    ended = subprocess.run(
        [sys.executable, "-c", begun + program, path], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    return ended.stderr


COPIES = """
from provenance.products.replacing import replacing
with replacing(path): pass
"""
ENDS = """
from provenance.products.ending import end_with
with path.open("r+b") as file: end_with(path, file.fileno(), 2990, b"x" * 5000, 10)
"""


@pytest.mark.parametrize(("size", "program"), [(2000, COPIES), (4000, ENDS)])
def test_a_full_disk_leaves_the_file_as_it_was_and_nothing_beside_it(
    product: Path, size: int, program: str
) -> None:
    assert "CanNotAttachError" in under_limit(size, program, product)
    assert product.read_bytes() == b"old" * 1000
    assert names_beside(product) == ["product"]


def test_another_end_may_be_shorter(product: Path) -> None:
    with product.open("r+b") as file:
        end_with(product, file.fileno(), 9, b"end", first=2991)
    assert product.read_bytes() == b"oldoldoldend"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes what is not to be written")
def test_a_file_that_is_not_to_be_written_is_not_replaced(product: Path) -> None:
    product.chmod(0o444)
    with pytest.raises(CanNotAttachError), replacing(product):
        pass
