# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.several import SeveralBrokers
from eb_prefect.testing.contract import BrokerContract
from tests.brokers.embedded.bench import EmbeddedBench


@dataclass(frozen=True)
class SeveralBench(EmbeddedBench):
    """Two embedded brokers behind one; the second makes the better offers."""

    def broker(self) -> SeveralBrokers:  # type: ignore[override]  # a contract knows no class
        return self._of(timedelta(minutes=5))

    def short_lived(self) -> SeveralBrokers:  # type: ignore[override]  # the same
        return self._of(timedelta(seconds=0.1))

    def alternatives(self) -> None:  # type: ignore[override]  # offers of other brokers are not withdrawn
        return None

    def _of(self, life: timedelta) -> SeveralBrokers:
        homes = [self.root / "one", self.root / "two"]
        return SeveralBrokers([EmbeddedBroker(home, offer_life=life) for home in homes], policy=_last)


def _last(candidates: tuple[object, ...]) -> object:
    return candidates[-1]


class TestSeveralBrokers(BrokerContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> SeveralBench:
        return SeveralBench(tmp_path)
