# SPDX-License-Identifier: Apache-2.0
"""The text of a signature: a DSSE envelope around an in-toto statement that names one record.

The record itself is not in it, only its SHA-256, so a signature stays below
a kilobyte. The signer's whole public key is, for whoever does not have it.

https://github.com/secure-systems-lab/dsse/blob/master/protocol.md (version 1)
https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

import base64
import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

from provenance.canonical import canonical, parsed
from provenance.names import EB
from provenance.signing.sshkey import PublicKey, decoded

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = EB + "RecordSignature"
_LIMIT = 4096
_SIZE = 64


class Statement(NamedTuple):
    """What is signed: the SHA-256 of a record in hexadecimal, by whom and when, to the second."""

    record: str
    key: PublicKey
    signed: datetime

    @property
    def payload(self) -> bytes:
        """The statement as it is signed."""
        subject = {"name": "record", "digest": {"sha256": self.record}}
        signed = self.signed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return canonical(
            {
                "_type": STATEMENT,
                "subject": [subject],
                "predicateType": PREDICATE,
                "predicate": {"key": self.key.text, "signed": signed},
            }
        )


class Sealed(NamedTuple):
    """An envelope taken apart: what it says, the bytes that are signed, and the signature."""

    statement: Statement
    message: bytes
    signature: bytes


def message(payload: bytes) -> bytes:
    """Return the bytes that are signed for a payload: DSSE's pre-authentication encoding."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope(statement: Statement, signature: bytes) -> str:
    """Return the text of the envelope."""
    said = {
        "payload": base64.b64encode(statement.payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [
            {"keyid": statement.key.fingerprint, "sig": base64.b64encode(signature).decode()},
        ],
    }
    return canonical(said).decode()


def unsealed(text: str) -> Sealed:
    """Take an envelope apart; that its signature is right is for others to see.

    Raises
    ------
    ValueError
        It is none of ours; the message says why.
    """
    if len(text) > _LIMIT:
        raise ValueError(f"it has more than {_LIMIT} characters")
    given = _object(_json(text), "payload", "payloadType", "signatures")
    if given["payloadType"] != PAYLOAD_TYPE:
        raise ValueError(f"its payload is of another type than {PAYLOAD_TYPE}")
    signatures = given["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise ValueError("it has not one signature")
    seal = _object(signatures[0], "keyid", "sig")
    payload, signature = decoded(_text(given["payload"])), decoded(_text(seal["sig"]))
    statement = _statement(_json(payload.decode("utf-8", "strict")))
    if seal["keyid"] != statement.key.fingerprint:
        raise ValueError("it names another key than its statement")
    if len(signature) != _SIZE:
        raise ValueError(f"its signature has not {_SIZE} bytes")
    return Sealed(statement, message(payload), signature)


def _statement(given: Any) -> Statement:
    said = _object(given, "_type", "subject", "predicateType", "predicate")
    if (said["_type"], said["predicateType"]) != (STATEMENT, PREDICATE):
        raise ValueError("its statement is about something else than a record")
    subjects = said["subject"]
    if not isinstance(subjects, list) or len(subjects) != 1:
        raise ValueError("its statement is not about one record")
    digest = _object(_object(subjects[0], "name", "digest")["digest"], "sha256")["sha256"]
    predicate = _object(said["predicate"], "key", "signed")
    return Statement(
        _text(digest), PublicKey.of_text(_text(predicate["key"])), _moment(_text(predicate["signed"]))
    )


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _json(text: str) -> Any:
    try:
        return parsed(text)
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("it is no JSON") from None


def _object(given: Any, *keys: str) -> dict[str, Any]:
    if not isinstance(given, dict) or set(given) != set(keys):
        raise ValueError(f"an object with {', '.join(keys)} should be in it")
    return given


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise ValueError("text should be where it has something else")  # noqa: TRY004 -- bad data, not a bad call
    return given
