# SPDX-License-Identifier: Apache-2.0
"""The contract of formats for files of several shapes, and what else can be told of all of them."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from provenance.canonical import ni
from provenance.capture import capture
from provenance.errors import ProvenanceError
from provenance.products.formats import format_of
from provenance.products.found import Label
from provenance.store import Store
from tests.provenance.conftest import RunOf
from tests.provenance.products.damage import damaged
from tests.provenance.products.format_contract import FormatContract

TRIALS = 300
DOCUMENT = b'{"a": "document"}' * 100
LABEL = Label(ni(DOCUMENT), ni(b"content"), 0)
_ONCE = (
    "test_it_is_known_by_its_content",
    "test_without_a_check_no_part_is_judged",
    "test_a_copy_is_bound_too",
    "test_what_is_cut_off_gives_errors_of_ours_only",
    "test_damaged_files_give_errors_of_ours_only",
    "test_a_kill_leaves_a_file_that_its_readers_read",
    "test_a_full_disk_leaves_the_file_as_it_was",
)
"""Tests that start processes, read a file very often, or depend little on its shape."""


class ShapesContract(FormatContract):
    """Run the contract for each shape; some of its tests only for the first."""

    shapes: dict[str, Callable[[Path], None]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "shape" in metafunc.fixturenames:
            names = list(self.shapes)
            metafunc.parametrize("shape", names[:1] if metafunc.function.__name__ in _ONCE else names)

    @pytest.fixture
    def made(self, tmp_path: Path, shape: str) -> Path:
        path = tmp_path / self.name
        self.shapes[shape](path)
        return path

    def test_a_file_does_not_grow_with_each_record(self, made: Path, run_of: RunOf, store: Store) -> None:
        before, sizes = made.stat().st_size, []
        for _ in range(5):
            capture(run_of(made), store)
            sizes.append(made.stat().st_size)
        embedded = format_of(made).read(made, check=False).embedded
        assert embedded is not None
        assert max(sizes) < before + 3 * (len(embedded.document) + 2000)

    def test_parts_of_a_damaged_file_give_errors_of_ours_only(self, recorded: Path, shape: str) -> None:
        whole, random = recorded.read_bytes(), Random(shape)
        for _ in range(TRIALS // len(self.shapes)):
            recorded.write_bytes(damaged(whole, random))
            try:
                format_of(recorded).read(recorded)
                format_of(recorded).embed(recorded, b"{}", Label(ni(b"{}"), ni(b""), 0))
            except ProvenanceError:
                continue
