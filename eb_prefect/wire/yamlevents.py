# SPDX-License-Identifier: Apache-2.0
"""A YAML document to a plain value, event by event.

PyYAML's own loaders follow YAML 1.1, where ``NO`` is false, ``12:30`` is 750
and a few aliases can grow to gigabytes. Its parser alone has none of that:
this module composes the parser's events with a limit on everything.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from eb_prefect.errors import UnreadableDocumentError
from eb_prefect.wire.limits import MAX_DEPTH, MAX_DIGITS, MAX_NODES, real, whole

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")
_REAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_TEXT_TAG = "tag:yaml.org,2002:str"
_TAGS = {None, "!"} | {
    f"tag:yaml.org,2002:{t}" for t in ("str", "int", "float", "bool", "null", "map", "seq")
}
# libyaml's parser where PyYAML was built with it, which is ten times as fast
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class _Open:
    """A collection that has begun: its value so far, and the key that waits for its value."""

    value: Any
    anchor: str | None
    first: int
    key: str | None = None


@dataclass
class _Composer:
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    documents: list[Any] = field(default_factory=list)
    nodes: int = 0

    def take(self, event: Any) -> None:
        match event:
            case yaml.ScalarEvent():
                self.scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self.begin(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self.end(event)
            case yaml.AliasEvent():
                self.alias(event)
            case _:  # the begin and end of the stream and its documents
                pass

    def scalar(self, event: Any) -> None:
        _check_tag(event)
        self.count(1, event)
        if self.wants_key():
            self.key(event)
            return
        value = _scalar(event)
        self.remember(event.anchor, value, 1)
        self.put(value)

    def key(self, event: Any) -> None:
        if event.value == "<<" and event.implicit[0]:
            raise _fault("has a merge key <<; write the fields out", event)
        if event.value in self.stack[-1].value:
            raise _fault(f"has the key {event.value!r} twice in one mapping", event)
        self.stack[-1].key = event.value

    def begin(self, event: Any) -> None:
        _check_tag(event)
        self.count(1, event)
        if self.wants_key():
            raise _fault("has a mapping or list as a key", event)
        if len(self.stack) >= MAX_DEPTH:
            raise _fault(f"is nested deeper than {MAX_DEPTH} levels", event)
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self.stack.append(_Open(value, event.anchor, self.nodes - 1))

    def end(self, _event: Any) -> None:
        done = self.stack.pop()
        self.remember(done.anchor, done.value, self.nodes - done.first)
        self.put(done.value)

    def alias(self, event: Any) -> None:
        if event.anchor not in self.anchors:
            raise _fault(f"refers to *{event.anchor}, which nothing before it is named", event)
        if self.wants_key():
            raise _fault("has an alias as a key", event)
        value, size = self.anchors[event.anchor]
        self.count(size, event)
        self.put(value)

    def wants_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None

    def remember(self, anchor: str | None, value: Any, size: int) -> None:
        if anchor is not None:
            self.anchors[anchor] = (value, size)

    def put(self, value: Any) -> None:
        if not self.stack:
            self.documents.append(value)
            return
        top = self.stack[-1]
        if isinstance(top.value, list):
            top.value.append(value)
            return
        top.value[top.key] = value
        top.key = None

    def count(self, nodes: int, event: Any) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise _fault(f"has more than {MAX_NODES} values, aliases followed", event)


def yaml_value(document: str) -> Any:
    """Return the plain value of one YAML document.

    Raises
    ------
    UnreadableDocumentError
        It is no YAML, or has what a request never has.
    """
    composer = _Composer()
    for event in _events(document):
        composer.take(event)
        if len(composer.documents) > 1:
            raise _fault("has more than one YAML document", event)
    if not composer.documents or composer.documents == [None]:
        raise UnreadableDocumentError("is empty")
    return composer.documents[0]


def is_plain_text(text: str) -> bool:
    """Return whether the text, written without quotes, is read as text."""
    return not (text in _WORDS or _WHOLE.fullmatch(text) or _REAL.fullmatch(text))


def _events(document: str) -> Iterator[Any]:
    try:
        yield from yaml.parse(document, Loader=_PARSER)
    except yaml.MarkedYAMLError as broken:
        raise _marked(broken) from broken
    except yaml.YAMLError as broken:
        raise UnreadableDocumentError(f"is no YAML: {broken}") from broken


def _marked(broken: yaml.MarkedYAMLError) -> UnreadableDocumentError:
    problem = broken.problem or broken.context or "is no YAML"
    mark = broken.problem_mark or broken.context_mark
    if mark is None:
        return UnreadableDocumentError(problem)
    return UnreadableDocumentError(problem, line=mark.line + 1, column=mark.column + 1)


def _fault(reason: str, event: Any) -> UnreadableDocumentError:
    mark = event.start_mark
    return UnreadableDocumentError(reason, line=mark.line + 1, column=mark.column + 1)


def _check_tag(event: Any) -> None:
    if event.tag not in _TAGS:
        raise _fault(f"has the tag {event.tag}; only plain values are read", event)


def _scalar(event: Any) -> Any:
    written = event.value
    if not event.implicit[0] and event.tag in (None, "!", _TEXT_TAG):
        return written
    if written in _WORDS:
        return _WORDS[written]
    if len(written) > MAX_DIGITS:  # a digest may have no letters, or only an e
        return written
    if _WHOLE.fullmatch(written):
        return whole(written)
    if _REAL.fullmatch(written):
        return real(written)
    return written
