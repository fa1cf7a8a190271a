# SPDX-License-Identifier: Apache-2.0
"""What a person sees and agrees to before a step out of a file runs."""

import subprocess
from pathlib import Path

import pytest

from provenance.plain import exact, plain
from tests.cli.test_sign import configuration, key, signs_with, typed
from tests.cli.walking import Eb, request, runs

__all__ = ["configuration", "key"]
MADE = "made/copy.fits"


@pytest.fixture
def made(tmp_path: Path, frame: Path, eb: Eb) -> Path:
    assert eb("run", request(tmp_path), "--out", "made").returncode == 0
    return tmp_path / MADE


@pytest.fixture
def trusted(tmp_path: Path, frame: Path, eb: Eb, configuration: Path, key: Path) -> Path:
    """Return a product that is signed by somebody trusted, whose records run without asking."""
    signs_with(configuration, key)
    assert eb("run", request(tmp_path), "--out", "made").returncode == 0
    eb("keys", "trust", "anna@x.test", f"{key}.pub")
    (configuration / "policy.toml").write_text('[rerun]\ntrusted = "run"\n')
    return tmp_path / MADE


def spoilt(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(2880)
        file.write(b"\1\2\3\4")


def test_all_that_would_happen_is_shown_before_anything_does(tmp_path: Path, eb: Eb, made: Path) -> None:
    refused = eb("rerun", MADE, "--set", "executable.environment.FACTOR=3", stdin=subprocess.DEVNULL)
    assert (refused.returncode, runs(tmp_path)) == (7, 1)
    assert refused.stderr.startswith(f"CAUTION: {MADE} is unsigned: ")
    for line in (
        "  where     embedded: on this machine",
        "it can do all that you can",
        "  command   sh -c 'echo ran",
        "  with      FACTOR=3",
        f"  reads     data[frame] from {tmp_path}/frame.fits, a FILE OF YOURS",
        "  mounts    /output, writes: products",
        "differs: executable.environment.FACTOR: '2' -> '3'",
    ):
        assert line in refused.stderr, line


def test_a_person_agrees_at_the_terminal(tmp_path: Path, made: Path) -> None:
    assert typed(["rerun", MADE], "Run it?", "n", tmp_path)[0] == 7
    code, said = typed(["rerun", MADE], "Run it?", "y", tmp_path)
    assert (code, runs(tmp_path)) == (0, 2), said


def test_a_trusted_record_runs_without_asking_if_the_policy_says_so(
    tmp_path: Path, eb: Eb, trusted: Path
) -> None:
    again = eb("rerun", MADE, "--json", stdin=subprocess.DEVNULL)
    assert (again.returncode, runs(tmp_path)) == (0, 2), again.stderr
    assert again.stderr.startswith(f"{MADE} is signed by anna@x.test")


def test_a_trusted_record_of_an_edited_file_does_not_run_without_asking(
    tmp_path: Path, eb: Eb, trusted: Path
) -> None:
    spoilt(trusted)
    assert eb("rerun", MADE, "--yes").returncode == 7
    assert eb("rerun", MADE, "--even-tampered", stdin=subprocess.DEVNULL).returncode == 7
    assert runs(tmp_path) == 1
    assert eb("rerun", MADE, "--yes", "--even-tampered").returncode == 0


def test_yes_is_no_consent_to_what_the_policy_forbids(
    tmp_path: Path, eb: Eb, made: Path, configuration: Path
) -> None:
    (configuration / "policy.toml").write_text('[rerun]\nunsigned = "forbid"\n')
    refused = eb("rerun", MADE, "--yes", "--even-tampered")
    assert (refused.returncode, runs(tmp_path)) == (7, 1)
    assert "the policy forbids records that are unsigned" in refused.stderr


def test_a_policy_that_can_not_be_read_runs_nothing(
    tmp_path: Path, eb: Eb, made: Path, configuration: Path
) -> None:
    (configuration / "policy.toml").write_text('[rerun]\ntrusted = "maybe"\n')
    refused = eb("rerun", MADE, "--yes")
    assert (refused.returncode, runs(tmp_path)) == (2, 1)
    assert "rerun.trusted" in refused.stderr


HIDDEN = [
    "\u202e", "\u2066", "\u200b", "\u200f", "\u061c", "\ufeff", "\u00ad", "\u3164", "\u2800", "\ufe0f",
    "\u115f", "\U000e0041", "\u0301\u0301\u0301", "\x1b", "\r", "\x08", "\u2028", "\x9b", "\u00a0",
]  # fmt: skip


@pytest.mark.parametrize("hidden", HIDDEN, ids=ascii)
def test_what_is_not_to_be_seen_is_written_out(hidden: str) -> None:
    assert plain(f"a{hidden}b") == "a" + hidden.encode("unicode_escape").decode() + "b"


def test_text_of_any_language_stays_readable() -> None:
    for text in ("café", "cafe\u0301", "天文台", "Обсерватория", "Ηλιος"):
        assert plain(text) == text


def test_letters_that_are_only_like_others_are_written_out_where_it_matters() -> None:
    assert exact("registry.ex\u0430mple/x") == "registry.ex\\u0430mple/x"


def test_blanks_that_push_a_command_out_of_sight_are_counted_and_nothing_is_cut() -> None:
    text = "true;" + " " * 5000 + "rm -rf ~" + "x" * 5000
    assert exact(text) == "true;[5000 blanks]rm -rf ~" + "x" * 5000
