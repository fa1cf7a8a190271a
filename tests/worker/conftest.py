# SPDX-License-Identifier: Apache-2.0
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client

from tests.worker.pools import Pool, pool


@pytest.fixture
async def work_pool(prefect_api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pool]:
    monkeypatch.setenv("EB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EB_CONFIG", str(tmp_path / "brokers.toml"))
    (tmp_path / "brokers.toml").touch()
    (tmp_path / "counts").mkdir()
    async with get_client() as client:
        yield await pool(client, tmp_path / "counts")
