# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from pathlib import Path

import eb_prefect.brokers.embedded.supervisor.spawn as spawning

SLOW = (
    "json",
    "re",
    "enum",
    "typing",
    "dataclasses",
    "subprocess",
    "pathlib",
    "ctypes",
    "signal",
    "collections",
)


def test_a_supervisor_imports_nothing_that_is_slow() -> None:
    package = Path(spawning.__file__).parent.parent
    text = f"import sys; sys.path.append({str(package)!r}); import supervisor.main; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", text], capture_output=True, text=True, check=True
    )
    assert [name for name in SLOW if name in done.stdout.split()] == []
