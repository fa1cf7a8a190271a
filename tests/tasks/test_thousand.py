# SPDX-License-Identifier: Apache-2.0
"""The benchmark of a thousand sessions with a hundred short ones: what may not grow, and no times."""

import pytest

from tests.benchmarks.thousand import apart
from tests.benchmarks.watching import server


@pytest.mark.parametrize("kind", ["steps", "batch"])
def test_a_hundred_sessions_take_few_threads_and_requests(
    prefect_environment: dict[str, str], kind: str
) -> None:
    with server("--durations", "imaging:3:0:1") as url:
        told = apart(kind, url, 100, 3.0, prefect_environment)
    assert told["threads"] < 40  # a few of Prefect, and of ours more only while answers are slow
    assert 300 <= told["requests"] < 100 * 30
