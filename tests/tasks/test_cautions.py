# SPDX-License-Identifier: Apache-2.0
import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from prefect import flow
from prefect.settings import PREFECT_API_URL, temporary_settings

from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.runs.cautions import cautions, file_system
from eb_prefect.step import StepOptions
from eb_prefect.tasks import step_async
from eb_prefect.testing.scripted import ScriptedBroker

REQUEST = ExecutionRequest(name="nothing", executable=Program(command=("true",)))
MEMORY = Path("/dev/shm")


@pytest.fixture
def in_memory() -> Iterator[DirectoryJournal]:
    if file_system(MEMORY) != "tmpfs":
        pytest.skip("this machine has no file system in memory")
    with TemporaryDirectory(dir=MEMORY) as folder:
        yield DirectoryJournal(Path(folder))


def test_a_temporary_server_is_told(tmp_path: Path) -> None:
    with temporary_settings({PREFECT_API_URL: None}):
        (said,) = cautions(DirectoryJournal(tmp_path))
    assert "prefect server start" in said


@pytest.mark.usefixtures("prefect_api")
def test_nothing_is_told_of_a_disk_and_a_server(tmp_path: Path) -> None:
    if file_system(tmp_path) != "tmpfs":
        assert list(cautions(DirectoryJournal(tmp_path))) == []


@pytest.mark.usefixtures("prefect_api")
async def test_a_journal_in_memory_is_told_once_a_flow_run(
    in_memory: DirectoryJournal, caplog: pytest.LogCaptureFixture
) -> None:
    broker = ScriptedBroker(((0.0, "COMPLETED"),))
    options = StepOptions(journal=in_memory)

    @flow
    async def two() -> None:
        with caplog.at_level(logging.WARNING):
            await asyncio.gather(
                *(step_async(broker, REQUEST, name=name, options=options) for name in ("one", "two"))
            )

    await two()
    assert len([line for line in caplog.messages if "is in memory" in line]) == 1
