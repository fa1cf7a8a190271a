# SPDX-License-Identifier: Apache-2.0
"""A last event of a process, so that a Prefect server which was away hears of those before it.

Task runs are told by events alone. Prefect keeps what it could not deliver
until it connects again, which it does with the next event, and forgets it
when the process ends before: task runs that had ended stay Running then.
"""

import os
import socket
from contextlib import suppress
from functools import partial

from prefect.events import Event
from prefect.events.worker import EventsWorker

from eb_prefect.at_end import at_end

EVENT = "execution-broker.client.ended"
_speaking: set[EventsWorker] = set()


def speak_at_end() -> None:
    """Let the process say one thing more before Prefect stops sending events."""
    worker = EventsWorker.instance()
    if worker not in _speaking:
        _speaking.add(worker)
        at_end(partial(_speak, worker))


def _speak(worker: EventsWorker) -> None:
    client = f"execution-broker.client.{socket.gethostname()}.{os.getpid()}"
    with suppress(RuntimeError):  # it has stopped already
        worker.send(Event(event=EVENT, resource={"prefect.resource.id": client}))
