# SPDX-License-Identifier: Apache-2.0
"""What a real PanDA server answered, see ``server/recording.py``."""

import json
from copy import deepcopy
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ANSWERS = Path(__file__).parent / "answers"


class Recorded(NamedTuple):
    """An answer as it came."""

    status: int
    type: str
    body: Any


@cache
def _read(name: str) -> Recorded:
    found = json.loads((ANSWERS / f"{name}.json").read_text())
    return Recorded(found["status"], found["type"], found["body"])


def recorded(name: str) -> Recorded:
    """Return an answer, for the caller to change."""
    return deepcopy(_read(name))


def body(name: str) -> Any:
    """Return the document of an answer."""
    return recorded(name).body


def moment(when: datetime) -> dict[str, str]:
    """Return an instant as PanDA writes it: UTC, without saying so."""
    return {"__datetime__": when.replace(tzinfo=None).isoformat()}
