# SPDX-License-Identifier: Apache-2.0
"""Ed25519 keys as OpenSSH writes them, with nothing but the standard library."""

import base64
import binascii
import hashlib
import struct
from typing import NamedTuple, Self

KIND = "ssh-ed25519"
_SIZE = 32
_MARK = b"openssh-key-v1\0"
_BEGIN, _END = "-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----"


class PublicKey(NamedTuple):
    """A public key, by its 32 bytes."""

    raw: bytes

    @property
    def blob(self) -> bytes:
        """The key as ssh sends it (RFC 8709, section 4)."""
        return string(KIND.encode()) + string(self.raw)

    @property
    def text(self) -> str:
        """The key as in a ``.pub`` file, without a comment."""
        return f"{KIND} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """What ``ssh-keygen -l`` says of it: ``SHA256:...``."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @classmethod
    def of_blob(cls, blob: bytes) -> Self:
        """Return the key that ssh sends so.

        Raises
        ------
        ValueError
            It is none of Ed25519.
        """
        kind, rest = taken(blob)
        raw, rest = taken(rest)
        if kind != KIND.encode() or len(raw) != _SIZE or rest:
            raise ValueError(f"it is no {KIND} key")
        return cls(raw)

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Return the key of a ``.pub`` file, whatever comment it has.

        Raises
        ------
        ValueError
            It is none of Ed25519.
        """
        kind, _, rest = text.strip().partition(" ")
        if kind != KIND:
            raise ValueError(f"it is no {KIND} key")
        return cls.of_blob(decoded(rest.split(" ")[0]))


def decoded(text: str) -> bytes:
    """Return what canonical base64 stands for: one text, one meaning.

    Raises
    ------
    ValueError
        It is no base64, or not as an encoder writes it.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is no base64") from None
    if base64.b64encode(data).decode() != text:
        raise ValueError("its base64 is not as an encoder writes it")
    return data


def public_part(private: str) -> PublicKey:
    """Return the public key that stands, unencrypted, in an OpenSSH private key file.

    Raises
    ------
    ValueError
        It is no such file, or has no single Ed25519 key.
    """
    rest = _body(private)
    for _ in ("cipher", "kdf", "its options"):
        _, rest = taken(rest)
    number, rest = rest[:4], rest[4:]
    if number != b"\0\0\0\1":
        raise ValueError("it has not one key")
    return PublicKey.of_blob(taken(rest)[0])


def cipher(private: str) -> str:
    """Return how an OpenSSH private key file is encrypted: ``none``, or the name of the cipher.

    Raises
    ------
    ValueError
        It is no such file.
    """
    return taken(_body(private))[0].decode("ascii", "replace")


def _body(private: str) -> bytes:
    text = private.strip()
    if not (text.startswith(_BEGIN) and text.endswith(_END)):
        raise ValueError("it is no OpenSSH private key; ssh-keygen -p -f writes it anew as one")
    data = decoded("".join(text[len(_BEGIN) : -len(_END)].split()))
    if not data.startswith(_MARK):
        raise ValueError("it is no OpenSSH private key")
    return data[len(_MARK) :]


def string(data: bytes) -> bytes:
    """Return the bytes with their length before them (RFC 4251, section 5)."""
    return struct.pack(">I", len(data)) + data


def taken(data: bytes) -> tuple[bytes, bytes]:
    """Return the string that the bytes begin with, and what is left.

    Raises
    ------
    ValueError
        They are too short.
    """
    if len(data) < 4 or len(data) - 4 < (size := int(struct.unpack(">I", data[:4])[0])):
        raise ValueError("it ends too early")
    return data[4 : 4 + size], data[4 + size :]
