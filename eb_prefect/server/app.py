# SPDX-License-Identifier: Apache-2.0
"""Any broker of ours as a web application that speaks as Execution Brokers do.

All dialects are spoken at once, each below a path of its own: ``/A``, ``/B1``,
``/B2`` and ``/neutral``, which loses nothing. The root speaks one of them.
"""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eb_prefect.brokers.http.paths import PATHS, WAY_IN
from eb_prefect.brokers.protocol import Broker
from eb_prefect.home import home as default_home
from eb_prefect.server.asked import Asked
from eb_prefect.server.desk import Desk
from eb_prefect.server.door import Door, Endpoint, refused
from eb_prefect.server.outputs import Outputs
from eb_prefect.server.refusal import Refusal
from eb_prefect.server.served import Served
from eb_prefect.server.users import Users
from eb_prefect.wire.dialect import Dialect

SPOKEN = (Dialect.A, Dialect.B1, Dialect.B2, Dialect.NEUTRAL)
"""The dialects that a server speaks; the path of each is its name."""

_HANDS = 64


def app(  # noqa: PLR0913 -- each is one thing that may differ between servers
    broker: Broker,
    *,
    dialect: Dialect = Dialect.B2,
    users: Users | None = None,
    public_reads: bool = False,
    base_url: str | None = None,
    home: Path | None = None,
) -> Starlette:
    """Return the application that serves a broker.

    ``dialect`` is what the root speaks. Without ``users`` anyone who reaches
    it can run programs, so it is for the loopback interface only. With them a
    session is its owner's, who asked for its offers; ``public_reads`` lets
    all read, as brokers do. ``base_url`` is the public address where that is
    not the one clients name as their host. Whose an offer is, is kept below
    ``home``, so any number of servers of one home are one.
    """
    served = Served((home or default_home()) / "served")
    desk = Desk(broker, served, has_owners=users is not None, has_public_reads=public_reads)
    hands = ThreadPoolExecutor(_HANDS, thread_name_prefix="eb-serve")
    door = Door(users, public_reads, (base_url or "").rstrip("/") or None, hands)
    routes = [_index(door, dialect), *_routes(door, desk, dialect, "")]
    for each in SPOKEN:
        routes += _routes(door, desk, each, f"/{each}")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        hands.shutdown(wait=False, cancel_futures=True)

    made = Starlette(routes=routes, lifespan=lifespan, exception_handlers=_HANDLERS)
    made.router.redirect_slashes = False
    return made


def _index(door: Door, dialect: Dialect) -> Route:
    def index(asked: Asked) -> Response:
        told = {each.value: f"{asked.base}/{each}" for each in SPOKEN}
        document = {"server": "eb-prefect", "version": version("eb-prefect"), "dialects": told}
        return asked.answer(document)

    return Route("/", door.opens(index, dialect, is_public=True))


def _routes(door: Door, desk: Desk, dialect: Dialect, below: str) -> list[Route]:
    outputs = Outputs(desk)
    ways: dict[str, dict[str, Endpoint]] = {}

    def add(method: str, path: str, endpoint: Endpoint) -> None:
        ways.setdefault(f"{below}{path}", {})[method] = endpoint

    paths = PATHS[dialect]
    add("POST", f"/{paths.submit}", door.opens(desk.submit, dialect, below))
    if paths.direct is not None:
        add("POST", f"/{paths.direct}", door.opens(desk.execute, dialect, below))
    add("GET", "/offersets/{uuid}", door.opens(desk.offer_set, dialect, below))
    add("GET", "/sessions/{uuid}", door.opens(desk.session, dialect, below))
    add("POST", "/sessions/{uuid}", door.opens(desk.update, dialect, below))
    add("GET", f"/sessions/{{uuid}}/{WAY_IN}", door.opens(desk.way_in, dialect, below))
    for name, verb in (("stdout", outputs.stdout), ("stderr", outputs.stderr)):
        path = f"/sessions/{{uuid}}/docker/{name}-get"
        add("GET", path, door.opens(verb, dialect, below, any_form=True))
    product = door.opens(outputs.product, dialect, below, any_form=True)
    add("GET", "/sessions/{uuid}/products/{product:path}", product)
    add("GET", "/actuator/health", door.opens(_health, dialect, below, is_public=True))
    return [Route(path, _by_method(ends), methods=list(ends)) for path, ends in ways.items()]


def _health(asked: Asked) -> Response:
    return asked.answer({"status": "UP"})


def _by_method(ends: dict[str, Endpoint]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await ends["GET" if request.method == "HEAD" else request.method](request)

    return endpoint


def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return refused(request, refusal)


def _no_way(request: Request, wrong: Exception) -> Response:
    assert isinstance(wrong, HTTPException)
    method, path = request.method, request.url.path
    reason = f"there is nothing at {path}" if wrong.status_code == 404 else f"{path} takes no {method}"
    return refused(request, Refusal(wrong.status_code, reason, headers=wrong.headers))


def _broken(request: Request, _: Exception) -> Response:
    return refused(request, Refusal(500, "this server has a fault; its log tells more"))


_HANDLERS = {Refusal: _refused, HTTPException: _no_way, Exception: _broken}
