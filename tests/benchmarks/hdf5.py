# SPDX-License-Identifier: Apache-2.0
"""What records in HDF5 files cost: ``python -m tests.benchmarks.hdf5``."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py

from provenance.canonical import ni
from provenance.products.found import Label
from provenance.products.hdf5 import embed, read
from tests.provenance.products.hdf5_files import SHAPES

DOCUMENT = b'{"record": "' + b"x" * 11_000 + b'"}'
LABEL = Label(ni(DOCUMENT), ni(b""), 0)


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def big(path: Path, size: int) -> None:
    with h5py.File(path, "w") as file:
        for number in range(20):
            file.attrs[f"note {number}"] = "text " * 10
        file.create_dataset("data", (size // 8,), "f8")[-1] = 1


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "product.h5"
        for size in (10 << 20, 3 << 29):
            big(path, size)
            before = path.stat().st_size
            read(path, check=False)
            took = seconds(lambda: embed(path, DOCUMENT, LABEL))
            grown = path.stat().st_size - before
            print(f"{size >> 20:5} MiB: attach {1e3 * took:.1f} ms, {grown} bytes for {len(DOCUMENT)}")
            print(f"           digests {seconds(lambda: read(path)):.2f} s")
            path.unlink()
        for name, make in SHAPES.items():
            make(path)
            embed(path, DOCUMENT, LABEL)
            took = seconds(lambda: [(read(path, check=False), read(path)) for _ in range(100)])
            print(f"{name:16} {100 / took:.0f} extracted and verified a second")
            path.unlink()


if __name__ == "__main__":
    main()
