# SPDX-License-Identifier: Apache-2.0
"""The tree of an ASDF file: what it means without our record, its arrays, and where our record is.

The order of keys and the way a text is quoted count for nothing, and neither
does the number of a block: programs choose them anew. Digests of the entries
of a mapping are added up, so that no list of them is needed.
"""

import hashlib
import re
from typing import Any, NamedTuple

from provenance.products import cells
from provenance.products.yaml_text import RefusedYAML, events

KEY = "eb_provenance"
_PASSED_OVER = frozenset((KEY, "asdf_library", "history"))
_NDARRAY = "tag:stsci.edu:asdf/core/ndarray"
_VERSION = re.compile(r"-\d+\.\d+\.\d+$")
_INTEGER = re.compile(r"[+-]?\d{1,9}")
_ARRAY_LIMIT = 100_000
_NAME_LIMIT = 200
_RECORD_LIMIT = 1 << 20


class Array(NamedTuple):
    """An array of the tree: the number of its block, or the digest of what stands in the tree itself."""

    name: str
    block: int | None
    digest: bytes
    size: int


class Ours(NamedTuple):
    """Our entry: from where to where it goes, in characters, and what it says."""

    start: int
    end: int
    said: dict[str, str]


class Tree(NamedTuple):
    """A tree as read; ``column`` is that of its keys, None where no line can be added."""

    digest: str
    arrays: tuple[Array, ...]
    ours: Ours | None
    column: int | None
    end: int


class _Frame:
    """A collection that is being read."""

    def __init__(self, name: str, event: Any, *, is_mapping: bool, is_ours: bool) -> None:
        self.name = name
        self.tag = _VERSION.sub("", event.tag or "")
        self.start = event.start_mark.index
        self.is_mapping = is_mapping
        self.is_ours = is_ours
        self.key: str | None = None
        self.key_digest = b""
        self.source: int | None = None
        self.sum = 0
        self.count = 0
        self.sequence = hashlib.sha256()

    @property
    def is_array(self) -> bool:
        return self.tag == _NDARRAY

    def child(self) -> str:
        """Return the path of the next value."""
        step = self.key if self.is_mapping else str(self.count)
        return f"{self.name}/{step}".lstrip("/")[-_NAME_LIMIT:]

    def take(self, digest: bytes) -> None:
        """Count a value."""
        if self.is_mapping:
            pair = hashlib.sha256(self.key_digest + digest).digest()
            self.sum = (self.sum + int.from_bytes(pair, "big")) % (1 << 256)
            self.key = None
        else:
            self.sequence.update(digest)
        self.count += 1

    def digest(self) -> bytes:
        inside = self.sum.to_bytes(32, "big") if self.is_mapping else self.sequence.digest()
        return hashlib.sha256(cells.framed(self.tag) + (b"{" if self.is_mapping else b"[") + inside).digest()


def tree(text: str) -> Tree:
    """Read the tree.

    Raises
    ------
    RefusedYAML
        It is no YAML, or built to exhaust its reader.
    """
    return _Walk(text).tree()


class _Walk:
    def __init__(self, text: str) -> None:
        import yaml  # noqa: PLC0415 -- only files with YAML in them need it

        self.yaml = yaml
        self.resolver: Any = yaml.resolver.Resolver()
        self.text = text
        self.frames: list[_Frame] = []
        self.anchors: dict[str, int] = {}
        self.arrays: list[Array] = []
        self.root = b""
        self.column: int | None = None
        self.end = len(text)
        self.ours: Ours | None = None
        self.open: tuple[int, dict[str, str]] | None = None

    def tree(self) -> Tree:
        for event in events(self.text):
            match event:
                case self.yaml.MappingStartEvent() | self.yaml.SequenceStartEvent():
                    self.begin(event)
                case self.yaml.MappingEndEvent() | self.yaml.SequenceEndEvent():
                    self.finish(event)
                case self.yaml.ScalarEvent():
                    self.scalar(event)
                case self.yaml.AliasEvent():
                    self.value(event, hashlib.sha256(b"*%d" % self.anchor(event.anchor)).digest())
                case self.yaml.DocumentEndEvent():
                    break
                case _:
                    continue
        return Tree(self.root.hex(), tuple(self.arrays), self.ours, self.column, self.end)

    def anchor(self, name: str | None) -> int:
        """Return the number of an anchor, whose name programs choose anew."""
        return self.anchors.setdefault(name, len(self.anchors)) if name else 0

    def begin(self, event: Any) -> None:
        self.anchor(event.anchor)
        parent = self.frames[-1] if self.frames else None
        if parent and parent.is_mapping and parent.key is None:
            raise RefusedYAML("its YAML has a key that is no text")
        is_mapping = isinstance(event, self.yaml.MappingStartEvent)
        name = parent.child() if parent else ""
        is_ours = bool(parent and len(self.frames) == 1 and parent.key == KEY)
        self.frames.append(_Frame(name, event, is_mapping=is_mapping, is_ours=is_ours))
        if parent is None and (not is_mapping or event.flow_style):
            self.column = -1

    def finish(self, event: Any) -> None:
        frame = self.frames.pop()
        digest = frame.digest()
        if frame.is_array and (len(self.frames) != 1 or self.frames[0].key not in _PASSED_OVER):
            size = event.end_mark.index - frame.start
            self.arrays.append(Array(frame.name, frame.source, digest, size))
            if len(self.arrays) > _ARRAY_LIMIT:
                raise RefusedYAML(f"it has more than {_ARRAY_LIMIT} arrays")
            if frame.source is None:
                digest = b"ndarray"
        if not self.frames:
            self.root = digest
            self.close(event.start_mark.index)
            self.column = None if self.column == -1 else self.column
            return
        self.value(event, digest)

    def scalar(self, event: Any) -> None:
        self.anchor(event.anchor)
        tag = event.tag or self.resolver.resolve(self.yaml.ScalarNode, event.value, event.implicit)
        said = event.value
        if tag == "tag:yaml.org,2002:float":
            said = cells.double(said)
        digest = hashlib.sha256(cells.framed(_VERSION.sub("", tag)) + cells.framed(said)).digest()
        if not self.frames:
            self.root, self.column = digest, None
            return
        frame = self.frames[-1]
        if frame.is_mapping and frame.key is None:
            self.key(frame, event, digest)
            return
        if frame.is_ours and frame.key and len(event.value) <= _RECORD_LIMIT and self.open:
            self.open[1][frame.key] = event.value
        if frame.is_array and frame.key == "source" and _INTEGER.fullmatch(event.value):
            frame.source = int(event.value)
            digest = b"block"
        self.value(event, digest)

    def key(self, frame: _Frame, event: Any, digest: bytes) -> None:
        frame.key, frame.key_digest = event.value, digest
        if len(self.frames) != 1:
            return
        self.close(event.start_mark.index)
        if self.column is None:
            self.column = event.start_mark.column
        if event.value == KEY:
            self.open = event.start_mark.index, {}

    def close(self, at: int) -> None:
        """Our entry goes up to where the next begins."""
        if self.open is not None:
            self.ours = Ours(self.open[0], at, self.open[1])
            self.open = None

    def value(self, event: Any, digest: bytes) -> None:
        if not self.frames:
            return
        frame = self.frames[-1]
        if frame.is_mapping and frame.key is None:
            raise RefusedYAML(f"its YAML has an alias for a key in line {event.start_mark.line + 1}")
        if len(self.frames) == 1 and frame.is_mapping and frame.key in _PASSED_OVER:
            frame.key = None
            return
        frame.take(digest)
