# SPDX-License-Identifier: Apache-2.0
"""Whether a signature is one of a record; whose it is, is for `provenance.trust` to say."""

from datetime import datetime
from typing import NamedTuple

from provenance.canonical import hex_of
from provenance.errors import NeedsExtraError
from provenance.signing.sshkey import PublicKey

MOST = 8
"""Signatures that a record may have; more than a few people do not sign one."""


class Signature(NamedTuple):
    """A signature as it was found.

    ``bad`` says why it is none of this record, and ``unchecked`` why nobody
    could look. Without either the ``key`` has signed this very record; whose
    key it is, is another question.
    """

    text: str
    key: PublicKey | None = None
    signed: datetime | None = None
    bad: str = ""
    unchecked: str = ""

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint; nothing where the signature does not tell its key."""
        return self.key.fingerprint if self.key else ""


def checked(texts: tuple[str, ...], record: str) -> tuple[Signature, ...]:
    """Return what the signatures that came with a record are worth."""
    told = tuple(_checked(text, record) for text in texts[:MOST])
    if len(texts) > MOST:
        return (*told, Signature("", bad=f"there are more than {MOST} signatures"))
    return told


def _checked(text: str, record: str) -> Signature:
    from provenance.signing.dsse import unsealed  # noqa: PLC0415 -- `eb show` of what is unsigned starts without

    try:
        sealed = unsealed(text)
    except ValueError as reason:
        return Signature(text, bad=str(reason))
    found = Signature(text, sealed.statement.key, sealed.statement.signed)
    if sealed.statement.record != hex_of(record):
        return found._replace(bad="it is the signature of another record")
    try:
        from provenance.signing.ed25519 import is_signed  # noqa: PLC0415 -- an extra
    except NeedsExtraError as reason:
        return found._replace(unchecked=str(reason))
    if not is_signed(sealed.statement.key, sealed.message, sealed.signature):
        return found._replace(bad="the key has not signed this")
    return found
