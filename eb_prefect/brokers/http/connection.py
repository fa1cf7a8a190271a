# SPDX-License-Identifier: Apache-2.0
"""One broker's address: what is sent there, with whose credentials, and where it may lead."""

from collections.abc import Callable

from eb_prefect.brokers.http.address import Address, address, shown
from eb_prefect.brokers.http.auth import BadTokenError, Credentials
from eb_prefect.brokers.http.exchange import Exchange, Headers, Outgoing, Reply
from eb_prefect.errors import AccessDeniedError, NotABrokerError, UnusableAnswerError

REDIRECTS = frozenset({301, 302, 303, 307, 308})
HOPS = 5
"""How many redirects in a row are followed."""


def is_unknown(reply: Reply) -> bool:
    """Return whether the answer refuses the credentials, as HTTP says it."""
    return reply.status == 401


class Connection:
    """Requests to one broker, with its credentials; paths are below its address.

    ``more`` are headers of every request. ``refuses`` tells the answers to
    credentials that are not taken (any more), before which nothing was done.

    Besides what its verbs name they all raise ``BrokerUnavailableError`` where
    there was no answer or it broke off, ``UnusableAnswerError`` where it is
    too large, and ``AccessDeniedError`` where there is no token to ask with.
    """

    def __init__(  # noqa: PLR0913 -- each is a thing of its own
        self,
        at: Address,
        name: str,
        exchange: Exchange,
        credentials: Credentials,
        *,
        more: Headers | None = None,
        refuses: Callable[[Reply], bool] = is_unknown,
    ) -> None:
        self.address = at
        self.name = name
        self.exchange = exchange
        self._credentials = credentials
        self._refuses = refuses
        self._headers = [*headers_for(at, b"application/json", b"gzip"), *(more or [])]

    def get(self, path: str, *, etag: bytes = b"") -> Reply:
        """Read what is at the path; redirects within the broker's origin are followed.

        Raises
        ------
        NotABrokerError
            It redirects to another host, or in a circle.
        """
        target = self.address._replace(path=f"{self.address.path}/{path}")
        more = [(b"If-None-Match", etag)] if etag else []
        for _ in range(HOPS):
            reply = self._authorised(Outgoing(b"GET", target, [*self._headers, *more]))
            if reply.status not in REDIRECTS:
                return reply
            target = self._redirected(target, reply)
        raise NotABrokerError(str(self.address), "it redirects in a circle")

    def post(self, path: str, document: bytes, *, repeatable: bool = True) -> Reply:
        """Send a JSON document to the path; no redirect is followed.

        Raises
        ------
        AnswerLostError
            The answer was lost, and the call is not ``repeatable``.
        """
        target = self.address._replace(path=f"{self.address.path}/{path}")
        more = [(b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(document))]
        return self._authorised(
            Outgoing(b"POST", target, [*self._headers, *more], document, repeatable=repeatable)
        )

    def authorisation(self, at: Address) -> bytes | None:
        """Return what to authorise a request with: nothing for other hosts."""
        if at.origin != self.address.origin:
            return None
        try:
            return self._credentials.value()
        except BadTokenError as wrong:
            raise self._without_token() from wrong

    def renewed(self, refused: bytes | None) -> bool:
        """Return whether there is another authorisation than the one that was refused."""
        if refused is None:
            return False
        try:
            return self._credentials.renew(refused)
        except BadTokenError as wrong:
            raise self._without_token() from wrong

    def hidden(self, text: str) -> str:
        """Return the text without any secret that the broker may have repeated in it."""
        return self._credentials.hidden(text)

    def _authorised(self, request: Outgoing) -> Reply:
        used = self.authorisation(request.at)
        reply = self.exchange.reply(authorised(request, used))
        if not self._refuses(reply) or not self.renewed(used):
            return reply
        # what was refused was not done, so it is safe to send it again
        return self.exchange.reply(authorised(request, self.authorisation(request.at)))

    def _redirected(self, at: Address, reply: Reply) -> Address:
        location = reply.header(b"location")
        target = address(location, base=at)
        if isinstance(target, str):
            raise UnusableAnswerError(self.name, f"it redirects to what is no address: {target}")
        if target.origin != self.address.origin:
            raise NotABrokerError(str(self.address), f"it redirects to {shown(location)}")
        return target

    def _without_token(self) -> AccessDeniedError:
        return AccessDeniedError(self.name, 401, "the callable for tokens gave something that is no token")


def headers_for(at: Address, accept: bytes, encoding: bytes) -> Headers:
    """Return the headers of every request to an address."""
    return [
        (b"Host", at.origin.authority.encode("ascii")),
        (b"User-Agent", b"eb-prefect"),
        (b"Accept", accept),
        (b"Accept-Encoding", encoding),
    ]


def authorised(request: Outgoing, authorisation: bytes | None) -> Outgoing:
    """Return the request with its authorisation."""
    if authorisation is None:
        return request
    return request._replace(headers=[*request.headers, (b"Authorization", authorisation)])
