# SPDX-License-Identifier: Apache-2.0
"""What every broker must do, by a served embedded broker and the client of it, in every dialect."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.server.run import serving
from eb_prefect.testing.contract import BrokerContract
from eb_prefect.wire.dialect import Dialect
from tests.brokers.embedded.bench import EmbeddedBench


class Urls(NamedTuple):
    """Where one broker is served, and where with offers that expire at once."""

    usual: str
    brief: str


@dataclass(frozen=True)
class ServedBench(EmbeddedBench):
    """The embedded bench behind servers; it names them, so it can be pickled."""

    urls: Urls | None = None
    dialect: Dialect | None = None

    def broker(self) -> HTTPBroker:
        assert self.urls
        return HTTPBroker(self.urls.usual, dialect=self.dialect)

    def short_lived(self) -> HTTPBroker:
        assert self.urls
        return HTTPBroker(self.urls.brief, dialect=self.dialect)


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Urls]:
    """Servers for all tests: each speaks every dialect, and sessions don't know each other."""
    inside = EmbeddedBench(tmp_path_factory.mktemp("served"))
    with (
        serving(inside.broker(), home=inside.home) as usual,
        serving(inside.short_lived(), home=inside.home) as brief,
    ):
        yield Urls(usual, brief)


class TestServedEmbeddedBroker(BrokerContract):
    @pytest.fixture(params=[None, Dialect.A, Dialect.B1, Dialect.B2, Dialect.NEUTRAL], ids=str)
    def bench(self, request: pytest.FixtureRequest, tmp_path: Path, urls: Urls) -> ServedBench:
        dialect: Dialect | None = request.param  # None: the server says that it speaks the neutral form
        below = Urls(*(f"{url}/{dialect}" if dialect else url for url in urls))
        return ServedBench(tmp_path, urls=below, dialect=dialect)
