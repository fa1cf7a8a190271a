# SPDX-License-Identifier: Apache-2.0
"""The tests' Prefect server, for flows that run in a test itself."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def in_force(environment: Mapping[str, str]) -> Iterator[str]:
    """Let flows of this process run on the server that an environment names; give its address."""
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    url, home = (environment[name] for name in ("PREFECT_API_URL", "PREFECT_HOME"))
    with temporary_settings({PREFECT_API_URL: url, PREFECT_HOME: home}):
        yield url
