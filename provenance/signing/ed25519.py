# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of signatures, which an extra brings; imported only where something is signed."""

from collections.abc import Callable

from provenance.errors import CanNotSignError
from provenance.extras import needed
from provenance.signing.sshkey import PublicKey

with needed("a signature", "sign"):
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Sign = Callable[[bytes], bytes]


def is_signed(key: PublicKey, data: bytes, signature: bytes) -> bool:
    """Whether the signature of the data is by that key."""
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def opened(text: bytes, where: str, passphrase: bytes | None = None) -> Sign:
    """Return what signs with a private key of OpenSSH's form.

    Raises
    ------
    CanNotSignError
        The passphrase is wrong or missing, or there is no Ed25519 key in it.
    """
    try:
        key = serialization.load_ssh_private_key(text, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as reason:
        why = "the passphrase is wrong, or the file is damaged" if passphrase else str(reason)
        raise CanNotSignError(where, why) from reason
    if not isinstance(key, Ed25519PrivateKey):
        raise CanNotSignError(where, "it is no Ed25519 key")
    return key.sign


def made(passphrase: bytes | None = None) -> tuple[bytes, PublicKey]:
    """Return the text of a new private key, encrypted where there is a passphrase, and its public part."""
    key = Ed25519PrivateKey.generate()
    lock = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, lock)
    return text, PublicKey(key.public_key().public_bytes_raw())
