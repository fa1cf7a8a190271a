# SPDX-License-Identifier: Apache-2.0
"""Readers that behave as the library of a damaged file may."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from provenance.products.guarded import alive


def echo(path: str, *given: Any) -> list[Any]:
    return [path, *given]


def process(path: str) -> int:
    return os.getpid()


def crash(path: str) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def loop(path: str) -> None:
    while True:
        pass


def slow(path: str) -> str:
    for _ in range(20):
        time.sleep(0.1)
        alive()
    return "done"


def eat(path: str, size: int) -> int:
    return len(bytearray(size))


def write(path: str, to: str) -> None:
    Path(to).write_bytes(b"x")
