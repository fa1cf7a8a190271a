# SPDX-License-Identifier: Apache-2.0
"""Any directory keeps the contract of formats."""

import os
from pathlib import Path
from typing import Any

import pytest

from provenance.capture import capture
from provenance.errors import UnreadableProductError
from provenance.products.extract import content_parts, extract
from provenance.products.found import Binding
from provenance.store import Store
from tests.provenance.conftest import RunOf
from tests.provenance.products.format_contract import FormatContract


def few(path: Path) -> None:
    (path / "sub").mkdir(parents=True)
    (path / "a.txt").write_text("one\n")
    (path / "sub" / "b.bin").write_bytes(bytes(range(256)))
    (path / "sub.txt").write_text("two\n")


class TestDirectory(FormatContract):
    name = "products"

    def make(self, path: Path) -> None:
        few(path)

    def content(self, path: Path) -> Any:
        files = (one for one in path.rglob("*") if one.is_file() and one.name != "eb.prov.json")
        return {str(one.relative_to(path)): one.read_bytes() for one in files}

    def change(self, path: Path) -> None:
        (path / "a.txt").write_text("another\n")


def test_files_are_parts_with_the_digest_that_sha256sum_gives(tmp_path: Path) -> None:
    few(tmp_path / "d")
    parts = content_parts(tmp_path / "d")
    assert [(part.name, part.size) for part in parts] == [("a.txt", 4), ("sub.txt", 4), ("sub/b.bin", 256)]


def test_links_count_as_their_text_and_pipes_are_never_opened(tmp_path: Path) -> None:
    few(tmp_path / "d")
    before = content_parts(tmp_path / "d")
    os.mkfifo(tmp_path / "d" / "pipe")
    assert content_parts(tmp_path / "d") == before
    (tmp_path / "d" / "link").symlink_to("/etc")
    (added,) = set(content_parts(tmp_path / "d")) - set(before)
    assert (added.name, added.size) == ("link", len("link:/etc"))


def test_very_many_files_are_grouped_by_the_directories_at_the_top(
    tmp_path: Path, run_of: RunOf, store: Store
) -> None:
    for name in ("x", "y"):
        (tmp_path / "d" / name).mkdir(parents=True)
        for number in range(150):
            (tmp_path / "d" / name / str(number)).write_text(str(number))
    assert [part.name for part in content_parts(tmp_path / "d")] == ["x", "y"]
    capture(run_of(tmp_path / "d"), store)
    (tmp_path / "d" / "x" / "17").write_text("other")
    states = {part.name: part.binding for part in extract(tmp_path / "d").parts}
    assert states == {"x": Binding.TAMPERED, "y": Binding.BOUND}


def test_a_directory_without_an_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d" / "/".join("d" * 80)).mkdir(parents=True)
    with pytest.raises(UnreadableProductError, match="directories deep"):
        content_parts(tmp_path / "d")
