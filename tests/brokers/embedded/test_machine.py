# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import pytest

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.step import StepOptions, run_step


def test_python3_is_the_python_of_the_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EB_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    said = tmp_path / "said"
    code = f"import sys; open({str(said)!r}, 'w').write(sys.prefix)"
    request = ExecutionRequest(executable=Program(command=("python3", "-c", code)))
    run = run_step(EmbeddedBroker(), request, name="prefix", options=StepOptions())
    assert run.session.phase == "COMPLETED"
    assert said.read_text() == sys.prefix
