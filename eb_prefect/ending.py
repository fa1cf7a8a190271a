# SPDX-License-Identifier: Apache-2.0
"""Errors that carry the story of a step which ended without success.

Apart from `eb_prefect.errors`, so that a command that starts quickly can name
its errors without loading the model.
"""

from collections.abc import Mapping
from typing import Any

from eb_prefect.errors import EBError
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import StepRun

_TOLD = 5


class StepEndedError(EBError):
    """A session ended without success; ``run`` is its story, so that it can be recorded."""

    def __init__(self, run: StepRun) -> None:
        self.run = run
        session = run.session
        said = "; ".join([f"step {run.name!r} {session.phase}", *reasons(session)])
        super().__init__(f"{said} (session {session.uuid} of {run.broker.name})")


class StepFailedError(StepEndedError):
    """A session that failed, or that the broker gave up."""


class StepCancelledError(StepEndedError):
    """A session that somebody cancelled."""


class StepsEndedError(EBError):
    """Some of many steps did not end well.

    ``made`` has what the others made, and ``failed`` what each of these was
    ended by, by the names of the steps: a `StepEndedError` has its story.
    """

    _ended = "did not end well"

    def __init__(self, name: str, made: Mapping[str, Any], failed: Mapping[str, Exception]) -> None:
        self.made = dict(made)
        self.failed = dict(failed)
        told = "; ".join(str(reason) or repr(reason) for reason in [*failed.values()][:_TOLD])
        more = f"; and {len(failed) - _TOLD} more" if len(failed) > _TOLD else ""
        steps = f"{len(failed)} of {len(made) + len(failed)} steps of {name!r}"
        super().__init__(f"{steps} {self._ended}: {told}{more}")


class StepsFailedError(StepsEndedError):
    """Some failed, or could not be run."""

    _ended = "failed"


class StepsCancelledError(StepsEndedError):
    """Some were cancelled, and none failed."""

    _ended = "were cancelled"


def reasons(session: Session) -> list[str]:
    """Return why a session ended without success, as far as its broker says so."""
    said = [message.text for message in session.messages if message.level in (None, "ERROR")]
    outcome = session.outcome
    if said or outcome is None:
        return said
    if outcome.signal is not None:
        return [f"signal {outcome.signal} ended it"]
    return [f"it exited {outcome.exit_code}"] if outcome.exit_code else []
