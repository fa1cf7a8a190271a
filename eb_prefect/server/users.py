# SPDX-License-Identifier: Apache-2.0
"""Who may use a server, and how they show that it is them.

A file of lines ``name:digest``, where the digest is the SHA-256, in hex, of a
secret of 32 random bytes. So long a secret can't be guessed from its digest,
however fast that is computed. The file is the server's alone to read.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import stat
from pathlib import Path
from typing import NamedTuple

from eb_prefect.errors import EBError

_LINE = re.compile(r"([^:\s]+):([0-9a-f]{64})")
_NOBODY = "0" * 64


class UsersFileError(EBError):
    """The file of users can't be used."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"the users file {path} can't be used: {reason}")


class _Known(NamedTuple):
    stamp: tuple[int, ...]
    digests: dict[str, str]


class Users:
    """The users of a file, which is read again when it has changed.

    Raises
    ------
    UsersFileError
        The file is not there, has no user, may be read by others, or has a
        line that is no user.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _read(path)

    def who(self, authorization: str) -> str | None:
        """Return the user whose secret an ``Authorization`` has, None for nobody's.

        Basic has name and secret, Bearer the secret alone. How long it takes
        does not depend on how much of a secret is right.

        Raises
        ------
        UsersFileError
            The file was changed, and can't be used any more.
        """
        known = self._now().digests
        scheme, _, given = authorization.strip().partition(" ")
        if scheme.lower() == "bearer":
            return _bearer(known, given.strip())
        if scheme.lower() == "basic":
            return _basic(known, given.strip())
        return None

    def _now(self) -> _Known:
        if _stamp(self._path) != self._known.stamp:
            self._known = _read(self._path)
        return self._known


def add_user(path: Path, name: str) -> str:
    """Add a user to the file, which is made if it is not there, and return the new secret.

    The secret is nowhere else: the file has its digest.

    Raises
    ------
    UsersFileError
        There is such a user, the name can't be one, or the file can't be used.
    """
    if not re.fullmatch(r"[^:\s]{1,100}", name) or not name.isprintable() or name.startswith("#"):
        raise UsersFileError(path, f"{name!r} can't be a user; names have no colon and no space")
    if os.path.lexists(path) and name in _digests(path):
        raise UsersFileError(path, f"it has a user {name} already; remove that line to give a new secret")
    secret = secrets.token_urlsafe(32)
    _append(path, f"{name}:{_digest(secret)}\n")
    return secret


def _append(path: Path, line: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(fd, "rb+", buffering=0) as file:  # noqa: PTH123 -- a descriptor has no path
            text = file.read()
            file.write((b"" if text[-1:] in (b"", b"\n") else b"\n") + line.encode())
            os.fsync(fd)
    except OSError as error:
        raise UsersFileError(path, error.strerror or str(error)) from error


def _bearer(known: dict[str, str], secret: str) -> str | None:
    digest, found = _digest(secret), None
    for name, expected in known.items():
        if hmac.compare_digest(digest, expected):
            found = name
    return found


def _basic(known: dict[str, str], given: str) -> str | None:
    try:
        name, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeError):
        return None
    is_right = hmac.compare_digest(_digest(secret), known.get(name, _NOBODY))
    return name if is_right and name in known else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError as error:
        raise UsersFileError(path, error.strerror or str(error)) from error
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode)


def _read(path: Path) -> _Known:
    stamp = _stamp(path)
    if not (digests := _digests(path)):
        raise UsersFileError(path, "it has no user; add one with eb serve --add-user NAME")
    return _Known(stamp, digests)


def _digests(path: Path) -> dict[str, str]:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8") if stat.S_ISREG(mode) else None
    except (OSError, UnicodeError) as error:
        raise UsersFileError(path, getattr(error, "strerror", None) or "it is no text") from error
    if text is None:
        raise UsersFileError(path, "it is no regular file")
    if mode & 0o077:
        raise UsersFileError(path, f"others may read or write it; run chmod 600 {path}")
    return dict(_users(path, text))


def _users(path: Path, text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise UsersFileError(path, f"line {number} is not name:sha256 of a secret")
        if match.group(1) in dict(found):
            raise UsersFileError(path, f"line {number} has the user {match.group(1)} again")
        found.append((match.group(1), match.group(2)))
    return found
