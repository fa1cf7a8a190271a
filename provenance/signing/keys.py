# SPDX-License-Identifier: Apache-2.0
"""Keys to sign with, kept the way ssh users keep theirs: in a file, or in an agent."""

import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from provenance.canonical import hex_of
from provenance.errors import CanNotSignError
from provenance.signing import agent
from provenance.signing.dsse import Statement, envelope, message
from provenance.signing.sshkey import PublicKey, cipher, public_part

_LIMIT = 64 << 10
_LOCKED = 'the key is locked; unlock it with "ssh-add {}", or sign at a terminal with "eb sign"'

Ask = Callable[[Path], str]
"""Asks a person for the passphrase of a key file."""


class Signer(NamedTuple):
    """A key, and what signs with it."""

    key: PublicKey
    sign: Callable[[bytes], bytes]

    def signature(self, record: str, now: datetime | None = None) -> str:
        """Return the text of a signature of the record with that digest.

        Raises
        ------
        CanNotSignError
            The agent refuses.
        """
        statement = Statement(hex_of(record), self.key, now or datetime.now(UTC))
        return envelope(statement, self.sign(message(statement.payload)))


def signer(path: Path, ask: Ask | None = None) -> Signer:
    """Return what signs with the key at a path: the agent where it has the key, else the file.

    The path may be that of the public part (``.pub``), whose private one only
    the agent has. Without ``ask`` nobody is asked for a passphrase.

    Raises
    ------
    CanNotSignError
        The key is not there, others can read it, it is locked or of another
        kind, or neither agent nor file can be used.
    NeedsExtraError
        The extra ``sign`` is not installed, and the agent does not have the key.
    """
    text = _read(path)
    key = _public(path, text)
    if _agent_has(key):
        return Signer(key, lambda data: _by_agent(path, key, data))
    if path.suffix == ".pub":
        raise CanNotSignError(path, "the ssh agent does not have it; add it with ssh-add")
    return Signer(key, _by_file(path, text, ask))


def public_key(path: Path) -> PublicKey:
    """Return the public part of a key file, private or public; no passphrase is needed.

    Raises
    ------
    CanNotSignError
        It is not there, is no key that can be used, or others can read a private one.
    """
    return _public(path, _read(path))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if path.suffix != ".pub":
                _check(path, os.fstat(file.fileno()))
            return file.read(_LIMIT)
    except OSError as reason:
        raise CanNotSignError(path, reason.strerror or str(reason)) from reason


def _check(path: Path, found: os.stat_result) -> None:
    """Refuse, as ssh does, this user's private key where others can read it."""
    if found.st_uid == os.getuid() and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CanNotSignError(path, f"others can use this private key; chmod 600 {path}")


def _public(path: Path, text: bytes) -> PublicKey:
    try:
        return (PublicKey.of_text if path.suffix == ".pub" else public_part)(text.decode())
    except ValueError as reason:
        raise CanNotSignError(path, str(reason)) from reason


def _agent_has(key: PublicKey) -> bool:
    if not agent.is_there():
        return False
    try:
        return key in agent.held_keys()
    except agent.AgentError:  # it went away, and the file may do
        return False


def _by_agent(path: Path, key: PublicKey, data: bytes) -> bytes:
    try:
        return agent.sign(key, data)
    except agent.AgentError as reason:
        raise CanNotSignError(path, str(reason)) from reason


def _by_file(path: Path, text: bytes, ask: Ask | None) -> Callable[[bytes], bytes]:
    from provenance.signing.ed25519 import opened  # noqa: PLC0415 -- an extra

    if cipher(text.decode()) == "none":
        return opened(text, str(path))
    if ask is None:
        raise CanNotSignError(path, _LOCKED.format(path))
    return opened(text, str(path), ask(path).encode())


def make_key(path: Path, *, comment: str, passphrase: str | None) -> PublicKey:
    """Write a new key pair, ``path`` and ``path.pub``; what is there is never overwritten.

    Raises
    ------
    CanNotSignError
        Something is there already, or nothing can be written there.
    NeedsExtraError
        The extra ``sign`` is not installed.
    """
    from provenance.signing.ed25519 import made  # noqa: PLC0415 -- an extra

    text, key = made(passphrase.encode() if passphrase else None)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(path, text, 0o600)
    _write(path.with_name(f"{path.name}.pub"), f"{key.text} {comment}\n".encode(), 0o644)
    return key


def _write(path: Path, text: bytes, mode: int) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(text)
    except OSError as reason:
        raise CanNotSignError(path, reason.strerror or str(reason)) from reason
