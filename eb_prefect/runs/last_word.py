# SPDX-License-Identifier: Apache-2.0
"""A last event of a process, so that a Prefect server which was away hears of those before it.

Task runs are told by events alone. Prefect keeps what it could not deliver
until it connects again, which it does with the next event, and forgets it
when the process ends before: task runs that had ended stay Running then.
"""

import os
import socket
import threading
from contextlib import suppress
from functools import partial

from prefect.events import Event
from prefect.events.worker import EventsWorker

EVENT = "execution-broker.client.ended"
_speaking: set[EventsWorker] = set()


def speak_at_end() -> None:
    """Let the process say one thing more before Prefect stops sending events."""
    worker = EventsWorker.instance()
    if worker not in _speaking:
        _speaking.add(worker)
        # where Prefect stops too, as atexit is too late to send anything; what is registered last is first
        with suppress(RuntimeError, AttributeError):  # the process is ending; or it is a later Python
            threading._register_atexit(partial(_speak, worker))  # type: ignore[attr-defined]  # noqa: SLF001


def _speak(worker: EventsWorker) -> None:
    client = f"execution-broker.client.{socket.gethostname()}.{os.getpid()}"
    with suppress(RuntimeError):  # it has stopped already
        worker.send(Event(event=EVENT, resource={"prefect.resource.id": client}))
