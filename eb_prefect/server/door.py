# SPDX-License-Identifier: Apache-2.0
"""Who comes in, and in which order a call is looked at before its verb is called."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from eb_prefect.errors import EBError, InvalidConfigurationError
from eb_prefect.server.asked import Asked, body_of
from eb_prefect.server.media import JSON, Media, sent, wanted
from eb_prefect.server.refusal import Refusal, refusal_of
from eb_prefect.server.users import Users, UsersFileError
from eb_prefect.wire.dialect import Dialect

Verb = Callable[[Asked], Response]
Endpoint = Callable[[Request], Awaitable[Response]]

_LOG = logging.getLogger(__name__)
_HOST = re.compile(r"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="eb-prefect", charset="UTF-8", Bearer'}


@dataclass(frozen=True)
class Door:
    """How clients reach the verbs.

    Without ``users`` anyone may call them, by an address of this machine or
    ``base_url``: a name that someone else gave the machine, as a page in a
    browser may use, is not answered. ``hands`` are the threads that verbs
    wait in.
    """

    users: Users | None
    has_public_reads: bool
    base_url: str | None
    hands: ThreadPoolExecutor

    def base(self, request: Request) -> str:
        """Return the address by which the client reached the host.

        Raises
        ------
        Refusal
            It named a host that this is not (421), or none (400).
        """
        host = request.headers.get("host", "")
        match = _HOST.fullmatch(host)
        if match is None:
            raise Refusal(400, f"Host is {host!r}, which is no host")
        if self.users is None and not self._is_ours(match["name"].strip("[]")):
            raise Refusal(421, f"this server is not {host}; start it with --base-url if it should be")
        return self.base_url or f"{request.url.scheme}://{host}"

    def opens(
        self,
        verb: Verb,
        dialect: Dialect,
        below: str = "",
        *,
        is_public: bool = False,
        any_form: bool = False,
    ) -> Endpoint:
        """Return the verb as an endpoint of the paths ``below``.

        What needs no document is looked at before the document is read, so
        nothing is done for a client that could not read the answer.
        ``is_public`` is for all to read; ``any_form`` has a form of its own.
        """

        async def endpoint(request: Request) -> Response:
            try:
                asked = await self._asked(request, dialect, below, is_public=is_public, any_form=any_form)
                return await asyncio.get_running_loop().run_in_executor(self.hands, verb, asked)
            except (UsersFileError, InvalidConfigurationError) as error:
                _LOG.error("%s", error)  # its paths and keys are no client's business
                raise Refusal(503, "this server's own files can't be used; its log tells more") from error
            except EBError as error:
                raise refusal_of(error) from error

        return endpoint

    async def _asked(
        self, request: Request, dialect: Dialect, below: str, *, is_public: bool, any_form: bool
    ) -> Asked:
        base = f"{self.base(request)}{below}"
        writes = request.method == "POST"
        user = None if is_public else self._user(request, writes=writes)
        wants = JSON if any_form else wanted(request.headers.get("accept"))
        sends, body = JSON, b""
        if writes:
            sends = sent(request.headers.get("content-type"))
            body = await body_of(request)
        return Asked(
            dialect=dialect,
            base=base,
            user=user,
            path=request.path_params,
            headers=request.headers,
            wants=wants,
            sends=sends,
            body=body,
            is_head=request.method == "HEAD",
        )

    def _user(self, request: Request, *, writes: bool) -> str | None:
        if self.users is None:
            return None
        given = request.headers.get("authorization")
        if given is None and self.has_public_reads and not writes:
            return None
        user = self.users.who(given) if given else None
        if user is None:
            reason = "these are no credentials of a user" if given else "say who you are, by Basic or Bearer"
            raise Refusal(401, reason, headers=_CHALLENGE)
        return user

    def _is_ours(self, name: str) -> bool:
        own = urlsplit(self.base_url or "").hostname
        return name.lower() in ("localhost", own) or _is_address(name)


def refused(request: Request, refusal: Refusal) -> Response:
    """Return the answer to a refused call, in what the client accepts, else in JSON."""
    media = _accepted(request)
    body = media.text(refusal.document(request.url.path))
    return Response(body, refusal.status, refusal.headers, media.name)


def _accepted(request: Request) -> Media:
    try:
        return wanted(request.headers.get("accept"))
    except Refusal:
        return JSON


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
