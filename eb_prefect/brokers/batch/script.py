# SPDX-License-Identifier: Apache-2.0
"""The script of a submission: a supervisor for each task."""

import hashlib
import io
import shlex
import zipfile
from pathlib import Path

import eb_prefect.brokers.embedded.supervisor as package
from eb_prefect.brokers.batch.host import Host
from eb_prefect.brokers.batch.nodes import python
from eb_prefect.brokers.batch.settings import BatchSettings

_PACKAGE = Path(package.__file__).parent
_MAIN = (
    "import sys; sys.path.append(sys.argv[2]); from supervisor.task import main; sys.exit(main(sys.argv[1]))"
)
_EPOCH = (1980, 1, 1, 0, 0, 0)


def script(manifest: str, supervisor: str, host: Host, settings: BatchSettings) -> str:
    """Return the text; ``manifest`` names the session of each task, ``supervisor`` where the code is."""
    command = [python(host, settings), "-I", "-S", "-c", _MAIN, manifest, supervisor]
    return "\n".join(["#!/bin/sh", *settings.setup, f"exec {shlex.join(command)}", ""])


def installed(host: Host, directory: str) -> str:
    """Return where nodes find the supervisor; a host elsewhere is sent it once for each version."""
    if host.is_here:
        return str(_PACKAGE.parent)
    content = _archive()
    path = f"{directory}/supervisor-{hashlib.sha256(content).hexdigest()[:16]}.zip"
    if host.read(path) != content:
        host.write(path, content)
    return path


def _archive() -> bytes:
    """Return the package as an archive that Python imports from; the same bytes for the same code."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(_PACKAGE.glob("*.py")):
            entry = zipfile.ZipInfo(f"supervisor/{path.name}", _EPOCH)
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
