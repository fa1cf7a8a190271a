# SPDX-License-Identifier: Apache-2.0
"""`eb check` and `eb convert` as a person and a program see them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eb_prefect.cli.check import check
from eb_prefect.cli.convert import convert
from eb_prefect.wire.document import inspect

DOCUMENTS = Path(__file__).parents[1] / "wire" / "documents"


def eb_check(*arguments: str, text: str | bytes | None = None) -> Result:
    return CliRunner().invoke(check, arguments, input=text)


def eb_convert(*arguments: str, text: str | bytes | None = None) -> Result:
    return CliRunner().invoke(convert, arguments, input=text)


def test_check_says_what_a_good_document_is() -> None:
    result = eb_check(str(DOCUMENTS / "b2-request.yaml"))
    assert result.exit_code == 0
    assert "b2-request.yaml: request of dialect B2" in result.stdout
    assert result.stdout.endswith("No fault.\n")


def test_check_tells_every_fault_and_ends_with_1() -> None:
    text = "{executable: {kind: executable/program}, compute: {cores: {min: x}}, data: [{location: a}]}"
    result = eb_check("-", text=text)
    assert result.exit_code == 1
    assert all(
        path in result.stdout for path in ("compute.cores.min", "executable.command", "data[0].location")
    )
    assert result.stdout.endswith("3 faults, 0 warnings.\n")


def test_check_is_json_for_programs() -> None:
    told = json.loads(
        eb_check("-", "--json", text="{uuid: u, phase: RUNNING, created: now, mood: calm}").stdout
    )
    assert (told["document"], told["dialect"]) == ("session", "neutral")
    assert [fault["path"] for fault in told["faults"]] == ["created"]
    assert told["warnings"][0]["path"] == "mood"


@pytest.mark.parametrize(("text", "code"), [("a: [", 2), (b"\xff", 2), ("hello: world", 1), ("[1]", 1)])
def test_check_ends_with_2_if_nothing_can_be_read_and_1_if_it_means_nothing(
    text: str | bytes, code: int
) -> None:
    plain, as_json = eb_check("-", text=text), eb_check("-", "--json", text=text)
    assert (plain.exit_code, as_json.exit_code) == (code, code)
    assert "can't be used" in plain.stderr
    assert json.loads(as_json.stdout)["faults"]


def test_a_missing_file_is_a_mistake_of_usage() -> None:
    assert eb_check("no-such-file.yaml").exit_code == 2


def test_a_document_can_not_command_the_terminal() -> None:
    text = (
        r'{"executable": {"kind": "\u001b[2J", "\u001b]0;x\u0007": 1}, "compute": {"volumes": ["\u001b[1m"]}}'
    )
    result = eb_check("-", text=text)
    assert "\x1b" not in result.stdout
    assert r"\x1b[2J" in result.stdout


def test_check_says_what_a_servers_error_is() -> None:
    result = eb_check(str(DOCUMENTS / "server-error.yaml"))
    assert result.exit_code == 0
    assert "server error" in result.stdout


@pytest.mark.parametrize("dialect", ["A", "B1", "B2", "neutral"])
def test_convert_writes_the_dialect_that_is_asked_for(dialect: str) -> None:
    result = eb_convert(
        str(DOCUMENTS / "a-named-request.yaml"), "--to", dialect, "--lossy", "--drop", "volumes"
    )
    assert result.exit_code == 0
    assert inspect(result.stdout).recognised.dialect == dialect


def test_convert_keeps_the_form_unless_told() -> None:
    path = str(DOCUMENTS / "a-inline-request.json")
    assert eb_convert(path, "--to", "neutral").stdout.startswith("{")
    assert not eb_convert(path, "--to", "neutral", "--yaml").stdout.startswith("{")
    assert eb_convert(str(DOCUMENTS / "b2-request.yaml"), "--to", "B2", "--json").stdout.startswith("{")


def test_convert_names_what_can_not_be_written_and_what_to_do() -> None:
    result = eb_convert(str(DOCUMENTS / "a-named-request.yaml"), "--to", "B2")
    assert (result.exit_code, result.stdout) == (3, "")
    assert all(
        field in result.stderr for field in ("name:", "description:", "volumes:", "compute.volumes[0]:")
    )
    assert "--lossy" in result.stderr
    assert "--drop name" in result.stderr


def test_convert_tells_each_change_it_made() -> None:
    result = eb_convert(str(DOCUMENTS / "b1-named-request.yaml"), "--to", "A", "--drop", "executable.command")
    assert result.exit_code == 0
    assert "note: executable.command: left out" in result.stderr


def test_convert_writes_volumes_in_place_if_told() -> None:
    result = eb_convert(str(DOCUMENTS / "a-inline-request.json"), "--to", "a", "--inline-volumes")
    assert json.loads(result.stdout)["compute"]["volumes"][0]["name"] == "frames"


def test_convert_reads_updates_and_standard_input() -> None:
    result = eb_convert(
        "-", "--to", "A", text='{"kind": "uri:enum-value-update", "path": "phase", "value": "ACCEPTED"}'
    )
    assert json.loads(result.stdout) == {
        "update": {"type": "uri:enum-value-update", "path": "phase", "value": "ACCEPTED"}
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [("a: [", 2), ("hello: world", 1), ("compute: {cores: {min: x}}", 1), ("error: Gone", 1)],
)
def test_convert_writes_nothing_from_what_it_can_not_read(text: str, code: int) -> None:
    result = eb_convert("-", "--to", "B2", text=text)
    assert (result.exit_code, result.stdout) == (code, "")
    assert "can't be used" in result.stderr


def test_the_commands_do_not_import_prefect() -> None:
    code = "import sys, eb_prefect.cli.check, eb_prefect.cli.convert; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
