# SPDX-License-Identifier: Apache-2.0
import pickle

import pytest

from eb_prefect.ending import StepFailedError
from eb_prefect.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    EBError,
    Fault,
    InvalidRequestError,
    NoBatchSystemError,
    NoOfferError,
    StepTimeoutError,
)
from eb_prefect.model.parts import Message
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Outcome, Session
from eb_prefect.model.steprun import BrokerIdentity, StepRun


def failed(**given: object) -> StepRun:
    return StepRun(
        name="sources",
        broker=BrokerIdentity(kind="scripted", name="ours"),
        request=ExecutionRequest(),
        offers=OfferSet(result="YES"),
        chosen="one",
        session=Session(uuid="one", phase="FAILED", **given),
    )


@pytest.mark.parametrize(
    "error",
    [
        StepFailedError(failed()),
        NoOfferError("ours", ["no room"]),
        NoBatchSystemError("Slurm", "login", "sinfo: command not found"),
        StepTimeoutError("one", "RUNNING", 3.0),
        BrokerUnavailableError("ours", "it is away", retry_after=3.0),
        AccessDeniedError("ours", 401, "who are you"),
        InvalidRequestError("a request", [Fault("name", "is missing")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_crosses_processes_whole(error: EBError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.__dict__) == (type(error), str(error), error.__dict__)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            {"messages": (Message(level="ERROR", message="out of memory"),), "outcome": Outcome(exit_code=9)},
            "out of memory",
        ),
        (
            {"messages": (Message(level="INFO", message="started"),), "outcome": Outcome(exit_code=3)},
            "it exited 3",
        ),
        ({"outcome": Outcome(signal=9)}, "signal 9 ended it"),
    ],
)
def test_a_failed_step_says_why(given: dict[str, object], reason: str) -> None:
    assert str(StepFailedError(failed(**given))) == f"step 'sources' FAILED; {reason} (session one of ours)"
