# SPDX-License-Identifier: Apache-2.0
"""The door to HTCondor's bindings, which are there with the extra ``htcondor`` only."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

from eb_prefect.brokers.batch.scheduler import SubmissionRefusedError
from eb_prefect.errors import BrokerUnavailableError, Fault, InvalidConfigurationError

Ad = Mapping[str, Any]

_ONE = threading.Lock()  # the bindings keep connections and keys for all of a process
_NAME = "htcondor"
_REFUSALS = ("Failed to create", "Unable to commit")
_MACHINE = ("Machine", "TotalSlotCpus", "TotalSlotMemory", "TotalSlotGPUs")


class Library:
    """The queue, the history and the machines of the pool that HTCondor's configuration names."""

    def __init__(self) -> None:
        self._condor = _condor()

    def submit(self, description: Mapping[str, str], tasks: int) -> tuple[int, int]:
        """Submit a cluster, and return its number and that of its first task.

        Raises
        ------
        SubmissionRefusedError
            It was not taken, or its answer was lost at the very end.
        BrokerUnavailableError
            There is no answer.
        """
        with self._asking():
            try:
                result = self._condor.Schedd().submit(self._condor.Submit(dict(description)), count=tasks)
            except self._condor.HTCondorException as failed:
                if str(failed).startswith(_REFUSALS):
                    raise SubmissionRefusedError(_reason(failed)) from failed
                raise
        return result.cluster(), result.first_proc()

    def queue(self, constraint: str, attributes: Sequence[str]) -> list[Ad]:
        """Return what is in the queue."""
        with self._asking():
            return list(self._condor.Schedd().query(constraint, list(attributes)))

    def history(self, constraint: str, attributes: Sequence[str], *, most: int = -1) -> list[Ad]:
        """Return what has left the queue, the latest first; no more is read than needed for ``most``."""
        with self._asking():
            return list(self._condor.Schedd().history(constraint, list(attributes), match=most))

    def remove(self, handles: Sequence[str]) -> None:
        """Have tasks removed from the queue; what is not there is left out."""
        with self._asking():
            self._condor.Schedd().act(self._condor.JobAction.Remove, list(handles))

    def machines(self) -> list[Ad]:
        """Return what each machine of the pool has in all."""
        with self._asking():
            kind = self._condor.AdType.Startd
            return list(self._condor.Collector().query(kind, 'SlotType =!= "Dynamic"', list(_MACHINE)))

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with _ONE:
            try:
                yield
            except self._condor.HTCondorException as silent:
                raise BrokerUnavailableError(_NAME, _reason(silent)) from silent


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())


def _condor() -> ModuleType:
    try:
        return import_module("htcondor2")
    except ModuleNotFoundError as missing:
        why = "HTCondor's bindings are not here: install eb-prefect with its extra: eb-prefect[htcondor]"
        raise InvalidConfigurationError("a batch system", [Fault("", why)]) from missing
