# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator
from pathlib import Path

import pytest

from eb_prefect.server.run import serving
from tests.brokers.embedded.bench import EmbeddedBench
from tests.server.asking import DIALECTS, Asking


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedBench:
    """What a module's tests run on; sessions don't know each other."""
    return EmbeddedBench(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def root(bench: EmbeddedBench) -> Iterator[str]:
    """Where the bench's broker is served."""
    with serving(bench.broker(), home=bench.home) as url:
        yield url


@pytest.fixture
def b2(root: str) -> Asking:
    return Asking(root)


@pytest.fixture(params=DIALECTS)
def each(request: pytest.FixtureRequest, root: str) -> Asking:
    """A client of each dialect."""
    return Asking(root, request.param)


@pytest.fixture
def users_file(tmp_path: Path) -> Path:
    return tmp_path / "users"
