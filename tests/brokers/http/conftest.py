# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.wire.dialect import Dialect
from tests.brokers.http.served import Served, serving

Client = Callable[..., HTTPBroker]


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as server:
        yield server


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    """Make clients of the server; they speak B2 if nothing else is said."""
    with ExitStack() as made:

        def make(url: str | None = None, **options: Any) -> HTTPBroker:
            options = {"dialect": Dialect.B2, "timeout": 5.0} | options
            return made.enter_context(HTTPBroker(url or served.url, **options))

        yield make
