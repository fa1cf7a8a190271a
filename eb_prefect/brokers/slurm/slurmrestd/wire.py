# SPDX-License-Identifier: Apache-2.0
"""Requests to slurmrestd and its answers: the only place where anything is sent to it."""

import json
import re
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import httpx

from eb_prefect.brokers.http.network import Network, tls_context
from eb_prefect.brokers.slurm.slurmrestd.complaints import Complaint, codes, complaints, words
from eb_prefect.brokers.slurm.slurmrestd.tokens import Tokens
from eb_prefect.errors import BrokerUnavailableError

_MOST = 512 << 20
"""Bytes of an answer: each job that Slurm remembers, of everybody, takes some five thousand."""
_REFUSED = frozenset({401, 403, 511})
_UNIX = "unix:"
_SHOWN = 200
_TOKEN = re.compile(r"[\x21-\x7e]+")

Parameters = Sequence[tuple[str, str]]


class Answer(NamedTuple):
    """A document that came back, and what it complains of."""

    status: int
    document: dict[str, Any]
    complaints: tuple[Complaint, ...]

    @property
    def codes(self) -> frozenset[int]:
        """The numbers of its complaints."""
        return codes(self.complaints)

    def rows(self, key: str) -> list[dict[str, Any]]:
        """Return the objects in a list of the document."""
        found = self.document.get(key)
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


class Wire:
    """One slurmrestd, by ``http://HOST:PORT`` or ``unix:/PATH``, as one user.

    Without ``token`` no one is named: a daemon on a Unix socket may see who asks.
    ``patience`` is in seconds, for an answer as a whole.
    """

    def __init__(
        self,
        at: str,
        user: str,
        token: Callable[[], str] | None,
        *,
        network: Network | None = None,
        patience: float = 60.0,
    ) -> None:
        self.name = f"slurmrestd at {at}"
        self._at = at
        self._user = user
        self._tokens = Tokens(token) if token else None
        self._network = network or Network()
        self._patience = patience

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_client"}

    def ask(
        self, method: str, path: str, *, parameters: Parameters = (), body: Any = None, is_safe: bool = True
    ) -> Answer:
        """Return the answer to a request; what is ``is_safe`` may be sent twice.

        Raises
        ------
        BrokerUnavailableError
            There is no answer, none of Slurm's, or the token is not taken.
        """
        token = self._token()
        status, content = self._exchange(method, path, parameters, body, token, is_safe=is_safe)
        if self._is_refused(status, content, is_safe=is_safe) and self._has_other(token):
            token = self._token()
            status, content = self._exchange(method, path, parameters, body, token, is_safe=is_safe)
        if status in _REFUSED:
            raise self._unavailable(f"it answers {status}, so it does not take the token of {self._user}")
        return self._answer(status, content)

    def _token(self) -> str | None:
        token = self._tokens.value() if self._tokens else None
        if token is not None and not _TOKEN.fullmatch(token):  # no error of others may repeat it
            raise self._unavailable(f"what gives the token of {self._user} gave something that is no token")
        return token

    def _is_refused(self, status: int, content: bytes, *, is_safe: bool) -> bool:
        """Return whether another token might help.

        Slurm 22.05 does not tell a token that has ended from any other trouble
        with its controller, but leaves the number of the error out.
        """
        return status in _REFUSED or (is_safe and status == 500 and not _known(content))

    def _has_other(self, token: str | None) -> bool:
        return self._tokens is not None and token is not None and self._tokens.is_renewed(token)

    def _answer(self, status: int, content: bytes) -> Answer:
        document = _document(content)
        if document is None:
            text = content[:_SHOWN].decode(errors="replace").strip() or "nothing"
            raise self._unavailable(f"it answers {status} with {text!r}")
        found = complaints(document)
        if status >= 500 and not any(complaint.code > 0 for complaint in found):
            said = words(found) or f"status {status}"
            raise self._unavailable(f"{said}; its controller may be down, or the token has ended")
        return Answer(status, document, found)

    def _exchange(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        parameters: Parameters,
        body: Any,
        token: str | None,
        *,
        is_safe: bool,
    ) -> tuple[int, bytes]:
        headers = {"Accept": "application/json"}
        if token is not None:
            headers |= {"X-SLURM-USER-NAME": self._user, "X-SLURM-USER-TOKEN": token}
        end = time.monotonic() + self._patience
        try:
            with self._client.stream(
                method, path, params=list(parameters), json=body, headers=headers
            ) as answer:
                return answer.status_code, self._whole(answer, end)
        except httpx.ConnectError as wrong:
            raise self._unavailable(str(wrong), is_unsent=True) from wrong
        except httpx.RemoteProtocolError as wrong:  # a busy slurmrestd hangs up
            if not is_safe:
                raise self._unavailable(str(wrong)) from wrong
            return self._exchange(method, path, parameters, body, token, is_safe=False)
        except httpx.HTTPError as wrong:
            raise self._unavailable(str(wrong) or type(wrong).__name__) from wrong

    def _whole(self, answer: httpx.Response, end: float) -> bytes:
        got, size = [], 0
        for piece in answer.iter_bytes():
            got.append(piece)
            size += len(piece)
            if size > _MOST:
                raise self._unavailable(f"its answer is larger than {_MOST >> 20} MiB")
            if time.monotonic() > end:
                raise self._unavailable(f"its answer took longer than {self._patience:g} s")
        return b"".join(got)

    @cached_property
    def _client(self) -> httpx.Client:
        # what is sent once must not meet a connection that has ended meanwhile, so none is kept
        limits = httpx.Limits(max_keepalive_connections=0)
        if self._at.startswith(_UNIX):
            transport = httpx.HTTPTransport(uds=self._at.removeprefix(_UNIX), limits=limits, verify=False)
            return httpx.Client(transport=transport, base_url="http://slurmrestd", timeout=self._patience)
        return httpx.Client(
            base_url=self._at,
            timeout=self._patience,
            limits=limits,
            verify=tls_context(self._network) if self._at.startswith("https:") else False,
            proxy=self._network.proxy,
            trust_env=self._network.trust_env,
        )

    def _unavailable(self, reason: str, *, is_unsent: bool = False) -> BrokerUnavailableError:
        return BrokerUnavailableError(self.name, reason, is_unsent=is_unsent)


def _document(content: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _known(content: bytes) -> bool:
    """Return whether an answer has a number of Slurm's own that tells what is wrong."""
    return any(complaint.code > 0 for complaint in complaints(_document(content) or {}))
