# SPDX-License-Identifier: Apache-2.0
"""JSON and YAML text to plain values, and back.

A plain value is what JSON has: mappings with text keys, lists, text, numbers,
booleans and null. YAML is read the same way: only ``true`` and ``false`` are
booleans and only JSON's numbers are numbers, so ``YES``, ``2026-11-23``,
``12:30`` and ``010`` stay the text that a person sees.
"""

import json
import re
from typing import Any, Literal, Never

import yaml

from eb_prefect.errors import UnreadableDocumentError
from eb_prefect.wire.limits import MAX_BYTES, MAX_DEPTH, real, whole
from eb_prefect.wire.yamlevents import is_plain_text, yaml_value

_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")

_UNSEEN = re.compile("[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")

Format = Literal["json", "yaml"]


def parse(text: str | bytes) -> Any:
    """Return the plain value of a JSON or YAML document.

    Raises
    ------
    UnreadableDocumentError
        The text is neither, or is larger, deeper or stranger than any
        request or session; with line and column where there is one.
    """
    document = _decoded(text)
    if document.lstrip()[:1] not in ("{", "["):
        return yaml_value(document)
    try:
        return _json_value(document)
    except json.JSONDecodeError as broken:
        return _flow_value(document, broken)


def to_text(document: Any, form: Format = "json") -> str:
    """Return the document as text that ends with a newline."""
    if form == "json":
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    plain = json.loads(json.dumps(document, allow_nan=False))
    return yaml.dump(plain, Dumper=_QuotingDumper, sort_keys=False, allow_unicode=True, width=100)


def _decoded(text: str | bytes) -> str:
    if len(text) > MAX_BYTES:
        raise UnreadableDocumentError(f"is larger than {MAX_BYTES >> 20} MiB")
    try:
        # text is encoded too: it may hold halves of characters, which no document can
        return (text if isinstance(text, bytes) else text.encode()).decode("utf-8-sig")
    except UnicodeError as broken:
        raise UnreadableDocumentError("is not UTF-8 text") from broken


def _json_value(document: str) -> Any:
    try:
        value = json.loads(
            document,
            object_pairs_hook=_unique,
            parse_int=whole,
            parse_float=real,
            parse_constant=_refuse,
        )
    except RecursionError:
        raise UnreadableDocumentError(f"is nested deeper than {MAX_DEPTH} levels") from None
    if _depth_exceeds(value, MAX_DEPTH):
        raise UnreadableDocumentError(f"is nested deeper than {MAX_DEPTH} levels")
    if _HALF_CHARACTER.search(document):
        _check_characters(value)
    return value


def _check_characters(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UnreadableDocumentError("has half a character, a lone surrogate such as \\ud800") from None


def _flow_value(document: str, broken: json.JSONDecodeError) -> Any:
    # YAML may start with a brace too; if it is not even that, JSON's complaint is the helpful one
    try:
        return yaml_value(document)
    except UnreadableDocumentError:
        raise UnreadableDocumentError(broken.msg, line=broken.lineno, column=broken.colno) from broken


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise UnreadableDocumentError(f"has the key {twice!r} twice in one mapping")
    return value


def _refuse(constant: str) -> Never:
    raise UnreadableDocumentError(f"has the number {constant}, which JSON does not know")


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        if not level:
            return False
        nested = [item for item in level if isinstance(item, dict | list)]
        level = [x for item in nested for x in (item.values() if isinstance(item, dict) else item)]
    return bool(level)


class _QuotingDumper(yaml.SafeDumper):
    """Quotes all text that some YAML reader takes for something else."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 -- the base class names it
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))


def _style(text: str) -> str | None:
    if _UNSEEN.search(text):
        return '"'  # the only style that escapes
    if "\n" in text:
        return "|"
    return None if is_plain_text(text) else "'"


_QuotingDumper.add_representer(str, _text)
