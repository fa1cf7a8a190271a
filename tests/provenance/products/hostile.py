# SPDX-License-Identifier: Apache-2.0
"""Files that malice made, and the bounds that reading them keeps, whatever is in them."""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from provenance.errors import ProvenanceError

MEMORY = 64 << 20
SECONDS = 10


@contextmanager
def bounded() -> Iterator[None]:
    """Fail where more than 64 MB of memory, or unreasonably long, was needed."""
    tracemalloc.start()
    begun = time.monotonic()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEMORY
    assert time.monotonic() - begun < SECONDS


def withstood(path: Path, data: bytes, *calls: Callable[[Path], object]) -> None:
    """Write the file, and let each call do what it can with it: only errors of ours, within the bounds."""
    path.write_bytes(data)
    with bounded():
        for call in calls:
            with suppress(ProvenanceError):
                call(path)
