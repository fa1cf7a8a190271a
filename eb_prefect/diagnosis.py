# SPDX-License-Identifier: Apache-2.0
"""Everything that can be said of a document: what it is, its faults and its oddities."""

from collections.abc import Iterable
from typing import NamedTuple

from eb_prefect import check
from eb_prefect.checks.answers import offer_set_doubts, offer_set_faults, session_doubts
from eb_prefect.checks.doubts import unknown_field_doubts
from eb_prefect.errors import Fault
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.value import Value
from eb_prefect.wire.document import inspect
from eb_prefect.wire.recognise import Recognised


class Diagnosis(NamedTuple):
    """What a document is, why no broker or client could use it, and what a person should look at."""

    recognised: Recognised
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


def diagnose(text: str | bytes) -> Diagnosis:
    """Return everything that can be said of a document, whatever is wrong with it.

    Raises
    ------
    UnreadableDocumentError
        It is no JSON or YAML.
    InvalidDocumentError
        It is no document of the protocol.
    """
    seen = inspect(text)
    faults, warnings = _of(seen.value)
    # where the form is wrong, what is missing from the value says nothing more
    broken = [fault.path for fault in seen.faults]
    meaning = (fault for fault in faults if not any(_is_below(fault.path, path) for path in broken))
    return Diagnosis(seen.recognised, (*seen.faults, *meaning), (*seen.doubts, *warnings))


def _of(value: Value | None) -> tuple[Iterable[Fault], Iterable[Fault]]:
    match value:
        case ExecutionRequest():
            return check.faults(value), check.warnings(value)
        case OfferSet():
            return offer_set_faults(value), (*offer_set_doubts(value), *unknown_field_doubts(value))
        case Session():
            return (), (*session_doubts(value), *unknown_field_doubts(value))
        case _:
            return (), ()


def _is_below(path: str, other: str) -> bool:
    return path == other or path.startswith((f"{other}.", f"{other}["))
