# SPDX-License-Identifier: Apache-2.0
"""The phases of sessions and of their components."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field


class Phase(StrEnum):
    """The phase of a session; an offer is a session that is OFFERED."""

    INITIAL = "INITIAL"
    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    WAITING = "WAITING"
    PREPARING = "PREPARING"
    AVAILABLE = "AVAILABLE"
    RUNNING = "RUNNING"
    RELEASING = "RELEASING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


FINAL = frozenset({Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED, Phase.REJECTED, Phase.EXPIRED})
"""The phases that a session never leaves."""

NOT_ACCEPTED = frozenset({Phase.INITIAL, Phase.OFFERED, Phase.REJECTED, Phase.EXPIRED})
"""The phases of a session that nobody has accepted; any other is proof of an acceptance."""


class ComponentPhase(StrEnum):
    """The phase of an executable, compute, storage or data resource in a session."""

    INITIALIZING = "INITIALIZING"
    WAITING = "WAITING"
    PREPARING = "PREPARING"
    AVAILABLE = "AVAILABLE"
    RUNNING = "RUNNING"
    RELEASING = "RELEASING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


def _initial(given: Any) -> Any:
    # brokers of early November 2025 wrote INITIAL for components too
    return "INITIALIZING" if given == "INITIAL" else given


AnyPhase = Annotated[Phase | str, Field(union_mode="left_to_right")]
"""A session's phase, or the text of one that no dialect knows yet."""

AnyComponentPhase = Annotated[
    ComponentPhase | str, Field(union_mode="left_to_right"), BeforeValidator(_initial)
]
"""A component's phase, or the text of one that no dialect knows yet."""
