# SPDX-License-Identifier: Apache-2.0
"""Damaged and hostile files, made from good ones."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from provenance.errors import ProvenanceError
from provenance.products.attach import attach
from provenance.products.extract import extract
from provenance.record import StepRecord

_WORDS = (
    b"\0" * 8,
    b"\xff" * 8,
    b"\x7f" + b"\xff" * 7,
    b"\x80" + b"\0" * 7,
    b"\xff" * 3 + b"\x7f",
    b"\0\0\0\x80",
)
_TEXTS = (
    b"[" * 20_000,
    b"9" * 5_000,
    b"&a;" * 1_000,
    b"\0",
    b"'" * 90,
    b'"' * 7,
    b"*x " * 500,
    b"1e999",
    b"-1",
)


def _overwritten(data: bytes, random: Random, at: int) -> bytes:
    count = random.choice((1, 1, 1, 2, 4, 16))
    return data[:at] + random.randbytes(count) + data[at + count :]


def _flipped(data: bytes, random: Random, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 << random.randrange(8))]) + data[at + 1 :]


def _worded(data: bytes, random: Random, at: int) -> bytes:
    word = random.choice(_WORDS)[: random.choice((2, 4, 8))]
    return data[:at] + word + data[at + len(word) :]


def _texted(data: bytes, random: Random, at: int) -> bytes:
    return data[:at] + random.choice(_TEXTS) + data[at:]


def _cut(data: bytes, random: Random, at: int) -> bytes:
    return data[:at]


def _without(data: bytes, random: Random, at: int) -> bytes:
    return data[:at] + data[at + random.choice((1, 3, 80, 2880, 5000)) :]


def _doubled(data: bytes, random: Random, at: int) -> bytes:
    span = data[at : at + random.choice((1, 8, 80, 2880))]
    return data[:at] + span * random.choice((2, 3, 100)) + data[at + len(span) :]


_WAYS: tuple[Callable[[bytes, Random, int], bytes], ...] = (
    _overwritten, _flipped, _worded, _texted, _cut, _without, _doubled
)  # fmt: skip


def damaged(data: bytes, random: Random) -> bytes:
    """Return the bytes with one to three things wrong, half of them where the record or the header is."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if not data:
            return data
        mark = data.find(b"SessionRecord") if random.random() < 0.3 else 0
        near = random.random() < 0.5
        at = (
            min(len(data) - 1, max(0, mark + random.randrange(-500, 4000)))
            if near
            else random.randrange(len(data))
        )
        data = random.choice(_WAYS)(data, random, at)
    return data


def several(whole: bytes, count: int) -> Iterator[bytes]:
    """Yield a file, damaged each time in another way; the same ones in each run."""
    random = Random(int(os.environ.get("EB_HOSTILE_SEED", "1")))
    for _ in range(int(os.environ.get("EB_HOSTILE_TRIALS", str(count)))):
        yield damaged(whole, random)


def flipped(path: Path, at: int) -> None:
    """Change one bit of the byte there."""
    whole = bytearray(path.read_bytes())
    whole[at] ^= 1
    path.write_bytes(whole)


def damage(path: Path, random: Random) -> None:
    """Damage a file, or one of those in a directory."""
    if path.is_dir():
        path = random.choice(sorted(one for one in path.rglob("*") if one.is_file()))
    path.write_bytes(damaged(path.read_bytes(), random))


def outcome(path: Path, record: StepRecord, product: str, random: Random) -> str:
    """Read a damaged file, and put a record into one in four; say how it ended."""
    try:
        found = extract(path)
        if random.random() < 0.25:
            attach(path, record, product)
            extract(path)
    except ProvenanceError as error:
        return type(error).__name__
    return str(found.binding)


def trial(good: Path, record: StepRecord, random: Random, below: Path) -> str:
    """Damage a copy of a good product and read it."""
    path = below / good.name
    shutil.copytree(good, path) if good.is_dir() else shutil.copy(good, path)
    damage(path, random)
    try:
        return outcome(path, record, good.name, random)
    finally:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        (below / f"{good.name}.prov.json").unlink(missing_ok=True)


class Memory:
    """The most memory that this process had since it was made, in MB."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")
        self.before = self._peak()

    @staticmethod
    def _peak() -> float:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    @property
    def grown(self) -> float:
        return self._peak() - self.before
