# SPDX-License-Identifier: Apache-2.0
"""The whole path as a user at a terminal walks it."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.walking import EB, ROOT, Eb, environment, request, runs


def test_a_request_becomes_a_product_that_tells_how_it_was_made(tmp_path: Path, frame: Path, eb: Eb) -> None:
    made = eb("run", request(tmp_path), "--out", "made", "--json")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert told["phase"] == "COMPLETED"
    assert told["outcome"]["exit_code"] == 0
    assert told["products"] == ["made/copy.fits"]
    shown = json.loads(eb("show", "made/copy.fits", "--json").stdout)
    assert (shown["binding"], shown["digest"]) == ("BOUND", told["record"])
    assert json.loads(eb("history", "--json").stdout)[0]["digest"] == told["record"]


def test_show_needs_nothing_but_the_file(tmp_path: Path, frame: Path, eb: Eb) -> None:
    eb("run", request(tmp_path), "--out", "made")
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(tmp_path / "made" / "copy.fits", alone / "x.fits")
    empty = {"PATH": "/usr/bin:/bin", "HOME": str(alone / "nobody"), "PYTHONPATH": str(ROOT)}
    shown = eb("show", "x.fits", cwd=alone, env=empty)
    assert shown.returncode == 0, shown.stderr
    assert "x.fits: BOUND" in shown.stdout
    assert "FACTOR=2" in shown.stdout
    assert [path.name for path in alone.iterdir()] == ["x.fits"]


def test_a_step_runs_again_from_its_product_alone(tmp_path: Path, frame: Path, eb: Eb) -> None:
    eb("run", request(tmp_path), "--out", "made")
    product = tmp_path / "elsewhere.fits"
    shutil.move(tmp_path / "made" / "copy.fits", product)
    elsewhere = environment(tmp_path / "another home")
    again = eb("rerun", product, "--set", "executable.environment.FACTOR=3", "--yes", "--json", env=elsewhere)
    assert again.returncode == 0, again.stderr
    assert "FACTOR: '2' -> '3'" in again.stderr
    shown = json.loads(eb("show", json.loads(again.stdout)["products"][0], "--json").stdout)
    link = shown["record"]["based_on"]
    assert link["verb"] == "revise"
    assert link["patch"] == [{"op": "replace", "path": "/executable/environment/FACTOR", "value": "3"}]
    assert shown["record"]["request"]["executable"]["environment"]["FACTOR"] == "3"
    assert runs(tmp_path) == 2


def test_nothing_out_of_a_file_runs_without_consent(tmp_path: Path, frame: Path, eb: Eb) -> None:
    eb("run", request(tmp_path), "--out", "made")
    refused = eb("rerun", "made/copy.fits", stdin=subprocess.DEVNULL)
    assert refused.returncode == 7
    assert "cp /input/frame.fits" in refused.stderr
    assert "--yes" in refused.stderr
    assert runs(tmp_path) == 1


def test_a_step_is_applied_to_other_data(tmp_path: Path, frame: Path, eb: Eb) -> None:
    import numpy as np
    from astropy.io import fits

    eb("run", request(tmp_path), "--out", "made")
    other = tmp_path / "other.fits"
    fits.PrimaryHDU(np.ones((3, 4))).writeto(other)
    again = eb("rerun", "made/copy.fits", "--input", f"frame={other}", "--yes", "--out", "applied", "--json")
    assert again.returncode == 0, again.stderr
    assert fits.getdata(tmp_path / "applied" / "copy.fits").sum() == 12
    shown = json.loads(eb("show", "applied/copy.fits", "--json").stdout)
    assert shown["record"]["based_on"]["verb"] == "apply"


def test_an_input_that_changed_since_is_not_taken_for_the_same(tmp_path: Path, frame: Path, eb: Eb) -> None:
    eb("run", request(tmp_path), "--out", "made")
    frame.write_bytes(frame.read_bytes() + b"\0" * 2880)
    again = eb("rerun", "made/copy.fits", "--yes", "--json")
    assert again.returncode == 1
    assert "frame" in again.stderr
    assert json.loads(again.stdout)["phase"] == "FAILED"
    assert runs(tmp_path) == 1
    assert eb("rerun", "made/copy.fits", "--yes", "--unpinned").returncode == 0
    assert runs(tmp_path) == 2


def test_changed_pixels_are_found_out(tmp_path: Path, frame: Path, eb: Eb) -> None:
    from astropy.io import fits

    eb("run", request(tmp_path), "--out", "made")
    with fits.open(tmp_path / "made" / "copy.fits", mode="update") as hdus:
        hdus[0].data[0, 0] = 99
    shown = eb("show", "made/copy.fits")
    assert shown.returncode == 6
    assert "TAMPERED" in shown.stdout


@pytest.mark.parametrize(("work", "says"), [("exit 3", "3"), ("kill -9 $$", "9"), ("no-such-program", "127")])
def test_a_failed_step_is_recorded_too(tmp_path: Path, frame: Path, eb: Eb, work: str, says: str) -> None:
    failed = eb("run", request(tmp_path, work), "--json")
    assert failed.returncode == 1
    told = json.loads(failed.stdout)
    assert told["phase"] == "FAILED"
    assert says in " ".join(told["messages"])
    assert [entry["phase"] for entry in json.loads(eb("history", "--json").stdout)] == ["FAILED"]


def test_all_faults_of_a_request_are_told_at_once(tmp_path: Path, frame: Path, eb: Eb) -> None:
    path = request(tmp_path)
    text = path.read_text().replace("cores: {min: 1}", "cores: {min: 4, max: 2}")
    path.write_text(text.replace("[products]", "[nowhere]").replace("PT5M", "P1M"))
    refused = eb("run", path, "--json")
    assert refused.returncode == 2
    paths = {fault["path"] for fault in json.loads(refused.stdout)["error"]["faults"]}
    assert {"schedule.requested.duration"} <= paths
    path.write_text(text.replace("[products]", "[nowhere]"))
    refused = eb("run", path, "--json")
    assert len(json.loads(refused.stdout)["error"]["faults"]) == 2
    assert not (tmp_path / "runs").exists()


def test_what_this_machine_can_not_do_is_refused_with_its_reasons(
    tmp_path: Path, frame: Path, eb: Eb
) -> None:
    refused = eb(
        "run", request(tmp_path), "--set", "compute.cores.min=4096", "--set", "compute.memory.min=99999"
    )
    assert refused.returncode == 3
    assert "4096" in refused.stderr
    assert "99999" in refused.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("show", "nothing.fits"), 2, "nothing.fits"),
        (("show", "frame.fits"), 5, "no record"),
        (("rerun", "frame.fits", "--yes"), 5, "no record"),
        (("run", "request.yaml", "--set", "executable.environments.X=1"), 2, "mean 'environment'"),
        (("run", "request.yaml", "--input", "frames=x.fits"), 2, "mean 'frame'"),
        (("run", "request.yaml", "--broker", "nowhere"), 2, "embedded"),
        (("cancel", "no-such-session"), 4, "no-such-session"),
        (("run", "no-such-file.yaml"), 2, "no-such-file.yaml"),
        (("frobnicate",), 2, "frobnicate"),
    ],
)
def test_mistakes_are_told_with_what_to_do(
    tmp_path: Path, frame: Path, eb: Eb, words: tuple[str, ...], code: int, says: str
) -> None:
    request(tmp_path)
    told = eb(*words)
    assert told.returncode == code
    assert says in told.stderr
    assert "Traceback" not in told.stderr


def test_a_truncated_product_is_a_clear_error(tmp_path: Path, frame: Path, eb: Eb) -> None:
    eb("run", request(tmp_path), "--out", "made")
    product = tmp_path / "made" / "copy.fits"
    product.write_bytes(product.read_bytes()[:2900])
    told = eb("show", product)
    assert told.returncode == 5
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_the_same_command_after_a_kill_finds_the_same_session(
    tmp_path: Path, frame: Path, eb: Eb, how: signal.Signals
) -> None:
    path = request(tmp_path, "sleep 3; cp /input/frame.fits /output/copy.fits")
    with subprocess.Popen(
        [*EB, "run", path], cwd=tmp_path, env=environment(tmp_path / "eb home"), stderr=subprocess.DEVNULL
    ) as first:
        while not runs(tmp_path):
            time.sleep(0.02)
        first.send_signal(how)
    assert first.returncode != 0
    again = eb("run", path, "--json")
    assert json.loads(again.stdout)["phase"] == "COMPLETED", again.stderr
    assert runs(tmp_path) == 1


def test_a_session_can_be_cancelled_from_elsewhere(tmp_path: Path, frame: Path, eb: Eb) -> None:
    path = request(tmp_path, "sleep 60")
    with subprocess.Popen(
        [*EB, "run", path, "--json"],
        cwd=tmp_path,
        env=environment(tmp_path / "eb home"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        while not runs(tmp_path):
            time.sleep(0.02)
        (session,) = (tmp_path / "eb home" / "sessions").iterdir()
        cancelled = eb("cancel", session.name)
        assert cancelled.returncode == 0, cancelled.stderr
        told = json.loads(running.communicate(timeout=30)[0])
    assert (told["phase"], running.returncode) == ("CANCELLED", 1)


def test_products_that_can_not_go_where_they_should_are_not_lost(tmp_path: Path, frame: Path, eb: Eb) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "copy.fits").write_text("mine")
    refused = eb("run", request(tmp_path), "--out", "made")
    assert refused.returncode == 2
    assert (tmp_path / "made" / "copy.fits").read_text() == "mine"
    (kept,) = (tmp_path / "eb home" / "sessions").rglob("copy.fits")
    assert str(kept) in refused.stderr
    assert eb("show", kept).returncode == 0
    assert len(json.loads(eb("history", "--json").stdout)) == 1
