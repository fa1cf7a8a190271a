# SPDX-License-Identifier: Apache-2.0
"""What no dialect has a place for, told in messages: how a program ended, and digests of what it was given.

A client of any make can show the messages to a person; ours makes of them
what they were made of.
"""

import json
from collections.abc import Iterable
from typing import Any, TypeVar

from eb_prefect.model.parts import Checksum, Component, Message
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import Outcome, Session
from eb_prefect.wire.faults import examine

V = TypeVar("V", Outcome, Checksum)
C = TypeVar("C", bound=Component)

OUTCOME = "urn:eb-prefect:message/outcome"
CHECKSUM = "urn:eb-prefect:message/checksum"
_NESTED = frozenset({"codes", "nodes"})


def as_asides(session: Session) -> Session:
    """Return the session with its outcome and the checksums of its components as messages too."""
    told = [_outcome(session, session.outcome)] if session.outcome else []
    return session.model_copy(
        update={
            "messages": (*_without(session.messages, OUTCOME), *told),
            "executable": session.executable and _telling(session.executable),
            "data": tuple(map(_telling, session.data)),
        }
    )


def with_asides(session: Session) -> Session:
    """Return the session with what such messages tell in its place, and without them.

    What the session itself names stays, and so do messages that can't be read.
    """
    outcome = session.outcome or _value(Outcome, session.messages, OUTCOME)
    return session.model_copy(
        update={
            "outcome": outcome,
            "messages": _without(session.messages, OUTCOME) if outcome else session.messages,
            "executable": session.executable and _told(session.executable),
            "data": tuple(map(_told, session.data)),
        }
    )


def _telling(component: C) -> C:
    checksum: Checksum | None = getattr(component, "checksum", None)
    if checksum is None:
        return component
    aside = Message(
        kind=CHECKSUM,
        level="INFO",
        values=checksum.neutral(),
        message=f"its {checksum.type} is {checksum.value}",
    )
    return component.model_copy(update={"messages": (*_without(component.messages, CHECKSUM), aside)})


def _told(component: C) -> C:
    if "checksum" not in type(component).model_fields:
        return component
    checksum = getattr(component, "checksum", None) or _value(Checksum, component.messages, CHECKSUM)
    if checksum is None:
        return component
    messages = _without(component.messages, CHECKSUM)
    return component.model_copy(update={"checksum": checksum, "messages": messages})


def _value(model: type[V], messages: Iterable[Message], kind: str) -> V | None:
    for message in messages:
        if message.kind == kind:
            known = {
                key: _read(key, item) for key, item in message.values.items() if key in model.model_fields
            }
            examined = examine(model, known)
            return examined.value if known and not examined.faults else None
    return None


def _without(messages: Iterable[Message], kind: str) -> tuple[Message, ...]:
    return tuple(message for message in messages if message.kind != kind)


def _outcome(session: Session, outcome: Outcome) -> Message:
    return Message(
        kind=OUTCOME,
        time=outcome.ended or session.modified,
        level="ERROR" if session.phase == Phase.FAILED else "INFO",
        values={key: _written(item) for key, item in outcome.neutral().items()},
        message=_outcome_text(outcome),
    )


def _written(item: Any) -> str:
    # brokers' values are texts
    return json.dumps(item) if isinstance(item, dict | list) else str(item)


def _read(key: str, item: Any) -> Any:
    if key not in _NESTED or not isinstance(item, str):
        return item
    try:
        return json.loads(item)
    except json.JSONDecodeError:
        return item


def _outcome_text(outcome: Outcome) -> str:
    ended = f"signal {outcome.signal} ended it" if outcome.signal else f"it exited {outcome.exit_code}"
    parts = ["it ended" if outcome.signal is None and outcome.exit_code is None else ended]
    if outcome.started and outcome.ended:
        parts.append(f"it ran {(outcome.ended - outcome.started).total_seconds():g} s")
    if outcome.cpu_seconds is not None:
        parts.append(f"{outcome.cpu_seconds:g} s of CPU time")
    if outcome.peak_memory is not None:
        parts.append(f"{outcome.peak_memory / (1 << 20):.0f} MiB of memory at most")
    if outcome.energy is not None:
        parts.append(f"{outcome.energy:g} J of energy")
    if outcome.carbon is not None:
        parts.append(f"{outcome.carbon:g} g of CO2")
    parts += [f"{name} {code}" for name, code in outcome.codes.items()]
    return ", ".join(parts)
