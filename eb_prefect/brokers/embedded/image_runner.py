# SPDX-License-Identifier: Apache-2.0
"""Gets an image and unpacks it: a script that runs alone, on the machine where the container will.

It is given a JSON file that `bundle` writes. An image that was got once is
kept as it was packed, by its digest, for all sessions of a home.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

_IMAGE = "image"
_SAID = re.compile(r'msg="(.*)"$')


class Trouble(Exception):  # noqa: N818 - what it is
    """Why the image can't be had."""


class Asked:
    """Where the image may be had, its digest, and where it goes."""

    def __init__(self, path: str) -> None:
        given = json.loads(Path(path).read_text())
        self.references: list[str] = given["references"]
        self.digest: str = given["digest"]
        self.kept = Path(given["kept"])
        self.partial = Path(given["partial"])
        self.bundle = Path(given["bundle"])
        self.keeps_owners = os.geteuid() == 0 and Path(given["runtime"]).name != "ch-run"


def unpack(asked: Asked) -> None:
    """Leave the image unpacked, all of it this user's where nothing else can be."""
    if not asked.kept.is_dir():
        _get(asked)
    ours = [] if asked.keeps_owners else ["--rootless"]
    _run("umoci", "unpack", *ours, "--image", f"{asked.kept}:{_IMAGE}", str(asked.bundle))


def _get(asked: Asked) -> None:
    """Get the image from the first location that has it."""
    partial, troubles = asked.partial, []
    for reference in asked.references:
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        try:
            _verify(reference, asked.digest)
            _run(*_skopeo(), "copy", f"docker://{reference}", f"oci:{partial}:{_IMAGE}")
        except Trouble as trouble:
            troubles.append(str(trouble))
            continue
        try:
            partial.rename(asked.kept)
        except OSError:  # another session was faster
            shutil.rmtree(partial, ignore_errors=True)
        return
    raise Trouble("; ".join(troubles))


def _verify(reference: str, digest: str) -> None:
    found = (
        f"sha256:{hashlib.sha256(_run(*_skopeo(), 'inspect', '--raw', f'docker://{reference}')).hexdigest()}"
    )
    if found != digest:
        raise Trouble(f"{reference} has digest {found}, not {digest}")


def _skopeo() -> list[str]:
    # podman heeds this variable, and skopeo does not
    registries = os.environ.get("CONTAINERS_REGISTRIES_CONF")
    return ["skopeo", *(["--registries-conf", registries] if registries else [])]


def _run(*command: str) -> bytes:
    try:
        done = subprocess.run(
            command, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise Trouble(f"{command[0]} is not installed on {os.uname().nodename}") from error
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        said = _SAID.search(last)
        raise Trouble(
            said[1].replace('\\"', '"') if said else last or f"{command[0]} ended with {done.returncode}"
        )
    return done.stdout


def _environment() -> dict[str, str]:
    # skopeo stops at a directory for credentials that it may not look into, though it needs none
    home = "/run/containers"
    is_closed = os.path.isdir(home) and not os.access(home, os.X_OK)  # noqa: PTH112 - Path would raise
    return {**({"XDG_RUNTIME_DIR": "/nonexistent"} if is_closed else {}), **os.environ}


def main() -> int:
    """Unpack the image; what goes wrong is the last line of stderr."""
    try:
        unpack(Asked(sys.argv[1]))
    except (Trouble, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
