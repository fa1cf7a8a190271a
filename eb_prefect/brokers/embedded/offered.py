# SPDX-License-Identifier: Apache-2.0
"""An offer, as every broker that makes its own has it: the request with identifiers, nothing begun."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

from eb_prefect.model.compute import SimpleCompute
from eb_prefect.model.parts import Component, Range
from eb_prefect.model.phase import ComponentPhase, Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session

C = TypeVar("C", bound=Component)


def offered(
    request: ExecutionRequest,
    number: int,
    given: Mapping[str, Range | None],
    life: tuple[datetime, datetime],
    **more: Any,
) -> Session:
    """Return an offer of a request that was not refused.

    ``number`` tells the offers of a set apart, ``given`` is what of the
    compute resource it gives, ``life`` from when to when it is open, and
    ``more`` are further fields of the session.
    """
    made, expires = life
    compute = request.compute if isinstance(request.compute, SimpleCompute) else SimpleCompute()
    assert request.executable is not None, "a request without one is refused"
    fields: dict[str, Any] = {
        "uuid": str(uuid4()),
        "name": f"{request.name or 'session'}-offer-{number}",
        "description": request.description,
        "created": made,
        "modified": made,
        "phase": Phase.OFFERED,
        "executable": _new(request.executable),
        "compute": _new(compute, **given),
        "storage": tuple(map(_new, request.storage)),
        "data": tuple(map(_new, request.data)),
        "volumes": request.volumes,
        "expires": expires,
    }
    return Session(**{**fields, **more})


def _new(component: C, **more: Any) -> C:
    fresh = {"phase": ComponentPhase.INITIALIZING, "uuid": str(uuid4())}
    return component.model_copy(update={**fresh, **more})
