# SPDX-License-Identifier: Apache-2.0
"""The OIDC token of a user, from where it is kept; whoever keeps it renews it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eb_prefect.brokers.credentials import of_command, of_file
from eb_prefect.brokers.http.auth import Bearer

Token = str | Path | Sequence[str] | Callable[[bool], str]
"""The token itself, a file with it, the words of a command that says it, or a function that returns it.

A file may also be the JSON that PanDA's own client keeps its tokens in.
"""


@dataclass(frozen=True)
class _Kept:
    given: str | Path | tuple[str, ...] = field(repr=False)

    def __call__(self, renew: bool) -> str:  # noqa: ARG002, FBT001 -- see `Bearer`
        match self.given:
            case str():
                return self.given
            case Path():
                return _identity(of_file("token", self.given))
            case _:
                return of_command("token", self.given)


def bearer(token: Token) -> Bearer:
    """Return what gives the token whenever it is asked, and asks for it again when it is refused."""
    if callable(token):
        return Bearer(token)
    return Bearer(_Kept(token if isinstance(token, str | Path) else tuple(token)))


def _identity(content: str) -> str:
    if not content.startswith("{"):
        return content
    try:
        found = json.loads(content)
    except ValueError:
        return ""
    return str(found.get("id_token", ""))
