# SPDX-License-Identifier: Apache-2.0
"""Listening to brokers that push: to each once, for as long as a session of it is watched."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from eb_prefect.brokers.protocol import Pushing


@dataclass
class _Ear:
    broker: Pushing  # held, so that nothing else gets its id
    close: Callable[[], None]
    watchers: int = 0


class Ears:
    """The brokers that are listened to; may be used from any thread."""

    def __init__(self) -> None:
        self._open: dict[int, _Ear] = {}
        self._lock = threading.Lock()

    def listen(self, broker: Pushing, heard: Callable[[str], None]) -> Callable[[], None]:
        """Let ``heard`` be called by the broker until each who asked for it has ended it once.

        Returns what ends it; called again it does nothing.
        """
        with self._lock:
            if id(broker) not in self._open:
                self._open[id(broker)] = _Ear(broker, broker.listen(heard))
            ear = self._open[id(broker)]
            ear.watchers += 1
        once = [ear]
        return lambda: self._end(once)

    def _end(self, once: list[_Ear]) -> None:
        with self._lock:
            if not once:
                return
            ear = once.pop()
            ear.watchers -= 1
            if ear.watchers:
                return
            del self._open[id(ear.broker)]
        ear.close()
