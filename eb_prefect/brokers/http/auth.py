# SPDX-License-Identifier: Apache-2.0
"""Who asks: credentials, which go to the broker's own origin and nowhere else."""

import base64
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Basic:
    """A user of the broker, and the password."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Bearer:
    """Tokens, from a callable that gives one when it is asked.

    It is called with False for a token that may be one it has, and with True
    after the broker refused the last one, for a new one. Its token is used
    until the broker refuses it. To be pickled with its broker, it must be a
    function of a module.
    """

    token: Callable[[bool], str] = field(repr=False)


class BadTokenError(Exception):
    """What the callable gave can't be sent; what it was is not told."""


class Credentials:
    """The value of the Authorization header, as long as the broker takes it."""

    def __init__(self, auth: Basic | Bearer | None) -> None:
        self._auth = auth
        self._lock = threading.Lock()
        self._value = _basic(auth) if isinstance(auth, Basic) else None

    def value(self) -> bytes | None:
        """Return what to send, None for nothing.

        Raises
        ------
        BadTokenError
            The callable gave something that is no token.
        """
        if self._value is None and isinstance(self._auth, Bearer):
            with self._lock:
                if self._value is None:
                    self._value = _bearer(self._auth.token(False))
        return self._value

    def renew(self, refused: bytes | None) -> bool:
        """Return whether there is something else to send than what the broker has just refused.

        Raises
        ------
        BadTokenError
            The callable gave something that is no token.
        """
        if not isinstance(self._auth, Bearer):
            return False
        with self._lock:
            if self._value == refused:  # unless another thread has got a new one meanwhile
                self._value = _bearer(self._auth.token(True))
        return True

    def hidden(self, text: str) -> str:
        """Return the text without any secret that the broker may have repeated in it."""
        for secret in self._secrets():
            text = text.replace(secret, "[secret]")
        return text

    def _secrets(self) -> list[str]:
        sent = [] if self._value is None else [self._value.decode("ascii").partition(" ")[2]]
        own = [self._auth.password] if isinstance(self._auth, Basic) else []
        return [secret for secret in (*sent, *own) if secret]


def _basic(auth: Basic) -> bytes:
    return b"Basic " + base64.b64encode(f"{auth.user}:{auth.password}".encode())


def _bearer(token: str) -> bytes:
    if not _TOKEN.fullmatch(token):
        raise BadTokenError
    return f"Bearer {token}".encode("ascii")
