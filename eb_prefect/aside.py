# SPDX-License-Identifier: Apache-2.0
"""What is done beside a step, off its path: telling a server, drawing a report."""

import atexit
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context

from eb_prefect.at_end import at_end

_PATIENCE = 15.0
_log = logging.getLogger("eb_prefect")


class Aside:
    """Does things one after the other in a thread; what fails is logged and forgotten.

    The thread is there while there is something to do. When the process ends
    in order it waits up to ``patience`` seconds for what was put.
    """

    def __init__(self, name: str, *, patience: float = _PATIENCE) -> None:
        self._name = name
        self._patience = patience
        self._things: queue.SimpleQueue[tuple[Callable[[], object], Future[None]]] = queue.SimpleQueue()
        self._waiting = 0
        self._last: Future[None] | None = None
        self._lock = threading.Lock()
        self._is_awaited = False
        atexit.register(self.finish)

    def put(self, thing: Callable[[], object]) -> None:
        """Do a thing later, in the context of who puts it: loggers and settings are the caller's."""
        done: Future[None] = Future()
        context = copy_context()
        with self._lock:
            self._things.put((lambda: context.run(thing), done))
            self._last = done
            self._waiting += 1
            if not self._is_awaited:
                self._is_awaited = True
                at_end(self._end)
            if self._waiting == 1:
                threading.Thread(target=self._serve, name=self._name, daemon=True).start()

    def finish(self, seconds: float | None = None) -> bool:
        """Wait until all that was put so far is done; return whether it is."""
        with self._lock:
            last = self._last
        return last is None or bool(wait([last], self._patience if seconds is None else seconds).done)

    def _end(self) -> None:
        """Finish while what is left can use what stops before ``atexit``, which has no more patience then."""
        self.finish()
        self._patience = 0.0

    def _serve(self) -> None:
        while True:
            thing, done = self._things.get()
            try:
                thing()
            except Exception as error:  # noqa: BLE001 -- whatever it is, the step goes on without it
                _log.warning("%s: %s", self._name, error)
            finally:
                done.set_result(None)
            with self._lock:
                self._waiting -= 1
                if not self._waiting:
                    return
