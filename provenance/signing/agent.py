# SPDX-License-Identifier: Apache-2.0
"""The ssh agent, which signs with keys that nobody else can read (draft-miller-ssh-agent)."""

import os
import socket
import struct
from collections.abc import Iterator

from provenance.signing.sshkey import KIND, PublicKey, string, taken

SOCKET = "SSH_AUTH_SOCK"
_PATIENCE = 30.0  # seconds; an agent may ask its user first
_LONGEST = 256 << 10  # as OpenSSH has it
_ASK_KEYS, _KEYS, _ASK_SIGNATURE, _SIGNATURE = 11, 12, 13, 14
_SIGNATURE_SIZE = 64


class AgentError(Exception):
    """The agent did not do what it was asked for; the message says why."""


def is_there() -> bool:
    """Whether an agent is named in the environment."""
    return bool(os.environ.get(SOCKET))


def held_keys() -> tuple[PublicKey, ...]:
    """Return the Ed25519 keys that the agent has.

    Raises
    ------
    AgentError
        It does not answer, or not in words that can be understood.
    """
    try:
        return tuple(_listed(_asked(_ASK_KEYS, b"", _KEYS)))
    except ValueError as reason:
        raise AgentError(f"the ssh agent says what can't be understood: {reason}") from reason


def sign(key: PublicKey, data: bytes) -> bytes:
    """Return the agent's signature of the data, 64 bytes.

    Raises
    ------
    AgentError
        It does not have the key, refuses, or does not answer.
    """
    answer = _asked(_ASK_SIGNATURE, string(key.blob) + string(data) + struct.pack(">I", 0), _SIGNATURE)
    try:
        kind, rest = taken(taken(answer)[0])
        signature = taken(rest)[0]
    except ValueError as reason:
        raise AgentError(f"the ssh agent says what can't be understood: {reason}") from reason
    if kind != KIND.encode() or len(signature) != _SIGNATURE_SIZE:
        raise AgentError("the ssh agent has signed in another way")
    return signature


def _listed(answer: bytes) -> Iterator[PublicKey]:
    rest = answer[4:]
    while rest:
        blob, rest = taken(rest)
        _, rest = taken(rest)
        if taken(blob)[0] == KIND.encode():
            yield PublicKey.of_blob(blob)


def _asked(question: int, content: bytes, wanted: int) -> bytes:
    try:
        said = _exchanged(struct.pack(">IB", len(content) + 1, question) + content)
    except OSError as reason:
        raise AgentError(f"the ssh agent does not answer: {reason.strerror or reason}") from reason
    if said[:1] != bytes([wanted]):
        raise AgentError("the ssh agent refuses")
    return said[1:]


def _exchanged(message: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as agent:
        agent.settimeout(_PATIENCE)
        agent.connect(os.environ.get(SOCKET, ""))
        agent.sendall(message)
        size = int.from_bytes(_received(agent, 4), "big")
        if size > _LONGEST:
            raise OSError("its answer is too long")
        return _received(agent, size)


def _received(agent: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        piece = agent.recv(size - len(got))
        if not piece:
            raise OSError("it has hung up")
        got += piece
    return got
