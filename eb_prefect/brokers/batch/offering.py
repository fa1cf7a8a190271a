# SPDX-License-Identifier: Apache-2.0
"""From a request to offers of a batch system, or to the reasons for NO."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Lock
from typing import NamedTuple

from eb_prefect.brokers.batch import terms
from eb_prefect.brokers.batch.scheduler import Queue, Scheduler, Submission, Trial
from eb_prefect.brokers.batch.settings import BatchSettings
from eb_prefect.brokers.batch.terms import Terms
from eb_prefect.brokers.embedded import executables, sources, volume_refusals
from eb_prefect.brokers.embedded.offered import offered
from eb_prefect.brokers.embedded.refusal import information, refusal
from eb_prefect.brokers.embedded.runtime import Runtime
from eb_prefect.brokers.embedded.volumes import path_of_volume, volumes_of
from eb_prefect.check import faults
from eb_prefect.model.executable import JupyterServer
from eb_prefect.model.parts import Amount, Message, Range
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session

_REMEMBERED = 60.0
WAIT = "urn:eb-prefect:metric/expected-wait"


class Possible(NamedTuple):
    """What can be offered, and what the batch system said of it."""

    terms: Terms
    trial: Trial


class Offering:
    """Asks a batch system what it has, and remembers it for a minute, for requests that are alike."""

    def __init__(self, scheduler: Scheduler, settings: BatchSettings) -> None:
        self._scheduler = scheduler
        self._settings = settings
        self._lock = Lock()
        self._queues: tuple[float, tuple[Queue, ...]] = (-_REMEMBERED, ())
        self._trials: dict[Terms, tuple[float, Trial]] = {}

    def __getstate__(self) -> tuple[Scheduler, BatchSettings]:
        return self._scheduler, self._settings

    def __setstate__(self, state: tuple[Scheduler, BatchSettings]) -> None:
        self.__init__(*state)  # type: ignore[misc]  # what is remembered gets old

    def refusals(
        self, request: ExecutionRequest, *, is_here: bool, runtime: Runtime | None
    ) -> tuple[Message, ...]:
        """Return every reason why the request can't be met, whatever the queue."""
        return tuple(_refusals(request, is_here=is_here, runtime=runtime))

    def possible(self, request: ExecutionRequest) -> tuple[list[Possible], tuple[Message, ...]]:
        """Return what can be offered, the preferred queue first, and why the rest can't.

        Raises
        ------
        BrokerUnavailableError
            The batch system does not answer.
        """
        found, reasons = [], []
        for queue in terms.chosen(self._known(), self._settings.queues):
            if why := [*terms.misfits(request, queue)]:
                reasons += [refusal("queue", text, queue=queue.name) for text in why]
                continue
            for given in terms.terms(request, queue):
                trial = self._trial(given)
                if trial.refusal:
                    text = f"{self._scheduler.name} refuses it in queue {queue.name}: {trial.refusal}"
                    reasons.append(refusal("refused", text, queue=queue.name))
                else:
                    found.append(Possible(given, trial))
        return found[: self._settings.offers], tuple(reasons)

    def _known(self) -> tuple[Queue, ...]:
        with self._lock:
            if time.monotonic() - self._queues[0] > _REMEMBERED:
                self._queues = (time.monotonic(), self._scheduler.queues())
            return self._queues[1]

    def _trial(self, given: Terms) -> Trial:
        with self._lock:
            at, trial = self._trials.get(given, (-_REMEMBERED, Trial()))
            if time.monotonic() - at > _REMEMBERED:
                trial = self._scheduler.trial(submission(given, self._settings))
                if not trial.refusal:  # a refusal may be of a moment
                    self._trials[given] = (time.monotonic(), trial)
            return trial


def submission(given: Terms, settings: BatchSettings, **more: object) -> Submission:
    """Return a submission on given terms; ``more`` is what makes it one of certain sessions."""
    return Submission(
        **{
            "identifier": "trial",
            "name": "eb",
            "script": "#!/bin/sh\n",
            "log": "/dev/null",
            "queue": given.queue,
            "cores": given.cores,
            "memory": given.memory << 10,
            "minutes": given.minutes,
            "gpus": given.gpus,
            "options": settings.options,
            **more,
        }  # type: ignore[arg-type]  # as the fields are
    )


def _refusals(request: ExecutionRequest, *, is_here: bool, runtime: Runtime | None) -> Iterator[Message]:
    wrong = faults(request)
    for fault in wrong:
        yield refusal("invalid-request", str(fault), path=fault.path)
    paths = tuple(path_of_volume(volume) for volume in volumes_of(request))
    if isinstance(request.executable, JupyterServer):
        text = "an interactive session can't be reached on a node from here; the embedded broker has them"
        yield refusal("not-supported", text, asked=request.executable.kind)
    elif request.executable and not any(fault.path.startswith("executable") for fault in wrong):
        yield from executables.refusals(request.executable, paths, runtime=runtime, is_here=is_here)
    yield from terms.refusals(request)
    for n, data in enumerate(request.data):
        if not any(fault.path.startswith(f"data[{n}]") for fault in wrong):
            yield from sources.refusals(data, is_here=is_here)
    yield from volume_refusals.refusals(request)


def offer(request: ExecutionRequest, possible: Possible, number: int, expires: datetime) -> Session:
    """Return one offer, with an identifier of its own and no schedule."""
    now = datetime.now(UTC)
    return offered(
        request,
        number,
        _given(possible.terms),
        (now, expires),
        messages=(*volume_refusals.warnings(request), _told(possible)),
        metrics=_metrics(possible.trial, now),
    )


def _given(given: Terms) -> dict[str, Range]:
    amounts = {"cores": given.cores, "memory": given.memory, "gpus": given.gpus}
    return {name: Range(min=amount, max=amount) for name, amount in amounts.items() if amount}


def _told(possible: Possible) -> Message:
    return information("queue", f"queue {possible.terms.queue}", queue=possible.terms.queue)


def _metrics(trial: Trial, now: datetime) -> tuple[Amount, ...]:
    if trial.start is None:
        return ()
    seconds = max((trial.start - now).total_seconds(), 0.0)
    return (Amount(type=WAIT, description="seconds until it starts, by the batch system", min=seconds),)
