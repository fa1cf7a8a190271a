# SPDX-License-Identifier: Apache-2.0
"""What a scripted server has below ``/-/``, for whoever runs it in another process.

``GET /-/calls`` requests by verb since the start, those below ``/-/`` left out;
``GET /-/ends`` seconds since 1970 at which each session is final, in truth;
``GET /-/runs`` how many sessions have begun, and how many of them have ended undisturbed;
``POST /-/faults`` with a JSON object of switches puts those faults in force;
``POST /-/sessions?count=N`` makes and accepts N sessions and tells their identifiers;
``POST /-/forget`` loses all sessions.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Protocol
from urllib.parse import parse_qs

from eb_prefect.model.request import ExecutionRequest
from eb_prefect.testing.exchange import Answer, Asked, json_answer
from eb_prefect.testing.faults import Faults
from eb_prefect.testing.scripted import ScriptedBroker

_SWITCHES = frozenset(field.name for field in fields(Faults))


class Controlled(Protocol):
    """A server as its control sees it."""

    broker: ScriptedBroker
    calls: Counter[str]
    ask: Callable[[], ExecutionRequest]
    faults: Faults


def control(server: Controlled, asked: Asked, what: str) -> Answer:
    """Do one of the above and return the answer."""
    if asked.method == "GET" and what in _TELLS:
        return json_answer(_TELLS[what](server))
    if asked.method == "POST" and what in _DOES:
        return _DOES[what](server, asked)
    return json_answer({"error": f"there is no {asked.method} /-/{what}"}, 404)


def _ends(server: Controlled) -> dict[str, float]:
    return {uuid: end.timestamp() for uuid, end in server.broker.ends().items()}


def _runs(server: Controlled) -> dict[str, int]:
    return {"begun": server.broker.runs, "ended": len(server.broker.ended())}


def _begin(server: Controlled, asked: Asked) -> Answer:
    count = parse_qs(asked.query).get("count", ["1"])[0]
    if not count.isdecimal():
        return json_answer({"error": f"{count!r} is no number"}, 400)
    return json_answer({"sessions": [_begun(server) for _ in range(int(count))]})


def _forget(server: Controlled, _: Asked) -> Answer:
    server.broker.forget()
    return json_answer({})


def _set_faults(server: Controlled, asked: Asked) -> Answer:
    switches = json.loads(asked.body or b"{}")
    if unknown := sorted(switches.keys() - _SWITCHES):
        return json_answer({"error": f"there is no switch {unknown[0]}"}, 400)
    server.faults = Faults(**switches)
    return json_answer({})


def _begun(server: Controlled) -> str:
    offers = server.broker.request_offers(server.ask())
    return server.broker.accept(offers.offers[0].uuid).uuid


_TELLS: dict[str, Callable[[Controlled], dict[str, Any]]] = {
    "calls": lambda server: dict(server.calls),
    "ends": _ends,
    "runs": _runs,
}
_DOES: dict[str, Callable[[Controlled, Asked], Answer]] = {
    "faults": _set_faults,
    "sessions": _begin,
    "forget": _forget,
}
