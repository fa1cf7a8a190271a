# SPDX-License-Identifier: Apache-2.0
"""A session over a line that loses a message, tried again as a step does."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.model.session import Session
from tests.brokers.http.losing import losing
from tests.brokers.panda.bench import PandaBench

V = TypeVar("V")


def run_losing(bench: PandaBench, what: str, number: int) -> Session:
    """Run a session to its end while something of the message of a number gets lost."""
    with losing(bench.url, what, number) as served:
        broker = replace(bench, url=served.url).broker()
        session = _again(lambda: broker.request_offers(bench.lasting(0.3)), bench).offers[0].uuid
        found = _again(lambda: broker.accept(session), bench)
        until = time.monotonic() + bench.patience
        while not found.is_final and time.monotonic() < until:
            found = _again(lambda: broker.session(session), bench)
        return found


def _again(step: Callable[[], V], bench: PandaBench) -> V:
    until = time.monotonic() + bench.patience
    while True:
        try:
            return step()
        except BrokerUnavailableError:
            if time.monotonic() > until:
                raise
