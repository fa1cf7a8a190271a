# SPDX-License-Identifier: Apache-2.0
"""Captures that are killed at any moment, and what they leave behind."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from eb_prefect.model.steprun import StepRun
from provenance.canonical import ni
from provenance.capture import capture
from provenance.errors import NoRecordError
from provenance.products.extract import extract
from provenance.products.fits_attach import attach
from provenance.products.found import Binding, Label
from provenance.store import Store

RunOf = Callable[..., StepRun]

_ATTACHER = """
import sys
from pathlib import Path
from provenance.canonical import ni
from provenance.products.fits_attach import attach
from provenance.products.found import Label
print("ready", flush=True)
number = 0
while True:
    document = b"%d" % number + b"x" * 60_000
    for path in sys.argv[1:]:
        attach(Path(path), document, Label(ni(document), ni(b"c"), 0))
    number += 1
"""

_CAPTURER = """
import sys
from pathlib import Path
from eb_prefect.model.steprun import StepRun
from provenance.capture import capture
from provenance.store import Store
import provenance.w3c
run = StepRun.model_validate_json(Path(sys.argv[1]).read_text())
print("ready", flush=True)
capture(run, Store(Path(sys.argv[2])), into=Path(sys.argv[3]))
"""


def killed_after(seconds: float, program: str, *words: object) -> None:
    """Run the program, and kill it so long after it is ready."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, *map(str, words)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)


def test_a_file_is_readable_after_a_kill_in_the_middle_of_attaching(image: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.fits" for n in range(4)]
    for _ in range(6):
        for path in paths:
            shutil.copyfile(image, path)
        killed_after(random.uniform(0, 0.05), _ATTACHER, *paths)
        for path in paths:
            assert (fits.getdata(path) == np.arange(12).reshape(3, 4)).all()
            attach(path, b"{}", Label(ni(b"{}"), ni(b"c"), 0))
            with fits.open(path, checksum=True) as hdus:
                hdus.verify("exception")
                assert hdus[-1].header["EBPROVID"] == hdus[0].header["EBPROVID"] == ni(b"{}")


def test_the_first_header_is_readable_at_every_moment_of_its_change_and_mended_by_the_next(
    image: Path, tmp_path: Path
) -> None:
    before = image.read_bytes()[:2880]
    attach(image, b"{}", Label(ni(b"{}"), ni(b"c"), 0))
    after = image.read_bytes()
    changed = [at for at in range(0, 2880, 80) if after[at : at + 80] != before[at : at + 80]]
    assert len(changed) > 4
    for written in range(len(changed) + 1):
        header = bytearray(before)
        for at in sorted(changed, reverse=True)[:written]:
            header[at : at + 80] = after[at : at + 80]
        path = tmp_path / f"{written}.fits"
        path.write_bytes(bytes(header) + after[2880:])
        with fits.open(path) as hdus:
            assert [hdu.name for hdu in hdus] == ["PRIMARY", "PROVENANCE"]
            assert hdus[0].data.sum() == 66
        attach(path, b"{}", Label(ni(b"{}"), ni(b"c"), 0))
        assert path.read_bytes() == after


@pytest.mark.parametrize("trial", range(6))
def test_a_capture_that_was_killed_is_finished_by_the_next(
    trial: int, image: Path, run_of: RunOf, tmp_path: Path
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("made")
    run = run_of(image, note)
    (tmp_path / "run.json").write_text(run.model_dump_json())
    database, kept = tmp_path / "records.db", tmp_path / "kept"
    killed_after(trial * 0.012, _CAPTURER, tmp_path / "run.json", database, kept)
    for path in kept.glob("[!.]*.fits"):
        assert extract(path).binding is Binding.BOUND
    store = Store(database)
    captured = capture(run, store, into=kept)
    assert [extract(path).digest for path in captured.products] == [captured.record.digest] * 2
    assert [entry.digest for entry in store.history()] == [captured.record.digest]


def test_a_product_without_its_record_yet_says_so(image: Path) -> None:
    with pytest.raises(NoRecordError):
        extract(image)
