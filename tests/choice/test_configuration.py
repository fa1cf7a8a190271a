# SPDX-License-Identifier: Apache-2.0
import os
import sys
from pathlib import Path

import pytest

from eb_prefect.brokers.configuration import Configuration, configuration
from eb_prefect.brokers.credentials import secret
from eb_prefect.errors import Fault, InvalidDocumentError
from eb_prefect.home import configuration_path

URL = 'url = "https://broker.spsrc.example/eb"\n'
SECRET = "swordfish"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "brokers.toml"
    monkeypatch.setenv("EB_CONFIG", str(path))
    return path


def written(file: Path, text: str, *, mode: int = 0o644) -> Configuration:
    file.write_text(text)
    file.chmod(mode)
    return configuration()


def faults(file: Path, text: str, *, mode: int = 0o644) -> tuple[Fault, ...]:
    with pytest.raises(InvalidDocumentError) as told:
        written(file, text, mode=mode)
    assert told.value.what == f"the configuration {file}"
    assert SECRET not in str(told.value)
    return told.value.faults


def test_all_keys_are_read(file: Path) -> None:
    text = f"""[brokers.spsrc]
{URL}dialect = "B2"
site = "SPSRC"
rses = ["SPSRC_STORM"]
user = "me"
password_env = "SPSRC_PASSWORD"
ca = "ca.pem"
[brokers.here]
kind = "embedded"
[defaults]
broker = "spsrc"
"""
    read = written(file, text)
    entry = read.brokers["spsrc"]
    assert (entry.dialect, entry.site, entry.rses) == ("B2", "SPSRC", ("SPSRC_STORM",))
    assert entry.ca == file.parent / "ca.pem"
    assert (read.brokers["here"].kind, read.defaults.broker) == ("embedded", "spsrc")


def test_the_file_is_in_the_configuration_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EB_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert configuration_path() == tmp_path / "eb" / "brokers.toml"
    assert configuration() == Configuration()
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert configuration_path() == Path("/home/me/.config/eb/brokers.toml")


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        (f"[brokers.a]\n{URL}colour = 1", "brokers.a.colour", "is no key that is known here"),
        (f"[broker.a]\n{URL}", "broker", "is no key that is known here"),
        ("[brokers.a]\nsite = 'X'", "brokers.a", "url is missing"),
        ("[brokers.a]\nurl = 3", "brokers.a.url", "should be a valid string"),
        ("[brokers.a]\nurl = 'broker.example'", "brokers.a.url", "should be a URL"),
        ("[brokers.a]\nurl = 'ftp://broker.example'", "brokers.a.url", "should be a URL"),
        ("[brokers.a]\nurl = 'https://[::1'", "brokers.a.url", "nvalid IPv6 URL"),
        (f"[brokers.a]\nurl = 'https://me:{SECRET}@b'", "brokers.a.url", "no user and password in it"),
        (f"[brokers.a]\n{URL}dialect = 'C'", "brokers.a.dialect", "'A', 'B1', 'B2' or 'neutral'"),
        (f"[brokers.a]\n{URL}user = 'me'", "brokers.a", "user belongs with one of"),
        (f"[brokers.a]\n{URL}password_env = 'X'", "brokers.a", "user belongs with one of"),
        (f"[brokers.a]\n{URL}token_env = 'X'\ntoken_file = 'Y'", "brokers.a", "are too many"),
        (f"[brokers.a]\n{URL}token_command = []", "brokers.a.token_command", "at least 1"),
        ("[brokers.a]\nkind = 'embedded'\nurl = 'http://x'", "brokers.a", "embedded broker has no url"),
        (
            "[brokers.a]\nkind = 'sluurm'",
            "brokers.a.kind",
            "'slurm', 'panda', 'pbs', 'lsf' or 'condor'",
        ),
        (f"[brokers.embedded]\n{URL}", "brokers", "choose another name"),
        (f'[brokers."a,b"]\n{URL}', "brokers", "'a,b' is no name"),
        ("[brokers", "the file", "is no TOML"),
        ("x = '\udcff'", "the file", "is no TOML"),
    ],
)
def test_a_fault_is_told_with_its_table_and_key(file: Path, text: str, path: str, reason: str) -> None:
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InvalidDocumentError) as told:
        configuration()
    (fault,) = told.value.faults
    assert (fault.path, reason in fault.reason) == (path, True), fault
    assert SECRET not in str(told.value)


def test_all_faults_are_told_at_once(file: Path) -> None:
    assert len(faults(file, "[brokers.a]\nurl = 1\n[brokers.b]\nkind = 2\n")) == 2


def test_a_file_that_was_named_has_to_be_there(file: Path) -> None:
    with pytest.raises(InvalidDocumentError, match="No such file"):
        configuration()


@pytest.mark.parametrize("key", ["password", "token"])
def test_a_secret_in_a_file_that_others_can_read_is_refused(file: Path, key: str) -> None:
    user = 'user = "me"\n' if key == "password" else ""
    text = f'[brokers.a]\n{URL}{user}{key} = "{SECRET}"\n'
    (fault,) = faults(file, text, mode=0o640)
    assert fault.path == f"brokers.a.{key}"
    assert "chmod 600" in fault.reason
    read = written(file, text, mode=0o600)
    assert SECRET not in repr(read) + str(read) + read.model_dump_json()
    found = secret("a", read.brokers["a"], key)
    assert found is not None
    assert (found(), SECRET in repr(found)) == (SECRET, False)


def of(file: Path, kind: str, line: str) -> str:
    user = 'user = "me"\n' if kind == "password" else ""
    entry = written(file, f"[brokers.a]\n{URL}{user}{line}\n").brokers["a"]
    found = secret("a", entry, kind)
    assert found is not None
    return found()


def test_a_secret_is_read_anew_each_time(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in ("one", "two"):
        (tmp_path / "token").write_text(f"{n}\n")
        monkeypatch.setenv("EB_TEST_PASSWORD", n)
        assert of(file, "token", 'token_file = "token"') == n
        assert of(file, "password", 'password_env = "EB_TEST_PASSWORD"') == n
        assert of(file, "password", f'password_command = "cat {tmp_path}/token"') == n
        assert of(file, "token", f'token_command = ["cat", "{tmp_path}/token"]') == n


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('token_env = "EB_TEST_NOWHERE"', "token_env: EB_TEST_NOWHERE is not in the environment"),
        ('token_file = "nowhere"', "can't be read: No such file"),
        ('token_file = "."', "can't be read: Is a directory"),
        ('token_command = "no-such-program"', "no-such-program can't be run"),
        ('token_command = "false"', "false ended with 1"),
        ('token_command = "true"', "gives nothing"),
        ('token_file = "/dev/null"', "gives nothing"),
    ],
)
def test_a_secret_that_is_not_there_is_told(file: Path, line: str, reason: str) -> None:
    with pytest.raises(InvalidDocumentError, match=reason):
        of(file, "token", line)


def test_what_a_failed_command_says_is_not_told(file: Path) -> None:
    program = f"import sys; print('{SECRET}'); sys.exit(3)"
    with pytest.raises(InvalidDocumentError) as told:
        of(file, "token", f'token_command = ["{sys.executable}", "-c", "{program}"]')
    assert SECRET not in str(told.value)
    assert "ended with 3" in str(told.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_can_not_be_read_is_told(file: Path) -> None:
    (fault,) = faults(file, "", mode=0o000)
    assert fault.reason == "Permission denied"
