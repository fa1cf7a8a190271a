# SPDX-License-Identifier: Apache-2.0
"""Keys and signatures as a user at a terminal has them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.walking import EB, ROOT, Eb, environment, request
from tests.provenance.sshing import agent, fingerprint, keygen


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    folder = tmp_path / "eb home" / "configuration" / "eb"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return keygen(tmp_path / "id_ed25519")


def signs_with(configuration: Path, key: Path) -> None:
    (configuration / "policy.toml").write_text(f'[signing]\nkey = "{key}"\n')


_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


def typed(words: list[str], prompt: str, answer: str, folder: Path) -> tuple[int, str]:
    """Run the command at a terminal, and answer what it asks."""
    command = [sys.executable, "-c", _TERMINAL, *EB, *words]
    own = environment(folder / "eb home")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder, env=own, bufsize=0
    ) as at:
        assert at.stdin is not None
        assert at.stdout is not None
        said = b""
        while prompt.encode() not in said and (piece := at.stdout.read(4096)):
            said += piece
        at.stdin.write(f"{answer}\n".encode())
        while piece := at.stdout.read(4096):
            said += piece
    return at.returncode, said.decode()


def test_a_step_is_signed_and_its_signer_is_known(
    tmp_path: Path, frame: Path, eb: Eb, configuration: Path, key: Path
) -> None:
    signs_with(configuration, key)
    assert eb("run", request(tmp_path), "--out", "made").returncode == 0
    stranger = json.loads(eb("show", "made/copy.fits", "--json").stdout)["signature"]
    assert (stranger["trust"], stranger["key"]) == ("unknown key", fingerprint(key))
    trusting = eb("keys", "trust", "anna@x.test", f"{key}.pub")
    assert fingerprint(key) in trusting.stdout
    shown = eb("show", "made/copy.fits")
    assert f"signed by anna@x.test (key {fingerprint(key)}), trusted" in shown.stdout
    assert json.loads(eb("keys", "--json").stdout) == {
        "signing": {"path": str(key), "key": fingerprint(key)},
        "trusted": [{"principals": "anna@x.test", "key": fingerprint(key), "namespaces": "eb-record"}],
    }


def test_a_record_is_signed_later_by_the_agent(
    tmp_path: Path, frame: Path, eb: Eb, configuration: Path, key: Path
) -> None:
    eb("run", request(tmp_path), "--out", "made")
    assert "unsigned" in eb("show", "made/copy.fits").stdout
    with agent(tmp_path, key) as place:
        key.unlink()
        own = environment(tmp_path / "eb home") | {"SSH_AUTH_SOCK": place}
        signed = eb("sign", "made/copy.fits", "--key", f"{key}.pub", "--json", env=own)
    assert signed.returncode == 0, signed.stderr
    shown = json.loads(eb("show", "made/copy.fits", "--json").stdout)
    assert (shown["binding"], shown["signature"]["key"]) == ("BOUND", fingerprint(Path(f"{key}.pub")))
    assert shown["digest"] == json.loads(signed.stdout)["record"]


def test_a_step_without_its_agent_is_unsigned_and_says_why(
    tmp_path: Path, frame: Path, eb: Eb, configuration: Path
) -> None:
    locked = keygen(tmp_path / "locked", passphrase="swordfish")
    signs_with(configuration, locked)
    made = eb("run", request(tmp_path), "--out", "made", "--json")
    assert made.returncode == 0
    assert "warning: the record is not signed" in made.stderr
    assert "ssh-add" in made.stderr
    code, said = typed(["sign", "made/copy.fits"], "Passphrase", "swordfish", tmp_path)
    assert (code, fingerprint(locked) in said) == (0, True)


def test_only_ones_own_record_of_what_is_still_there_is_signed(
    tmp_path: Path, frame: Path, eb: Eb, configuration: Path, key: Path
) -> None:
    eb("run", request(tmp_path), "--out", "made")
    stranger = environment(tmp_path / "another home")
    theirs = eb("sign", "made/copy.fits", "--key", key, env=stranger)
    assert (theirs.returncode, "the store has no record" in theirs.stderr) == (5, True)
    assert eb("sign", "made/copy.fits").returncode == 2
    with (tmp_path / "made" / "copy.fits").open("r+b") as file:
        file.seek(2880)
        file.write(b"\1\2\3\4")
    assert eb("sign", "made/copy.fits", "--key", key).returncode != 0
    assert "unsigned" in eb("show", "made/copy.fits").stdout


def test_a_new_key_is_one_of_ssh_and_is_never_overwritten(
    tmp_path: Path, eb: Eb, configuration: Path
) -> None:
    made = eb("keys", "new", "--no-passphrase")
    assert fingerprint(configuration / "id_ed25519") in made.stdout
    again = eb("keys", "new", "--no-passphrase")
    assert (again.returncode, "exists" in again.stderr) == (2, True)


@pytest.mark.parametrize("principal", ["a b", "anna,ben", "*", 'x"', "#x", ""])
def test_a_principal_can_not_be_more_than_a_name(eb: Eb, key: Path, principal: str) -> None:
    assert eb("keys", "trust", principal, f"{key}.pub").returncode == 2


def test_what_is_unsigned_is_shown_without_cryptography(tmp_path: Path, frame: Path, eb: Eb) -> None:
    eb("run", request(tmp_path), "--out", "made")
    script = (
        "import sys\nfrom provenance.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'cryptography', 'pydantic', 'socket', 'prov'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, "show", "made/copy.fits"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env=environment(tmp_path / "eb home") | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert told.stdout.splitlines()[-1] == "[]"
