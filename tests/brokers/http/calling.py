# SPDX-License-Identifier: Apache-2.0
"""A process that runs a step on a served broker and records it, and may be killed at a named point."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import NoReturn

from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.brokers.protocol import Broker
from eb_prefect.journal import Handle
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import PhaseChange, StepRun
from eb_prefect.offers import first_offer
from eb_prefect.onlooking import Hearing
from eb_prefect.pace import LOCAL
from eb_prefect.step import StepOptions, run_step
from eb_prefect.wire.dialect import Dialect
from provenance.capture import capture, fetching_into
from provenance.record import StepRecord
from provenance.store import Store
from tests.brokers.embedded.bench import EmbeddedBench
from tests.server.asking import making

PACE = LOCAL._replace(patience=60.0, doubts=2)
POINTS = (
    "before offers",
    "after offers",
    "before accept",
    "after accept",
    "RUNNING",
    "COMPLETED",
    "before fetching",
    "while fetching",
    "after fetching",
    "before recording",
    "after recording",
)

for _model in (ExecutionRequest, OfferSet, Session, StepRun, StepRecord, Handle):
    _model.model_rebuild()  # once, and not in each process that is forked


@dataclass(frozen=True)
class Calling(EmbeddedBench):
    """One step of a caller that may have many lives; all that it keeps is below ``root``."""

    url: str = ""
    dialect: Dialect | None = None
    lasts: float = 0.05

    @property
    def store(self) -> Store:
        return Store(self.root / "records.db")

    def request(self) -> ExecutionRequest:
        """A program that counts its starts and ends, and leaves a product."""
        work = f"sleep {self.lasts}; echo stars > /output/cat.txt"
        return making(f"echo $$ >> {self.root}/starts; {work}; echo $$ >> {self.root}/ends")

    def life(self, killed_at: str | None = None) -> ForkServerProcess:
        """Start a caller, which ends with 0 when the step is recorded, unless it is killed."""
        processes = get_context("forkserver")
        processes.set_forkserver_preload([__name__])
        process = processes.Process(target=call, args=(self, killed_at))
        process.start()
        return process


class Mortal:
    """Ends this process without a word when it comes to a point."""

    def __init__(self, killed_at: str | None) -> None:
        self.killed_at = killed_at

    def at(self, point: str) -> None:
        if point == self.killed_at:
            die()


class MortalBroker(HTTPBroker):
    def __init__(self, mortal: Mortal, url: str, dialect: Dialect | None) -> None:
        super().__init__(url, dialect=dialect, pace=PACE, timeout=10.0)
        self.mortal = mortal

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        self.mortal.at("before offers")
        return super().request_offers(request)

    def accept(self, session: str) -> Session:
        self.mortal.at("before accept")
        accepted = super().accept(session)
        self.mortal.at("after accept")
        return accepted

    def read(self, location: str) -> Iterator[bytes]:
        for piece in super().read(location):
            yield piece
            self.mortal.at("while fetching")


def call(calling: Calling, killed_at: str | None) -> None:
    """Run the step and record it, as the same call did before if it was killed."""
    os.environ["EB_HOME"] = str(calling.root / "caller")
    mortal = Mortal(killed_at)
    broker = MortalBroker(mortal, calling.url, calling.dialect)
    into = calling.root / "made"
    run = run_step(broker, calling.request(), name="it", options=options(calling, mortal, into))
    mortal.at("before recording")
    capture(run, calling.store, into=into)
    mortal.at("after recording")


def options(calling: Calling, mortal: Mortal, into: Path) -> StepOptions:
    usual = fetching_into(StepOptions(journal=DirectoryJournal(calling.root / "journal")), into)

    def choose(offers: tuple[Session, ...]) -> Session:
        mortal.at("after offers")
        return first_offer(offers)

    def seen(_: Session, change: PhaseChange) -> None:
        mortal.at(change.phase)

    def finish(broker: Broker, run: StepRun) -> StepRun:
        mortal.at("before fetching")
        fetched = usual.finish(broker, run)
        mortal.at("after fetching")
        return fetched

    return usual._replace(choose=choose, onlookers=(Hearing(seen),), finish=finish)


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError
