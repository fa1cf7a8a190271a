# SPDX-License-Identifier: Apache-2.0
"""What a stranger's JSON has in some place: of the kind that should be there, or nothing."""

from typing import Any


def mapping(given: Any) -> dict[str, Any]:
    """Return an object; an empty one for anything else."""
    return given if isinstance(given, dict) else {}


def items(given: Any) -> list[Any]:
    """Return a list; an empty one for anything else."""
    return given if isinstance(given, list) else []


def mappings(given: Any) -> list[dict[str, Any]]:
    """Return a list of objects; what is none in it becomes an empty one."""
    return [mapping(item) for item in items(given)]
