# SPDX-License-Identifier: Apache-2.0
"""Which path of a scripted server does what, in each dialect."""

from typing import NamedTuple

from eb_prefect.testing.exchange import Asked
from eb_prefect.wire.dialect import Dialect

SUBMIT = {Dialect.A: "/offersets", Dialect.B1: "/offersets"}
DIRECT = {Dialect.A: None, Dialect.B1: "/sessions"}
STREAMS = {"docker/stdout-get": "stdout", "docker/stderr-get": "stderr"}


class Route(NamedTuple):
    """The verb that is counted, and what it is about; no verb is for a path that is not there."""

    verb: str
    about: str = ""
    stream: str = ""


NOWHERE = Route("other")
NOT_ALLOWED = Route("not allowed")


_UPDATES = {b"ACCEPTED": "accept", b"REJECTED": "reject", b"CANCELLED": "cancel", b"FAILED": "fail"}


def counted(asked: Asked, to: Route) -> str:
    """Return the verb that a request counts as; an update is one by the phase that it names."""
    if to.verb != "update":
        return to.verb
    return next((verb for phase, verb in _UPDATES.items() if phase in asked.body), to.verb)


def route(asked: Asked, dialect: Dialect) -> Route:
    """Return what is asked for."""
    if asked.path.startswith("/-/"):
        return Route("control", asked.path.removeprefix("/-/"))
    if asked.method == "GET":
        return _reading(asked.path)
    found = _writing(asked.path, dialect) if asked.method == "POST" else None
    if found is None:
        return NOT_ALLOWED if _reading(asked.path) is not NOWHERE else NOWHERE
    return found


def _writing(path: str, dialect: Dialect) -> Route | None:
    if path == SUBMIT.get(dialect, "/requests"):
        return Route("request_offers")
    if path == DIRECT.get(dialect, "/direct"):
        return Route("direct")
    start, _, about = path.removeprefix("/").partition("/")
    return Route("update", about) if start == "sessions" and about and "/" not in about else None


def _reading(path: str) -> Route:
    if path == "/actuator/health":
        return Route("health")
    start, _, rest = path.removeprefix("/").partition("/")
    about, _, stream = rest.partition("/")
    if start == "sessions" and about:
        if not stream:
            return Route("session", about)
        return Route("stream", about, STREAMS[stream]) if stream in STREAMS else NOWHERE
    if start == "offersets" and about and not stream:
        return Route("offer_set", about)
    return NOWHERE
