# SPDX-License-Identifier: Apache-2.0
"""Who stands behind a record: whether it is signed, and by whose key."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from eb_prefect.errors import InvalidConfigurationError
from provenance.products.found import Found
from provenance.signing.allowed import Allowed, allowed_signers
from provenance.signing.signature import Signature

_CLOCKS = timedelta(hours=1)


class Trust(StrEnum):
    """How far a record can be trusted by its signature, the best first.

    UNKNOWN: signed by a key that ``allowed_signers`` does not have, or not
    for this, or a signature that could not be checked.
    """

    TRUSTED = "trusted"
    UNKNOWN = "unknown key"
    UNSIGNED = "unsigned"
    BAD = "BAD signature"


class Witness(NamedTuple):
    """What the signatures of a record come to; ``principal`` is as in ``allowed_signers``."""

    trust: Trust
    principal: str = ""
    fingerprint: str = ""
    signed: datetime | None = None
    reason: str = ""

    def __str__(self) -> str:
        match self.trust:
            case Trust.TRUSTED:
                return f"signed by {self.principal} (key {self.fingerprint}), trusted"
            case Trust.UNKNOWN:
                return f"signed by an unknown key ({self.fingerprint}): {self.reason}"
            case Trust.BAD:
                return f"BAD signature: {self.reason}"
            case Trust.UNSIGNED:
                return "unsigned"

    def neutral(self) -> dict[str, Any]:
        """Return it as plain JSON, without what is not known."""
        told = {
            "trust": self.trust,
            "principal": self.principal,
            "key": self.fingerprint,
            "signed": self.signed.isoformat() if self.signed else "",
            "reason": self.reason,
        }
        return {name: value for name, value in told.items() if value}


def witness(found: Found) -> Witness:
    """Return who stands behind a record that was found, by the keys that this user knows.

    A file of keys that can't be used makes nobody known, and is told.
    """
    if not found.signatures:
        return Witness(Trust.UNSIGNED)
    try:
        return weighed(found.signatures, allowed_signers(), datetime.now(UTC))
    except InvalidConfigurationError as reason:
        nobody = weighed(found.signatures, (), datetime.now(UTC))
        return nobody if nobody.trust is Trust.BAD else nobody._replace(reason=str(reason))


def weighed(signatures: Sequence[Signature], allowed: Sequence[Allowed], now: datetime) -> Witness:
    """Return what signatures come to: one that is bad spoils all, else one that is trusted is enough.

    An entry counts for what was signed while it was valid, by the time that
    the signer tells, as with git. So a key that was stolen must be removed,
    not only end.
    """
    if not signatures:
        return Witness(Trust.UNSIGNED)
    told = [_weighed(one, allowed, now) for one in signatures]
    ranks = (Trust.BAD, Trust.TRUSTED, Trust.UNKNOWN)
    return min(told, key=lambda one: ranks.index(one.trust))


def _weighed(one: Signature, allowed: Sequence[Allowed], now: datetime) -> Witness:
    if one.bad or one.key is None or one.signed is None:
        return Witness(Trust.BAD, fingerprint=one.fingerprint, reason=one.bad)
    known = Witness(Trust.UNKNOWN, "", one.fingerprint, one.signed, "")
    if one.unchecked:
        return known._replace(reason=f"nobody checked it: {one.unchecked}")
    if one.signed > now + _CLOCKS:
        return known._replace(reason="it says that it was signed in the future")
    lines = [line for line in allowed if line.key == one.key]
    for line in lines:
        if not line.objection(one.signed):
            return known._replace(trust=Trust.TRUSTED, principal=line.principals)
    if lines:
        return known._replace(
            reason=f"it is that of {lines[0].principals}, but {lines[0].objection(one.signed)}"
        )
    return known._replace(reason="allowed_signers does not have it")
