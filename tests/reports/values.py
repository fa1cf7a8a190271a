# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime, timedelta
from typing import Any

from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity, PhaseChange, StepRun

START = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
PHASES = ((0, "OFFERED"), (0.5, "ACCEPTED"), (2, "PREPARING"), (30, "RUNNING"), (75, "COMPLETED"))


def changes(*phases: tuple[float, str], doubt: float = 0.25) -> tuple[PhaseChange, ...]:
    def seen(at: float) -> datetime:
        return START + timedelta(seconds=at)

    return tuple(PhaseChange(phase=phase, seen=seen(at), after=seen(at - doubt)) for at, phase in phases)


def story(**given: Any) -> StepRun:
    """Return the story of a step that ended well, but for what is given of its session, request or broker."""
    session = {"uuid": "6f0e", "phase": "COMPLETED", **given.pop("session", {})}
    request = {
        "executable": {
            "kind": "urn:eb-prefect:kind/executable/program",
            "command": ["python3", "/smooth.py"],
            "environment": {"SIGMA": "2"},
        },
        "compute": {"cores": {"min": 2}, "memory": {"min": 4}},
        **given.pop("request", {}),
    }
    return StepRun.model_validate(
        {
            "name": "smooth",
            "broker": BrokerIdentity(kind="http", name="spsrc", url="https://broker.example/eb"),
            "request": request,
            "offers": OfferSet(result="YES", offers=(Session(uuid="6f0e", phase="OFFERED"),)),
            "chosen": "6f0e",
            "changes": changes(*PHASES),
            "session": session,
            **given,
        }
    )
