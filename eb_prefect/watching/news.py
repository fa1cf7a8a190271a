# SPDX-License-Identifier: Apache-2.0
"""What a poller tells of a session."""

from collections.abc import Callable
from typing import NamedTuple

from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange


class Changed(NamedTuple):
    """A phase that was seen for the first time."""

    session: Session
    change: PhaseChange


class Settled(NamedTuple):
    """The session as it stays: it is final, and its components have ended or had the time to."""

    session: Session


class Lost(NamedTuple):
    """There is no more to be told, for this reason; an `EBError` unless there is a mistake of ours."""

    reason: BaseException


News = Changed | Settled | Lost
Tell = Callable[[News], None]
