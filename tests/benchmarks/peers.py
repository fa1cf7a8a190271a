# SPDX-License-Identifier: Apache-2.0
"""The same short steps through DataLad and aiida-shell; run by step_cost.py in an environment of theirs.

Both are driven from Python in one process, so that neither pays for its start-up at each step.
"""

import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

GIT = {
    "GIT_AUTHOR_NAME": "benchmark",
    "GIT_AUTHOR_EMAIL": "benchmark@localhost",
    "GIT_COMMITTER_NAME": "benchmark",
    "GIT_COMMITTER_EMAIL": "benchmark@localhost",
}


def datalad(frame: Path, steps: int, folder: Path, *, by_command: bool = False) -> list[float]:
    import datalad.api as dl

    data = folder / "dataset"
    dl.create(path=str(data), result_renderer="disabled")
    os.chdir(data)  # a run's inputs are relative to where it is called
    (data / "frame.fits").write_bytes(frame.read_bytes())
    dl.save(dataset=str(data), result_renderer="disabled")

    if by_command:
        command = Path(sys.executable).with_name("datalad")

        def step(n: int) -> None:
            words = [
                "run",
                "--input",
                "frame.fits",
                "--output",
                f"copy-{n}.fits",
                f"cp -L frame.fits copy-{n}.fits",
            ]
            subprocess.run([command, *words], check=True, stdout=subprocess.DEVNULL)

        return timed(step, steps)

    def step(n: int) -> None:
        dl.run(
            f"cp -L frame.fits copy-{n}.fits",
            dataset=str(data),
            inputs=["frame.fits"],
            outputs=[f"copy-{n}.fits"],
            message=f"copy {n}",
            result_renderer="disabled",
        )

    return timed(step, steps)


def aiida(frame: Path, steps: int, folder: Path) -> list[float]:
    os.environ["AIIDA_PATH"] = str(folder)
    subprocess.run([Path(sys.executable).with_name("verdi"), "presto"], check=True, stdout=subprocess.DEVNULL)
    from aiida import load_profile
    from aiida.orm import SinglefileData
    from aiida_shell import launch_shell_job

    load_profile()
    given = SinglefileData(frame)

    def step(n: int) -> None:
        _, node = launch_shell_job(
            "cp", arguments="{frame} copy.fits", nodes={"frame": given}, outputs=["copy.fits"]
        )
        assert node.is_finished_ok

    return timed(step, steps)


def timed(step, steps: int) -> list[float]:  # noqa: ANN001 - a callable
    step(-1)  # imports and first-use set-up are not a step's cost
    took = []
    for n in range(steps):
        began = time.perf_counter()
        step(n)
        took.append(time.perf_counter() - began)
    return took


if __name__ == "__main__":
    peer, frame, steps, folder = sys.argv[1:]
    os.environ.update(GIT)
    measure = {"datalad": datalad, "datalad-command": partial(datalad, by_command=True), "aiida": aiida}[peer]
    took = measure(Path(frame), int(steps), Path(folder))
    print("\n" + json.dumps(took))
