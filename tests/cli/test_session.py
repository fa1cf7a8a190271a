# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

from tests.cli.walking import Eb, request


def test_what_a_session_wrote_can_be_read(tmp_path: Path, frame: Path, eb: Eb) -> None:
    told = json.loads(eb("run", request(tmp_path, "echo out; echo err >&2; exit 3"), "--json").stdout)
    assert eb("logs", told["session"]).stdout == "out\n"
    assert eb("logs", told["session"], "--stderr").stdout == "err\n"


def test_a_session_tells_its_phase_messages_and_products(tmp_path: Path, frame: Path, eb: Eb) -> None:
    told = json.loads(eb("run", request(tmp_path), "--json").stdout)
    said = eb("session", told["session"]).stdout
    assert f"{told['session']}: COMPLETED" in said
    assert "product    copy.fits, 5.6 KiB" in said
    assert "link       stdout FINISHED file://" in said
    assert json.loads(eb("session", told["session"], "--json").stdout)["phase"] == "COMPLETED"


def test_an_unknown_session_is_said_to_be_unknown(tmp_path: Path, eb: Eb) -> None:
    for command in ("session", "logs"):
        told = eb(command, "3c1b9f5e-6f0e-4a53-9d0e-0a8f4f1c2b11")
        assert told.returncode == 4
        assert "knows no session 3c1b9f5e" in told.stderr
