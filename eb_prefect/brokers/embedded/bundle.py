# SPDX-License-Identifier: Apache-2.0
"""Containers without an engine: an image unpacked for its session, and run by charliecloud, runc or crun.

`image_runner` gets the image with skopeo and unpacks it with umoci, and
`bundle_runner` makes it ready, on the machine where the container runs, while
the session is PREPARING. All that runs is a process of this user's, under the
same limits as a program; inside it is the user that the image names, but for
runc and crun where this user is not root: there it is root inside. The root
directory of the container can be written, and goes with the session.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from eb_prefect.brokers.embedded.launch import Bind, Launch, Place
from eb_prefect.brokers.embedded.runtime import Runtime
from eb_prefect.brokers.embedded.supervisor.tree import MARK
from eb_prefect.model.executable import DockerContainer

_RUNNERS = tuple(Path(__file__).with_name(f"{name}_runner.py") for name in ("image", "bundle"))


def launch(runtime: Runtime, container: DockerContainer, place: Place, references: tuple[str, ...]) -> Launch:
    """Return how to make the bundle, to start it and to remove it."""
    room = _Room(place.directory)
    runners = {_runner(runtime, place, path): path.read_text() for path in _RUNNERS}
    files = {room.description: _description(runtime, container, place, references)}
    remove = _removed(room.bundle, room.partial(place, _digest(container)))
    common = Launch(
        argv=("/bin/sh", f"{room.bundle}/start.sh"),
        environment=runtime.environment(place.environment),
        files=files if runtime.is_here else {**files, **runners},
        prepare=(remove, *((runtime.python, runner, room.description) for runner in runners)),
        cleanup=(remove,),
    )
    if runtime.name == "ch-run":
        # charliecloud mounts nothing read-only, so the volumes are mounted in the image before it starts
        inside = tuple(
            Bind(each.source, f"{room.bundle}/rootfs{each.target}", each.read_only) for each in place.binds
        )
        return replace(common, binds=inside)
    tool = (runtime.path, "--root", f"{place.directory}/runtime")
    run = (*tool, "run", "--bundle", room.bundle, "--pid-file", room.pid_file, place.session)
    return replace(
        common,
        argv=("/bin/sh", "-c", _TELLING_APART, room.pid_file, *run),
        uses_mounts=False,
        counts="inside",
        cleanup=((*tool, "delete", "--force", place.session), *common.cleanup),
    )


# what the tool could not start has no process; its own exit code would be taken for the program's
_TELLING_APART = 'trap : TERM INT HUP; "$@"; code=$?; test -s "$0" || code=125; exit $code'


def _runner(runtime: Runtime, place: Place, path: Path) -> str:
    """Return where a script is, on the machine that it runs on."""
    return str(path) if runtime.is_here else f"{place.directory}/{path.name}"


@dataclass(frozen=True)
class _Room:
    """Where what belongs to a container is, below the directory of its session."""

    directory: str

    @property
    def description(self) -> str:
        return f"{self.directory}/container.json"

    @property
    def bundle(self) -> str:
        return f"{self.directory}/bundle"

    @property
    def pid_file(self) -> str:
        return f"{self.bundle}/pid"

    @property
    def images(self) -> str:
        return f"{PurePosixPath(self.directory).parents[1]}/images"

    def kept(self, digest: str) -> str:
        """Return where the image is kept for all sessions."""
        return f"{self.images}/{digest.replace(':', '-')}"

    def partial(self, place: Place, digest: str) -> str:
        """Return where it is while it is being got."""
        return f"{self.images}/.{digest.replace(':', '-')}.{place.session}"


def _description(
    runtime: Runtime, container: DockerContainer, place: Place, references: tuple[str, ...]
) -> str:
    room, digest = _Room(place.directory), _digest(container)
    return json.dumps(
        {
            "references": references,
            "digest": digest,
            "kept": room.kept(digest),
            "partial": room.partial(place, digest),
            "bundle": room.bundle,
            "runtime": runtime.path,
            "entrypoint": [container.entrypoint] if container.entrypoint else [],
            "command": container.command,
            "environment": {**container.environment, MARK: place.session},
            "binds": [(each.source, each.target, "ro" if each.read_only else "rw") for each in place.binds],
        }
    )


def _digest(container: DockerContainer) -> str:
    return str(container.image.digest if container.image else "")


def _removed(*paths: str) -> tuple[str, ...]:
    """Return what removes directories, also those that an image made unwritable."""
    return ("/bin/sh", "-c", 'chmod -R u+rwX "$@" 2>/dev/null; rm -rf "$@"', "sh", *paths)
