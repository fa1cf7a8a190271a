# SPDX-License-Identifier: Apache-2.0
"""Requests changed by hand, the changes kept as a JSON Patch (RFC 6902).

A patch is of the neutral form, `Value.neutral`. It is what a record keeps of
a revision, so it can be applied again and read by other programs.
"""

import copy
import json
import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import jsonpatch
import jsonpointer

from eb_prefect.editpath import NoSuchPathError, child, pointer, steps_of
from eb_prefect.errors import Fault, InvalidEditError, InvalidRequestError, UnreadableDocumentError
from eb_prefect.model.data import SimpleData
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.shape import Free, Items, Record, Scalar, Shape
from eb_prefect.wire.faults import Examined, examine, path_text
from eb_prefect.wire.text import parse

Operation = dict[str, Any]

_REQUEST = Record((ExecutionRequest,))
_SETTING = re.compile(r"((?:\[[^\]]*\]|[^=\[])+)=(.*)", re.DOTALL)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|file:/")
_KEPT_WITH_OTHER_DATA = ("uuid", "name", "description", "storage")


def patch_of(
    request: ExecutionRequest, settings: Iterable[str], inputs: Mapping[str, str]
) -> list[Operation]:
    """Return the JSON Patch that makes the changes that were asked for.

    A setting is ``PATH=VALUE``; the value is YAML where the model wants a
    number, a list or a mapping, and text as it stands where it wants text;
    ``null`` takes away what is no text. What is missing on the way to a path
    is added. An input is the name of a data resource and the place its data
    are at now: a URL, or a local path, which becomes a file URL. Inputs come
    first.

    Raises
    ------
    InvalidEditError
        A path, name or value can't be; every one is told, with what there is.
    InvalidRequestError
        The changed request would have faults; every one is told.
    """
    document = request.neutral()
    patch: list[Operation] = []
    faults: list[Fault] = []
    changes = [partial(_input, name=name, location=location) for name, location in inputs.items()]
    for change in (*changes, *(partial(_setting, text=text) for text in settings)):
        done = change(document)
        if isinstance(done, Fault):
            faults.append(done)
            continue
        document = _applied(document, done)
        patch.extend(done)
    changed = _examined(request, patch)
    if faults:
        raise InvalidEditError("the change", (*faults, *changed.faults))
    _value(changed)
    return patch


def patched(request: ExecutionRequest, patch: Iterable[Operation]) -> ExecutionRequest:
    """Return the request with a JSON Patch applied; the one that was given stays as it is.

    Raises
    ------
    InvalidEditError
        The patch is none, or does not fit the request.
    InvalidRequestError
        The changed request has faults; every one is told.
    """
    return _value(_examined(request, list(patch)))


def _examined(request: ExecutionRequest, patch: list[Operation]) -> Examined[ExecutionRequest]:
    return examine(ExecutionRequest, _applied(request.neutral(), patch))


def _value(changed: Examined[ExecutionRequest]) -> ExecutionRequest:
    if changed.faults or changed.value is None:
        raise InvalidRequestError("the changed request", changed.faults)
    return changed.value


def _applied(document: Any, patch: Any) -> Any:
    # the values of a patch become part of what it is applied to, so each application gets its own
    try:
        return jsonpatch.apply_patch(document, copy.deepcopy(patch))
    # TypeError: the library takes "-" for a number where an item is removed, moved or copied
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError) as broken:
        raise InvalidEditError("the patch", [Fault("", f"does not fit the request: {broken}")]) from broken


def _setting(document: dict[str, Any], text: str) -> list[Operation] | Fault:
    if any("\ud800" <= character <= "\udfff" for character in text):
        return Fault(ascii(text)[1:-1], "has bytes that are no UTF-8 text")
    match = _SETTING.fullmatch(text)
    steps = steps_of(match.group(1).strip()) if match else []
    if not match or not steps:
        return Fault(text, "is not PATH=VALUE, such as executable.environment.SIGMA=3")
    try:
        return _operations(_REQUEST, document, steps, match.group(2), ())
    except NoSuchPathError as nowhere:
        return nowhere.fault


def _operations(
    shape: Shape, node: Any, steps: list[str], value: str, above: tuple[str | int, ...]
) -> list[Operation]:
    """Return what sets the place at the end of the steps."""
    step, *rest = steps
    place = child(shape, node, step, above)
    at = (*above, place.key)
    if not rest:
        return _leaf(place.shape, value, at, exists=place.exists)
    if place.exists:
        return _operations(place.shape, node[place.key], rest, value, at)
    empty = _empty(place.shape)
    below = _operations(place.shape, empty, rest, value, at)
    relative = [operation | {"path": operation["path"][len(pointer(at)) :]} for operation in below]
    return [{"op": "add", "path": pointer(at), "value": _applied(empty, relative)}] if below else []


def _leaf(shape: Shape, text: str, at: tuple[str | int, ...], *, exists: bool) -> list[Operation]:
    is_text = isinstance(shape, Scalar) and shape.is_text
    if text.strip() == "null" and not is_text and not isinstance(shape, Free):
        return [{"op": "remove", "path": pointer(at)}] if exists else []
    value = text if is_text else _typed(shape, text, at)
    return [{"op": "replace" if exists else "add", "path": pointer(at), "value": value}]


def _typed(shape: Shape, text: str, at: tuple[str | int, ...]) -> Any:
    if text.strip() in ("null", "~"):
        return None
    try:
        value = parse(text)
    except UnreadableDocumentError as broken:
        raise NoSuchPathError(path_text(at), f"can't be set to {text!r}: {broken.faults[0]}") from broken
    return json.loads(json.dumps(_fitting(shape, value)))


def _fitting(shape: Shape, value: Any) -> Any:
    """Turn scalars into text where the shape has text, as the reader of documents does."""
    match shape, value:
        case Items(_, item), list():
            return [_fitting(item, one) for one in value]
        case Items(_, item), dict():
            return {key: _fitting(item, one) for key, one in value.items()}
        case Scalar(is_text=True), bool():
            return str(value).lower()
        case Scalar(is_text=True), int() | float():
            return str(value)
        case _:
            return value


def _empty(shape: Shape) -> Any:
    match shape:
        case Items(container, _):
            return container()
        case Record(values) if (kind := values[0].model_fields.get("kind")) and isinstance(kind.default, str):
            return {"kind": kind.default}
        case _:
            return {}


def _input(document: dict[str, Any], name: str, location: str) -> list[Operation] | Fault:
    data = document.get("data", [])
    names = [part["name"] for part in data if "name" in part]
    if name not in names:
        near = get_close_matches(name, names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(names) or 'none'}"
        return Fault(f"data[{name}]", f"is no data of the request; {hint}")
    n = [part.get("name") for part in data].index(name)
    url = location if _URL.match(location) else Path(os.path.abspath(location)).as_uri()  # noqa: PTH100 -- resolve() would follow links
    at = pointer(("data", n))
    kind = SimpleData.model_fields["kind"].default
    if data[n].get("kind") != kind:
        kept = {key: data[n][key] for key in _KEPT_WITH_OTHER_DATA if key in data[n]}
        return [{"op": "replace", "path": at, "value": {"kind": kind} | kept | {"location": url}}]
    operations = [
        {"op": "replace" if "location" in data[n] else "add", "path": f"{at}/location", "value": url}
    ]
    if "checksum" in data[n]:  # it is that of the data before
        operations.append({"op": "remove", "path": f"{at}/checksum"})
    return operations
