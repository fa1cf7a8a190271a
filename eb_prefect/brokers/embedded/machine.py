# SPDX-License-Identifier: Apache-2.0
"""What this machine has: cores, memory, disk, and what describes it to a program."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_DESCRIBE = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "LD_LIBRARY_PATH",
        "XDG_RUNTIME_DIR",
    }
)
_DESCRIBE_BY_PREFIX = ("LC_", "OMP_", "OPENBLAS_", "MKL_", "NUMEXPR_", "CUDA_")
_FOR_DOWNLOADS = frozenset({"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"})


class Machine(NamedTuple):
    """The cores this process may use, and all memory, in GiB."""

    cpus: tuple[int, ...]
    gibibytes: int

    def share(self, cores: int) -> int:
        """Return the GiB of memory that belong to so many cores, at least 1."""
        return max(self.gibibytes * cores // len(self.cpus), 1)


def machine() -> Machine:
    """Return what this machine has now."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(tuple(sorted(os.sched_getaffinity(0))), max(memory >> 30, 1))


def free_disk(directory: Path) -> float:
    """Return the GiB that are free where the directory is, or will be."""
    while not directory.exists():
        directory = directory.parent
    return shutil.disk_usage(directory).free / (1 << 30)


def surroundings() -> Mapping[str, str]:
    """Return the part of the environment that describes the machine.

    The rest of a caller's environment stays with the caller: it may hold
    secrets, and a program that needs more of it can't be repeated elsewhere.
    """
    describing = {
        name: text
        for name, text in os.environ.items()
        if name in _DESCRIBE or name.startswith(_DESCRIBE_BY_PREFIX)
    }
    return {**describing, "PATH": search_path()}


def search_path() -> str:
    """Return where a program is looked for by its name: beside this interpreter, then on the PATH.

    So ``python3`` is the Python that this broker is installed in, with its
    packages, whether or not its environment was activated.
    """
    beside = os.path.dirname(sys.executable)  # noqa: PTH120 - as it is found, not where a link leads
    return os.pathsep.join([beside, os.environ.get("PATH", os.defpath)])


def supervisor_environment() -> dict[str, str]:
    """Return what a supervisor needs of the environment: how to reach the web."""
    certificates = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    wanted = _FOR_DOWNLOADS.union(certificates, {"PATH"})
    return {name: text for name, text in os.environ.items() if name in wanted}
