# SPDX-License-Identifier: Apache-2.0
"""What slurmrestd complains of; the HTTP status does not tell."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

UNKNOWN = frozenset({2017})
"""Codes for a number that is no submission's."""
NOTHING = frozenset({9003})
"""Codes for an answer that has nothing in it."""
NOBODY = frozenset({2166})
"""Codes for a user whom the machine of slurmrestd does not know."""
ENDED = frozenset({2017, 2021, 2084})
"""Codes for what can't be cancelled as it has ended."""
_NOT_NOW = frozenset({2027, 2131})
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\uffff]+")
_SHOWN = 1000


class Complaint(NamedTuple):
    """One of them: Slurm's number, 0 or less for none, and its words."""

    code: int
    text: str

    @property
    def is_refusal(self) -> bool:
        """Whether Slurm thought about the request and will not have it.

        Below 2000 and from 3000 to 8000 the numbers are those of connections,
        of daemons and of tokens.
        """
        return (2000 <= self.code < 3000 and self.code not in _NOT_NOW) or self.code >= 8000


def complaints(document: Mapping[str, Any]) -> tuple[Complaint, ...]:
    """Return all that are in an answer, whatever its HTTP status."""
    given = document.get("errors")
    return tuple(_complaint(error) for error in given or () if isinstance(error, dict))


def codes(found: Iterable[Complaint]) -> frozenset[int]:
    """Return their numbers."""
    return frozenset(complaint.code for complaint in found)


def words(found: Iterable[Complaint]) -> str:
    """Return what they say, in one line and each once."""
    text = "; ".join(dict.fromkeys(complaint.text for complaint in found))
    return _UNPRINTABLE.sub(" ", text)[:_SHOWN]


def _complaint(error: Mapping[str, Any]) -> Complaint:
    number = next((error[key] for key in ("error_number", "error_code", "errno") if key in error), 0)
    said = [str(error[key]) for key in ("error", "description") if error.get(key)]
    text = said[0] if len(set(said)) == 1 else ": ".join(said)
    return Complaint(number if isinstance(number, int) else 0, text or f"error {number}")
