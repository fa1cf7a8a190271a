# SPDX-License-Identifier: Apache-2.0
"""MeasurementSets of casacore keep the contract of formats."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import casacore.tables as ct
import numpy as np
import pytest

from provenance.capture import capture
from provenance.errors import UnreadableProductError
from provenance.products.extract import content_parts, extract
from provenance.products.formats import format_of
from provenance.products.found import Binding
from provenance.store import Store
from tests.provenance.conftest import RunOf
from tests.provenance.products.format_contract import FormatContract


def visibilities(path: Path) -> None:
    data = ct.makearrcoldesc(
        "DATA", 0.0, valuetype="complex", shape=[4, 2], datamanagertype="TiledColumnStMan"
    )
    with ct.default_ms(str(path), ct.maketabdesc([data])) as ms:
        ms.addrows(20)
        ms.putcol("TIME", np.arange(20.0))
        ms.putcol("DATA", np.arange(160).reshape(20, 4, 2) * (1 + 2j))
        ms.putcell("FLAG", 3, np.ones((4, 2), dtype=bool))
        ms.putcell("WEIGHT", 5, np.ones(2, dtype="f4"))
    with ct.table(f"{path}/ANTENNA", readonly=False, ack=False) as antennas:
        antennas.addrows(2)
        antennas.putcol("NAME", ["one", "two"])


def empty(path: Path) -> None:
    ct.default_ms(str(path)).close()


def values(path: Path) -> dict[str, Any]:
    with ct.table(str(path), ack=False) as table:
        return {name: repr(table.getvarcol(name)) for name in table.colnames()}


class TestMeasurementSet(FormatContract):
    name = "product.ms"

    @pytest.fixture(autouse=True)
    def few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take fewer trials than of other formats: after a crash the library is started anew."""
        for name, count in (("EB_HOSTILE_TRIALS", "8"), ("EB_KILL_TRIALS", "2")):
            monkeypatch.setenv(name, os.environ.get(name, count))

    def make(self, path: Path) -> None:
        visibilities(path)

    def content(self, path: Path) -> Any:
        return values(path), values(path / "ANTENNA")

    def change(self, path: Path) -> None:
        with ct.table(str(path), readonly=False, ack=False) as ms:
            ms.putcell("DATA", 7, np.zeros((4, 2), dtype="c8"))


@pytest.fixture
def ms(tmp_path: Path) -> Path:
    visibilities(tmp_path / "sky.ms")
    return tmp_path / "sky.ms"


@pytest.fixture
def recorded(ms: Path, run_of: RunOf, store: Store) -> Path:
    capture(run_of(ms), store)
    return ms


def changed_parts(path: Path) -> set[str]:
    return {part.name for part in extract(path).parts if part.binding is not Binding.BOUND}


def test_an_empty_one_is_bound_too(tmp_path: Path, run_of: RunOf, store: Store) -> None:
    empty(tmp_path / "sky.ms")
    capture(run_of(tmp_path / "sky.ms"), store)
    assert extract(tmp_path / "sky.ms").binding is Binding.BOUND


def test_an_edited_cell_is_told_by_its_table_or_column(recorded: Path) -> None:
    with ct.table(f"{recorded}/ANTENNA", readonly=False, ack=False) as table:
        table.putcell("NAME", 1, "three")
    assert changed_parts(recorded) == {"ANTENNA"}
    with ct.table(str(recorded), readonly=False, ack=False) as table:
        table.putcell("TIME", 1, 99.0)
    assert changed_parts(recorded) == {"ANTENNA", "MAIN/TIME"}


def test_what_another_process_writes_to_is_refused_at_once(recorded: Path) -> None:
    program = "import sys, casacore.tables as ct\nt = ct.table(sys.argv[1], readonly=False, ack=False, "
    program += "lockoptions='permanent')\nprint('ready', flush=True)\nsys.stdin.read()"
    words = [sys.executable, "-c", program, str(recorded)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        with pytest.raises(UnreadableProductError, match="another process is writing"):
            extract(recorded)
    assert extract(recorded).binding is Binding.BOUND


def test_tables_that_lead_elsewhere_are_not_opened(recorded: Path, tmp_path: Path) -> None:
    shutil.move(recorded / "ANTENNA", tmp_path / "ANTENNA")
    (recorded / "ANTENNA").symlink_to(tmp_path / "ANTENNA")
    found = extract(recorded)
    assert found.binding is Binding.UNCHECKED
    assert "symbolic link" in found.parts[0].reason


def test_a_reference_table_is_known_and_unchecked(recorded: Path, tmp_path: Path) -> None:
    with ct.table(str(recorded), ack=False) as table:
        table.query("TIME < 5").copy(str(tmp_path / "view.ms")).close()
    assert format_of(tmp_path / "view.ms").media_type(tmp_path) == "application/x-casa-table"
    assert content_parts(tmp_path / "view.ms") == ()


def test_subtables_outside_are_never_followed(recorded: Path, tmp_path: Path) -> None:
    empty(tmp_path / "other.ms")
    with ct.table(str(recorded), readonly=False, ack=False) as table:
        table.putkeyword("EXTRA", f"Table: {tmp_path}/other.ms")
    assert changed_parts(recorded) == {"MAIN"}
