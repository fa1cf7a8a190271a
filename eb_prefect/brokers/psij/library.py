# SPDX-License-Identifier: Apache-2.0
"""The door to psij-python, which is there with the extra ``psij`` only."""

import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from eb_prefect.brokers.batch.scheduler import Submission, SubmissionRefusedError
from eb_prefect.brokers.psij.options import attributes
from eb_prefect.brokers.psij.system import System
from eb_prefect.errors import BrokerUnavailableError, Fault, InvalidConfigurationError

_NEVER = 10**8  # seconds until psij's own thread would ask how everything is; the broker asks at its own pace
_KEPT = 30 * 86400.0
_LEFT = (".ec", ".job", ".nodefile", ".out")
_MEBI = 1 << 20
_RUN = 'export EB_TASK="$1" EB_HANDLE="$%s"; exec "$2" >>"$3" 2>&1'


class Library:
    """An executor of psij that submits, tells which commands to run, and keeps exit codes in a directory."""

    def __init__(self, system: System, directory: Path) -> None:
        self._system = system
        self._is_tidy = False
        self._psij = _psij()
        batch = import_module("psij.executors.batch.batch_scheduler_executor")
        settings = batch.BatchSchedulerExecutorConfig(
            work_directory=directory,
            initial_queue_polling_delay=_NEVER,
            queue_polling_interval=_NEVER,
        )
        self._executor = self._psij.JobExecutor.get_instance(system.name, config=settings)

    def submit(self, submission: Submission, script: Path, task: int) -> str:
        """Submit one task, and return its handle.

        Raises
        ------
        SubmissionRefusedError
            The batch system said no.
        BrokerUnavailableError
            It did not answer.
        """
        job = self._psij.Job(self._spec(submission, script, task))
        try:
            self._executor.submit(job)
        except FileNotFoundError as missing:
            raise BrokerUnavailableError(
                self._system.name, f"{missing.filename}: command not found", is_unsent=True
            ) from missing
        except self._psij.SubmitException as refused:
            raise self._refused(" ".join(refused.message.split())) from refused
        except IndexError as mute:
            raise BrokerUnavailableError(self._system.name, "it did not say what it made of it") from mute
        return str(job.native_id)

    def status_command(self, handles: Sequence[str]) -> list[str]:
        """Return the command that tells how they are."""
        return list(self._executor.get_status_command(handles))

    def cancel_command(self, handles: Sequence[str]) -> list[str]:
        """Return the command that ends them."""
        return [*self._executor.get_cancel_command(handles[0]), *handles[1:]]

    def exit_code(self, handle: str) -> int | None:
        """Return the exit code that a job left in the directory, None where it left none."""
        try:
            return int((self._executor.work_directory / f"{handle}.ec").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def tidy(self) -> None:
        """Remove what psij left behind more than 30 days ago; once in the life of this object."""
        if not self._is_tidy:
            self._is_tidy = True
            _sweep(self._executor.work_directory, time.time() - _KEPT)

    def _refused(self, reason: str) -> Exception:
        if any(silence in reason.lower() for silence in self._system.silences):
            return BrokerUnavailableError(self._system.name, reason)
        return SubmissionRefusedError(reason)

    def _spec(self, submission: Submission, script: Path, task: int) -> Any:
        return self._psij.JobSpec(
            executable="/bin/sh",
            arguments=["-c", _RUN % self._system.handle, "sh", str(task), str(script), submission.log],
            directory="/",
            inherit_environment=False,
            resources=self._resources(submission),
            attributes=self._attributes(submission),
            launcher="single",
        )

    def _attributes(self, submission: Submission) -> Any:
        found = self._psij.JobAttributes(
            queue_name=submission.queue or None,
            custom_attributes={
                **self._system.attributes(submission),
                **attributes(self._system.name, submission.options),
            },
        )
        # None is the queue's own limit; by itself psij says ten minutes, and takes no None when it is made
        found.duration = timedelta(minutes=submission.minutes) if submission.minutes else None
        return found

    def _resources(self, submission: Submission) -> Any:
        processes = 1 if self._system.knows_cores else submission.cores
        return self._psij.ResourceSpecV1(
            node_count=1,
            processes_per_node=processes,
            cpu_cores_per_process=submission.cores // processes,
            memory=submission.memory * _MEBI or None,
        )


def _sweep(directory: Path, before: float) -> None:
    for path in directory.glob("*") if directory.exists() else ():
        with suppress(FileNotFoundError):  # another process sweeps too
            if path.suffix in _LEFT and path.stat().st_mtime < before:
                path.unlink()


def _psij() -> ModuleType:
    handler = signal.getsignal(signal.SIGCHLD) or signal.SIG_DFL
    try:
        module = import_module("psij")
    except ModuleNotFoundError as missing:
        why = "psij-python is not here: install eb-prefect with its extra: eb-prefect[psij]"
        raise InvalidConfigurationError("a batch system", [Fault("", why)]) from missing
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, handler)  # psij took it, for an executor that is not used here
    return module
