# SPDX-License-Identifier: Apache-2.0
"""What pydantic finds wrong with a neutral document, as faults that a person can read."""

import copy
import re
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from eb_prefect.errors import Fault
from eb_prefect.model.kind import KNOWN
from eb_prefect.model.value import Value

V = TypeVar("V", bound=Value)
Steps = tuple[str | int, ...]

_ROUNDS = 4
_TAGS = KNOWN | {"other"}
_UNIONS = frozenset({"executable", "compute"})
_UNION_LISTS = frozenset({"data", "storage", "volumes"})
_PLAIN_KEY = re.compile(r"[\w-]+")

_REASONS = {
    "missing": "is missing",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "int_parsing_size": "is too large a number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "finite_number": "should be a finite number",
    "string_type": "should be text",
    "string_unicode": "should be text",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "dict_type": "should be a mapping",
    "model_type": "should be a mapping",
    "model_attributes_type": "should be a mapping",
    "tuple_type": "should be a list",
    "datetime_type": "should be an instant such as 2026-11-23T12:00:00Z",
    "time_delta_type": "should be a duration such as PT10M",
    "named_tuple_type": "should be an interval such as 2026-11-23T12:00:00Z/PT2H",
}


class Examined(NamedTuple, Generic[V]):
    """A value, and what was wrong with the document it came from.

    The value lacks whatever was wrong; it is None if nothing was left of it.
    """

    value: V | None
    faults: tuple[Fault, ...]


def path_text(steps: Steps) -> str:
    """Return a path such as ``data[1].skao.datasize``."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif not _PLAIN_KEY.fullmatch(step):
            text += f"[{step!r}]"
        else:
            text += f".{step}" if text else step
    return text


def examine(model: type[V], document: Any) -> Examined[V]:
    """Return the value of a neutral document and all its faults.

    What is wrong is cut out and the rest read again, so that other checks
    can tell their reasons at the same time.
    """
    faults: dict[Steps, Fault] = {}
    rest = document
    for _ in range(_ROUNDS):
        found = _validated(model, rest)
        if not isinstance(found, ValidationError):
            return Examined(found, tuple(faults.values()))
        wrong = [(_steps(error["loc"], rest), _reason(error)) for error in found.errors(include_url=False)]
        for steps, reason in wrong:
            if not any(steps[:n] in faults for n in range(len(steps) + 1)):
                faults[steps] = Fault(path_text(steps), reason)
        rest = _without(rest, [steps for steps, _ in wrong])
    return Examined(None, tuple(faults.values()))


def _validated(model: type[V], document: Any) -> V | ValidationError:
    try:
        return model.model_validate(document)
    except ValidationError as wrong:
        return wrong


def _steps(location: Steps, document: Any) -> Steps:
    """Leave out of pydantic's location what is no key of the document: tags and branches of unions."""
    steps: list[str | int] = []
    node = document
    for n, step in enumerate(location):
        if _is_tag(location, n):
            continue
        if _has(node, step):
            node = node[step]
        elif not isinstance(node, dict) or n < len(location) - 1:
            break
        steps.append(step)
    return tuple(steps)


def _has(node: Any, step: str | int) -> bool:
    if isinstance(node, list):
        return isinstance(step, int) and step < len(node)
    return isinstance(node, dict) and step in node


def _is_tag(location: Steps, n: int) -> bool:
    if n == 0 or location[n] not in _TAGS:
        return False
    of_list = n > 1 and isinstance(location[n - 1], int) and location[n - 2] in _UNION_LISTS
    return of_list or location[n - 1] in _UNIONS


def _reason(error: ErrorDetails) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    reason = _REASONS.get(error["type"], error["msg"][:1].lower() + error["msg"][1:])
    return reason if error["type"] == "missing" else f"{reason}, and is {_shown(error['input'])}"


def _shown(given: Any) -> str:
    if isinstance(given, dict):
        return "a mapping"
    if isinstance(given, list | tuple):
        return "a list"
    if given is None or isinstance(given, bool):
        return {None: "empty", True: "true", False: "false"}[given]
    text = repr(given) if isinstance(given, str) else str(given)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _without(document: Any, cut: list[Steps]) -> Any:
    rest = copy.deepcopy(document)
    for *above, last in filter(None, cut):
        node = rest
        for step in above:
            node = node[step]
        if isinstance(node, dict):
            node.pop(last, None)
        else:  # the items after it must keep their numbers
            node[last] = "" if isinstance(node[last], dict | list) else {}
    return rest
