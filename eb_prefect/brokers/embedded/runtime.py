# SPDX-License-Identifier: Apache-2.0
"""The container runtime: of this machine, or of the machines where a batch system runs things."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = ("podman", "docker", "apptainer")
"""In the order of preference: podman needs no daemon, and its containers are this user's processes."""

OTHERS = ("ch-run", "runc", "crun")
"""Those that are used only where they are named; the first is charliecloud's."""

CHOICE = "EB_CONTAINER_RUNTIME"
"""The environment variable that names the only runtime to use, by name or absolute path."""

_PROBES = {
    "podman": ("info", "--format", "{{.Store.GraphRoot}}"),
    "docker": ("version", "--format", "{{.Server.Version}}"),
    "apptainer": ("version",),
    **dict.fromkeys(OTHERS, ("--version",)),
}
_GETS_IMAGES = ("skopeo", "umoci")
_SYNONYMS = {"charliecloud": "ch-run", "singularity": "apptainer"}
_PATIENCE = 20.0
_PASSED_ON = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TMPDIR",
    "REGISTRY_AUTH_FILE",
    "DBUS_SESSION_BUS_ADDRESS",
)
_FAMILIES = ("LC_", "XDG_", "CONTAINERS_", "STORAGE_", "DOCKER_", "APPTAINER_")


class NoRuntimeError(Exception):
    """No container runtime can be used; the text says what was tried and what each said."""


@dataclass(frozen=True)
class Runtime:
    """A container runtime, at ``path``.

    One that ``is_here`` answered on this machine. Another is on machines that
    this one knows nothing of: there ``path`` may be a name to look for, and
    ``python`` is the Python that makes ready what the runtime does not.
    """

    name: str
    path: str
    is_here: bool = True
    python: str = sys.executable

    @property
    def keeps_images(self) -> bool:
        """Whether images of it are on this machine by their digests, to be looked up before one is pulled."""
        return self.is_here and self.name in ("podman", "docker")

    def environment(self, place: Mapping[str, str]) -> dict[str, str]:
        """Return what it is to know of this process's environment.

        Nothing, where the ``place`` of a session is empty: its machine makes its own then.
        """
        return runtime_environment() if self.is_here or place else {}

    def image(self, reference: str) -> "LocalImage | None":
        """Return the image of that name as it is kept here, if it is; nothing is pulled."""
        answer = _ask(self.path, "image", "inspect", reference)
        return LocalImage.of(json.loads(answer.stdout)[0]) if answer.returncode == 0 else None


@dataclass(frozen=True)
class LocalImage:
    """What is known of an image that is kept here; all digests begin with ``sha256:``."""

    id: str
    digests: tuple[str, ...]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "LocalImage":
        """Return what podman or docker tell of an image."""
        named = (name.rpartition("@")[2] for name in told.get("RepoDigests") or ())
        return cls(
            id="sha256:" + told["Id"].removeprefix("sha256:"),
            digests=tuple(dict.fromkeys(named)),
        )


def given_runtime(text: str, python: str = "python3") -> Runtime:
    """Return a runtime of other machines, by its name or its path there, with the Python that is there.

    Raises
    ------
    NoRuntimeError
        It is none that is known.
    """
    name = _name(text)
    if name not in _PROBES:
        raise NoRuntimeError(_unknown(text))
    return Runtime(name, text if "/" in text else name, is_here=False, python=python)


def usable_runtime() -> Runtime:
    """Return the first runtime that is installed and answers, or the one that the environment names.

    Raises
    ------
    NoRuntimeError
        There is none.
    """
    troubles = []
    for name in (os.environ[CHOICE],) if os.environ.get(CHOICE) else NAMES:
        found = _probed(name)
        if isinstance(found, Runtime):
            return found
        troubles.append(found)
    raise NoRuntimeError("; ".join(troubles))


def _probed(given: str) -> Runtime | str:
    name = _name(given)
    if name not in _PROBES:
        return _unknown(given)
    path = shutil.which(given if "/" in given else name)
    if path is None:
        return f"{given} is not installed"
    if missing := [each for each in _GETS_IMAGES if name in OTHERS and shutil.which(each) is None]:
        return f"{given} needs {' and '.join(missing)}, which this machine has not"
    if name == "docker" and (host := _remote_daemon()):
        return f"docker works on {host}, which does not see this machine's files"
    answer = _ask(path, *_PROBES[name])
    if answer.returncode:
        return f"{given} can't be used ({_last_line(answer.stderr)})"
    return Runtime(name=name, path=path)


def _name(given: str) -> str:
    name = Path(given).name
    return _SYNONYMS.get(name, name)


def _unknown(given: str) -> str:
    return f"{given} is none of {', '.join((*NAMES, *OTHERS))}"


def _remote_daemon() -> str | None:
    host = os.environ.get("DOCKER_HOST", "")
    return None if not host or host.startswith("unix:") else host


def _ask(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            env=runtime_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer in {_PATIENCE:g} s")


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2] or "it says nothing"


def runtime_environment() -> dict[str, str]:
    """Return what a runtime is to know of this process's environment.

    An address of a remote podman is left out: a remote one can't see the volumes.
    Charliecloud wants a name of the user, any will do.
    """
    return {"USER": str(os.getuid()), **dict(_passed_on())}


def _passed_on() -> Iterator[tuple[str, str]]:
    for name, value in os.environ.items():
        if name in _PASSED_ON or name.startswith(_FAMILIES) or name.lower().endswith("_proxy"):
            yield name, value
