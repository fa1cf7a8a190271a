# SPDX-License-Identifier: Apache-2.0
"""How long `eb show FILE` takes from a cold start, beside `prefect --version` and bare Python.

    python tests/benchmarks/show_start.py [FILE]

The commands run in turn, so that a change of the machine's speed meets all of them. FILE
is a product; without it one is made.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 20
BIN = Path(sys.executable).parent

REQUEST = """
executable:
  kind: executable/program
  command: [cp, /input/frame.fits, /output/copy.fits]
compute:
  volumes:
    - {path: /input/frame.fits, mode: READONLY, resources: [frame]}
    - {path: /output, mode: READWRITE, resources: [products]}
storage: [{name: products}]
data: [{name: frame, location: %s}]
"""


def product(folder: Path) -> Path:
    import numpy as np
    from astropy.io import fits

    frame = folder / "frame.fits"
    fits.PrimaryHDU(np.zeros((536, 520), dtype="f4")).writeto(frame)
    request = folder / "request.yaml"
    request.write_text(REQUEST % frame.as_uri())
    environment = {**os.environ, "EB_HOME": str(folder / "eb")}
    subprocess.run(
        [BIN / "eb", "run", request, "--out", folder], check=True, env=environment, capture_output=True
    )
    return folder / "copy.fits"


def seconds(words: list[object]) -> float:
    began = time.perf_counter()
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        file = Path(sys.argv[1]) if sys.argv[1:] else product(Path(name))
        commands: dict[str, list[object]] = {
            "eb show FILE": [BIN / "eb", "show", file],
            "prefect --version": [BIN / "prefect", "--version"],
            "python -c pass": [sys.executable, "-c", "pass"],
        }
        took: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for command, words in commands.items():
                took[command].append(seconds(words))
    ours = statistics.median(took["eb show FILE"])
    for command, each in took.items():
        median = statistics.median(each)
        print(f"{command:<18} {median * 1e3:7.0f} ms   eb show is {ours / median:6.2f} of it")


if __name__ == "__main__":
    main()
