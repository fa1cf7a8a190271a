# SPDX-License-Identifier: Apache-2.0
"""Workers that kill themselves at a named point, forked off by a process that has imported all they need.

Each line of its standard input is the name of a work pool, of a worker and of
a point; it answers with the worker's process identifier.
"""

import asyncio
import os
import signal
import sys
from typing import Any

from eb_prefect.brokers.protocol import Broker
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity
from eb_prefect.worker.conduct import Conduct
from eb_prefect.worker.worker import ExecutionBrokerWorker

POINTS = ("asked", "claimed", "accepted", "told", "watching")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Dying:
    """A broker whose caller dies at a point: asking for offers, before and after the accept, looking."""

    def __init__(self, broker: Broker, point: str) -> None:
        self._broker = broker
        self._point = point

    @property
    def identity(self) -> BrokerIdentity:
        return self._broker.identity

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        offers = self._broker.request_offers(request)
        self._die_at("asked")
        return offers

    def accept(self, session: str) -> Session:
        self._die_at("claimed")
        accepted = self._broker.accept(session)
        self._die_at("accepted")
        return accepted

    def session(self, session: str) -> Session:
        self._die_at("watching")
        return self._broker.session(session)

    def cancel(self, session: str) -> Session:
        return self._broker.cancel(session)

    def _die_at(self, point: str) -> None:
        if point == self._point:
            die()


class DyingWorker(ExecutionBrokerWorker):
    type = "dying"
    point = ""

    async def _prepared(self, *given: Any) -> Conduct:
        what = await super()._prepared(*given)
        return what._replace(broker=Dying(what.broker, self.point))

    async def run(self, flow_run: Any, configuration: Any, task_status: Any = None) -> Any:
        if self.point == "told":
            task_status = Told()
        return await super().run(flow_run, configuration, task_status)


class Told:
    """Dies where Prefect would hear of the session."""

    def started(self, value: object = None) -> None:
        die()


def work(pool: str, name: str, point: str) -> None:
    DyingWorker.point = point
    worker = DyingWorker(work_pool_name=pool, name=name, create_pool_if_not_found=False)
    asyncio.run(worker.start(printer=lambda _: None))


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            sys.stdin.close()
            work(*line.split())
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
