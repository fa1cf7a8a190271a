# SPDX-License-Identifier: Apache-2.0
"""Give the nodes in layers their places, near to what they are linked with and never on each other."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from provenance.picture.layers import Layers, Slot

WIDTH, HEIGHT = 178, 46
_GAP, _COLUMN = 18, 52
_LINE = 8
_MARGIN = 12
_SWEEPS = 16


class Box(NamedTuple):
    """A node's place: its left upper corner, and how wide and high it is."""

    x: float
    y: float
    width: float = WIDTH
    height: float = HEIGHT

    @property
    def middle(self) -> float:
        """The height of its middle, where edges come and go."""
        return self.y + self.height / 2

    def meets(self, other: "Box") -> bool:
        """Whether the two have room in common."""
        apart = self.x + self.width <= other.x or other.x + other.width <= self.x
        return not (apart or self.y + self.height <= other.y or other.y + other.height <= self.y)

    def turned(self) -> "Box":
        """Return it with what is across and what is down changed for each other."""
        return Box(self.y, self.x, self.height, self.width)


class Places(NamedTuple):
    """The box of each node, or of each point of an edge, and the size of it all."""

    boxes: Mapping[Slot, Box]
    width: float
    height: float


def placed(layers: Layers, *, down: bool = False) -> Places:
    """Return a place for each slot of the layers, which go from left to right, or down."""
    size, line = (WIDTH, HEIGHT) if down else (HEIGHT, WIDTH)
    middles = _middles(layers, size)
    top = min((middles[slot] - _size(slot, size) / 2 for slot in middles), default=0) - _MARGIN
    boxes = {
        slot: _box(slot, _MARGIN + column * (line + _COLUMN), middles[slot] - top, line, size)
        for column, layer in enumerate(layers.layers)
        for slot in layer
    }
    if down:
        boxes = {slot: box.turned() for slot, box in boxes.items()}
    return Places(
        boxes,
        max((box.x + box.width for box in boxes.values()), default=0) + _MARGIN,
        max((box.y + box.height for box in boxes.values()), default=0) + _MARGIN,
    )


def _size(slot: Slot, size: int) -> int:
    return size if isinstance(slot, str) else _LINE


def _box(slot: Slot, x: float, middle: float, width: float, size: int) -> Box:
    height = _size(slot, size)
    return Box(x, round(middle - height / 2, 1), width, height)


def _middles(layers: Layers, size: int) -> dict[Slot, float]:
    """Return the height of each slot's middle, drawn to its neighbours on the left and right by turns."""
    before: dict[Slot, list[Slot]] = defaultdict(list)
    after: dict[Slot, list[Slot]] = defaultdict(list)
    for start, end in layers.links:
        before[end].append(start)
        after[start].append(end)
    middles: dict[Slot, float] = {}
    for layer in layers.layers:
        middles |= _apart(layer, [0.0] * len(layer), size)
    for sweep in range(_SWEEPS):
        order, towards = (layers.layers, before) if sweep % 2 == 0 else (layers.layers[::-1], after)
        for layer in order:
            middles |= _apart(layer, [_mean(middles, slot, towards) for slot in layer], size)
    return middles


def _mean(middles: Mapping[Slot, float], slot: Slot, towards: Mapping[Slot, Sequence[Slot]]) -> float:
    near = towards.get(slot)
    return sum(middles[one] for one in near) / len(near) if near else middles[slot]


def _apart(layer: Sequence[Slot], wanted: Sequence[float], size: int) -> dict[Slot, float]:
    """Return the middles nearest to those wanted that leave a gap between all; the order stays.

    Less what lies above each, they must not fall: the least squares under
    that are the means of the spans that would (pool adjacent violators).
    """
    offsets = [0.0]
    for upper, lower in pairwise(layer):
        offsets.append(offsets[-1] + (_size(upper, size) + _size(lower, size)) / 2 + _GAP)
    pools: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=False):
        value, count = want - offset, 1
        while pools and pools[-1][0] > value:
            other, others = pools.pop()
            value = (value * count + other * others) / (count + others)
            count += others
        pools.append((value, count))
    even = [value for value, count in pools for _ in range(count)]
    return {slot: value + offset for slot, value, offset in zip(layer, even, offsets, strict=False)}
