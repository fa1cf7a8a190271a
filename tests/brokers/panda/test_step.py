# SPDX-License-Identifier: Apache-2.0
"""A step on PanDA, watched as any other."""

from pathlib import Path

from eb_prefect.ending import StepFailedError
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.phase import Phase
from eb_prefect.step import StepOptions, run_step
from tests.brokers.panda.bench import PandaBench


def options(tmp_path: Path) -> StepOptions:
    return StepOptions(journal=DirectoryJournal(tmp_path / "journal"))


def test_a_step_is_run_to_its_end_and_tells_its_phases(bench: PandaBench, tmp_path: Path) -> None:
    run = run_step(bench.broker(), bench.lasting(0.5), name="it", options=options(tmp_path))
    assert (run.session.phase, bench.starts(), bench.ends()) == (Phase.COMPLETED, 1, 1)
    assert run.broker.kind == "panda"
    assert Phase.RUNNING in [change.phase for change in run.changes]
    assert run.session.outcome is not None
    assert run.session.outcome.exit_code == 0


def test_a_step_that_fails_says_why(bench: PandaBench, tmp_path: Path) -> None:
    run = run_step(bench.broker(), bench.failing(7), name="it", options=options(tmp_path))
    assert run.session.phase == Phase.FAILED
    assert "what ran on the node ended with exit code 7" in str(StepFailedError(run))
