# SPDX-License-Identifier: Apache-2.0
"""Messages that say why a request can't be met here."""

from datetime import UTC, datetime

from eb_prefect.model.parts import Message


def refusal(kind: str, text: str, **values: object) -> Message:
    """Return the message of one reason for NO; ``kind`` is the tail of its URN."""
    return _message("ERROR", kind, text, values)


def warning(kind: str, text: str, **values: object) -> Message:
    """Return a message that does not stand in the way."""
    return _message("WARN", kind, text, values)


def information(kind: str, text: str, **values: object) -> Message:
    """Return a message that is good to know."""
    return _message("INFO", kind, text, values)


def _message(level: str, kind: str, text: str, values: dict[str, object]) -> Message:
    return Message(
        kind=f"urn:eb-prefect:message/{kind}",
        time=datetime.now(UTC),
        level=level,
        message=text,
        values={name: value for name, value in values.items() if value is not None},
    )
