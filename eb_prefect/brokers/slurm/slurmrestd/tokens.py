# SPDX-License-Identifier: Apache-2.0
"""The tokens that say to slurmrestd who asks."""

import base64
import binascii
import json
import threading
import time
from collections.abc import Callable

_SOON = 30.0
"""Seconds before its end at which a token is not begun with any more."""


class Tokens:
    """Tokens from a callable, each used until its end comes near or it is refused."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token
        self._lock = threading.Lock()
        self._held: tuple[str, float] | None = None

    def __reduce__(self) -> tuple[type["Tokens"], tuple[Callable[[], str]]]:
        return Tokens, (self._token,)  # a token goes to no file and no other process

    def value(self) -> str:
        """Return the token to send now."""
        with self._lock:
            if self._held is None or self._held[1] < time.time() + _SOON:
                held = self._token().strip()
                self._held = held, end_of(held)
            return self._held[0]

    def is_renewed(self, refused: str) -> bool:
        """Return whether there is another token than the one that was refused."""
        with self._lock:
            if self._held is not None and self._held[0] == refused:
                self._held = None
        return self.value() != refused


def end_of(token: str) -> float:
    """Return the end of a token as it says itself, in seconds since 1970; for ever where it says none."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(f"{token.split('.')[1]}=="))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return float("inf")
