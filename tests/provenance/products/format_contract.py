# SPDX-License-Identifier: Apache-2.0
"""What every format owes; its test class inherits this and says how files of it are made and read."""

import hashlib
import os
import shutil
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from provenance.canonical import ni
from provenance.capture import capture
from provenance.errors import ProvenanceError
from provenance.products.attach import attach
from provenance.products.extract import content_parts, extract
from provenance.products.formats import format_of
from provenance.products.found import DOCUMENT_LIMIT, Binding, Label, Rung
from provenance.store import Store
from tests.provenance.conftest import RunOf
from tests.provenance.products.attaching import killed, without_room
from tests.provenance.products.damage import Memory, trial


def bytes_of(path: Path) -> dict[str, str]:
    """Return the digest of each file of a product."""
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    return {str(one.relative_to(path)): hashlib.sha256(one.read_bytes()).hexdigest() for one in files}


def copied(path: Path, to: Path) -> Path:
    return Path(shutil.copytree(path, to)) if path.is_dir() else Path(shutil.copy(path, to))


class FormatContract:
    """Tests of one format; ``make`` writes a file with the field's own library and ``content`` reads it."""

    name = "product.any"

    def make(self, path: Path) -> None:
        raise NotImplementedError

    def content(self, path: Path) -> Any:
        """Return what users see of the file, as their library reads it; comparable with ``==``."""
        raise NotImplementedError

    def change(self, path: Path) -> None:
        """Change some of the data in place or by a rewrite that keeps the record."""
        raise NotImplementedError

    @pytest.fixture
    def made(self, tmp_path: Path) -> Path:
        path = tmp_path / self.name
        self.make(path)
        return path

    @pytest.fixture
    def recorded(self, made: Path, run_of: RunOf, store: Store) -> Path:
        done = capture(run_of(made), store)
        assert done.attached[0].rung is Rung.EMBEDDED, done.attached[0].note
        return made

    def test_it_is_known_by_its_content(self, made: Path) -> None:
        other = copied(made, made.with_name("without-suffix"))
        assert format_of(other).__name__ == format_of(made).__name__ != "provenance.products.plain"  # type: ignore[attr-defined] # a format is a module

    def test_the_record_comes_back_bound(self, recorded: Path) -> None:
        found = extract(recorded)
        assert (found.rung, found.binding, found.faults) == (Rung.EMBEDDED, Binding.BOUND, ())
        assert found.record["name"] == "smooth"

    def test_without_a_check_no_part_is_judged(self, recorded: Path) -> None:
        assert extract(recorded, check=False).binding is Binding.UNCHECKED

    def test_readers_see_the_same_content(self, made: Path, run_of: RunOf, store: Store) -> None:
        before = self.content(made)
        capture(run_of(made), store)
        assert self.content(made) == before

    def test_attaching_changes_no_digest_of_content(self, made: Path, run_of: RunOf, store: Store) -> None:
        before = content_parts(made)
        capture(run_of(made), store)
        assert content_parts(made) == before

    def test_twice_is_as_once(self, made: Path, run_of: RunOf, store: Store) -> None:
        record = capture(run_of(made), store).record
        before = bytes_of(made)
        attach(made, record, made.name)
        assert bytes_of(made) == before

    def test_the_last_record_counts(self, recorded: Path, run_of: RunOf, store: Store) -> None:
        again = capture(run_of(recorded), store).record
        found = extract(recorded)
        assert (found.digest, found.binding) == (again.digest, Binding.BOUND)
        assert self.content(recorded) is not None

    def test_a_copy_is_bound_too(self, recorded: Path) -> None:
        assert extract(copied(recorded, recorded.with_name("copy"))).binding is Binding.BOUND

    def test_changed_data_are_noticed(self, recorded: Path) -> None:
        self.change(recorded)
        found = extract(recorded)
        assert found.binding is Binding.TAMPERED
        assert any(part.binding is Binding.TAMPERED for part in found.parts)

    def test_the_longest_document_fits(self, made: Path) -> None:
        document = b'{"x": "' + b"x" * (DOCUMENT_LIMIT - 9) + b'"}'
        before = self.content(made)
        format_of(made).embed(made, document, Label(ni(document), ni(b""), 0))
        embedded = format_of(made).read(made, check=False).embedded
        assert embedded is not None
        assert embedded.document.encode() == document
        assert embedded.pointer in (None, ni(document))
        assert self.content(made) == before

    def test_what_is_cut_off_gives_errors_of_ours_only(self, recorded: Path) -> None:
        if recorded.is_dir():
            pytest.skip("a directory can't be cut off")
        whole = recorded.read_bytes()
        for length in sorted(Random(1).sample(range(len(whole)), min(40, len(whole)))):
            recorded.write_bytes(whole[:length])
            try:
                extract(recorded)
            except ProvenanceError:
                continue

    def test_damaged_files_give_errors_of_ours_only(
        self, made: Path, run_of: RunOf, store: Store, tmp_path: Path
    ) -> None:
        record = capture(run_of(made), store).record
        extract(made)
        here = tmp_path / "damaged"
        here.mkdir()
        random, memory, ends = Random(int(os.environ.get("EB_HOSTILE_SEED", "1"))), Memory(), Counter[str]()
        for _ in range(int(os.environ.get("EB_HOSTILE_TRIALS", "60"))):
            ends[trial(made, record, random, here)] += 1
        print(f"{memory.grown:.0f} MB, {dict(ends)}")
        assert memory.grown < 64

    def test_a_kill_leaves_a_file_that_its_readers_read(
        self, made: Path, run_of: RunOf, store: Store, tmp_path: Path
    ) -> None:
        before = self.content(made)
        whole = copied(made, tmp_path / "whole")
        record = capture(run_of(made), store, into=tmp_path / "elsewhere").record
        random = Random(2)
        for _ in range(int(os.environ.get("EB_KILL_TRIALS", "4"))):
            self._replaced(made, whole)
            killed(made, record.text, random.random() * 0.02)
            assert self.content(made) == before
            attach(made, record, made.name)
            assert extract(made).binding is Binding.BOUND

    @staticmethod
    def _replaced(made: Path, whole: Path) -> None:
        shutil.rmtree(made) if made.is_dir() else made.unlink()
        copied(whole, made)

    def test_a_full_disk_leaves_the_file_as_it_was(
        self, made: Path, run_of: RunOf, store: Store, tmp_path: Path
    ) -> None:
        whole = copied(made, tmp_path / "whole")
        record = capture(run_of(made), store).record
        self._replaced(made, whole)
        before = bytes_of(made)
        assert without_room(made, record.text, 1024) == "CanNotAttachError"
        assert bytes_of(made) == before
