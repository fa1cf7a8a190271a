# SPDX-License-Identifier: Apache-2.0
"""Sign the records that are made here, if this user wants that."""

from pathlib import Path
from typing import NamedTuple

from eb_prefect.errors import Fault, InvalidConfigurationError
from provenance.errors import CanNotSignError, NeedsExtraError
from provenance.policy import policy, policy_path
from provenance.record import StepRecord
from provenance.signing.keys import Ask, Signer, signer
from provenance.store import Store


class Signed(NamedTuple):
    """The signatures of a record, and why this user's own is not among them though it should be."""

    signatures: tuple[str, ...]
    why_not: str = ""


def signed(record: StepRecord, store: Store) -> Signed:
    """Return the signatures that the store has of its record, made now where the policy names a key.

    Nothing is asked of a person, and whatever stands in the way of signing
    leaves the record as it is.
    """
    there = store.signatures(record.digest)
    if there:
        return Signed(there)
    try:
        key = policy().signing.key
        if key is None:
            return Signed(())
        return Signed(sign(record, store, signer(key)))
    except (InvalidConfigurationError, CanNotSignError, NeedsExtraError) as reason:
        return Signed((), f"the record is not signed: {reason}")


def sign(record: StepRecord, store: Store, own: Signer) -> tuple[str, ...]:
    """Sign a record of the store, keep the signature there, and return all that it has.

    A second signature by the same key is not made.

    Raises
    ------
    CanNotSignError
        The agent refuses.
    UnknownRecordError
        The store does not have the record.
    """
    store.sign(record.digest, own.key.fingerprint, own.signature(record.digest))
    return store.signatures(record.digest)


def own_signer(key: Path | None, ask: Ask) -> Signer:
    """Return what signs with the key that is named, here or in the policy.

    Raises
    ------
    CanNotSignError
        It can't be used, see `provenance.signing.keys.signer`.
    InvalidConfigurationError
        The policy can't be used, or no key is named anywhere.
    """
    path = key or policy().signing.key
    if path is None:
        fault = Fault("signing.key", 'name a key there or with --key; "eb keys new" makes one')
        raise InvalidConfigurationError(f"the policy {policy_path()}", [fault])
    return signer(path, ask)
