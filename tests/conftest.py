# SPDX-License-Identifier: Apache-2.0
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers import images
from tests.postgres import postgres
from tests.serving import in_force
from tests.slurm import slurm
from tests.sshd import sshd

__all__ = ["images", "postgres", "slurm", "sshd"]

# a shell ignores it for what it starts in the background, and so would the programs that tests interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)

# programs that tests start find the packages where the tests find them
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")])
)


@pytest.fixture(scope="session")
def prefect_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Prefect server for the whole test run, and what its clients need in their environment."""
    from prefect.logging.handlers import APILogHandler

    from flows.server import prefect_server

    with prefect_server(tmp_path_factory.mktemp("prefect")) as environment:
        yield environment
        APILogHandler().flush()  # what it still holds has nowhere to go after this


@pytest.fixture
def prefect_api(prefect_environment: dict[str, str]) -> Iterator[str]:
    """The server's address, in force for flows that run in the test itself."""
    with in_force(prefect_environment) as url:
        yield url
