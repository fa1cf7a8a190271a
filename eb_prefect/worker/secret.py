# SPDX-License-Identifier: Apache-2.0
"""What of a flow run's environment only its session may see, in a file of this user's alone.

A request and what comes of it are read by many: it is in sessions, logs and
records. So it names the file, which the broker puts at a path of the session.
"""

import os
import re
import secrets
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from eb_prefect.home import home

_NAMES = re.compile(r"KEY|TOKEN|SECRET|PASSW|AUTH|CREDENTIAL|CONNECTION_URL|HEADERS|COOKIE", re.IGNORECASE)
_IN_AN_ADDRESS = re.compile(r"://[^/\s]*:[^/\s]*@")


def divided(environment: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return what anybody may see, and what nobody may."""
    hidden = {name: text for name, text in environment.items() if _is_secret(name, text)}
    return {name: text for name, text in environment.items() if name not in hidden}, hidden


def _is_secret(name: str, text: str) -> bool:
    return bool(name.isidentifier() and (_NAMES.search(name) or _IN_AN_ADDRESS.search(text)))


def kept(flow_run: UUID, hidden: Mapping[str, str], *, for_container: bool) -> Path:
    """Write a file that a shell reads, and return where it is.

    Its directory is this user's alone; a container may run as another user,
    who has to read the file itself.
    """
    directory = _directory(flow_run)
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    # sessions tell the digest of the file, which no guess at a short secret must meet
    lines = [f"# {secrets.token_hex(16)}", *(f"export {name}={shlex.quote(hidden[name])}" for name in hidden)]
    path = directory / "environment"
    if path.exists():  # of a worker before this one; its session may be reading it
        return path
    unfinished = directory / secrets.token_hex(8)
    fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write("\n".join(lines) + "\n")
        os.fchmod(file.fileno(), 0o644 if for_container else 0o600)
    unfinished.rename(path)
    return path


def forget(flow_run: UUID) -> None:
    """Remove the file of a flow run that has ended."""
    shutil.rmtree(_directory(flow_run), ignore_errors=True)


def _directory(flow_run: UUID) -> Path:
    return home() / "worker" / str(flow_run)
