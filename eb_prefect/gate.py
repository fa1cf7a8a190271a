# SPDX-License-Identifier: Apache-2.0
"""Accepting the offers of many steps together, once all of them have one."""

import threading
from collections.abc import Generator, Iterable
from concurrent.futures import Future
from contextlib import suppress

from eb_prefect.brokers.protocol import AcceptingMany, Broker
from eb_prefect.errors import EBError
from eb_prefect.outputs import owner_of
from eb_prefect.watching.follow import Wait


class Gate:
    """Holds the named steps before they accept, until the last has come, has gone another way or ended.

    Only those wait whose broker can accept many offers together. Each
    accepts its own afterwards, which starts nothing a second time.
    """

    def __init__(self, broker: Broker, names: Iterable[str]) -> None:
        self._broker = broker
        self._awaited = set(names)
        self._come: dict[str, tuple[Broker, Future[None]]] = {}
        self._lock = threading.Lock()

    def through(self, name: str, session: str) -> Generator[Wait, None, None]:
        """Wait for the others with a session that is about to be accepted."""
        owner = owner_of(self._broker, session)
        if isinstance(owner, AcceptingMany):
            come: Future[None] = Future()
            with self._lock:
                is_awaited = name in self._awaited
                if is_awaited:
                    self._come[session] = (owner, come)
            self.passed(name)
            if is_awaited and not come.done():
                yield Wait(arrival=come)
        self.passed(name)

    def passed(self, name: str) -> None:
        """Await the step no more."""
        with self._lock:
            if name not in self._awaited:
                return
            self._awaited.discard(name)
            if self._awaited:
                return
        self._open()

    def close(self) -> None:
        """Accept nothing for those who wait: they are being stopped."""
        with self._lock:
            self._awaited.clear()
            self._come.clear()

    def _open(self) -> None:
        with self._lock:
            come, self._come = self._come, {}
        owners = {id(owner): owner for owner, _ in come.values()}
        for key, owner in owners.items():
            sessions = [session for session, (whose, _) in come.items() if id(whose) == key]
            if isinstance(owner, AcceptingMany) and len(sessions) > 1:
                with suppress(EBError):  # each hears of its own when it accepts
                    owner.accept_all(sessions)
        for _, waiting in come.values():
            waiting.set_result(None)
