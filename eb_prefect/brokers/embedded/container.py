# SPDX-License-Identifier: Apache-2.0
"""Containers: the kind ``executable/docker-container``.

The image is pulled and run by its digest, so what ran is what was asked for.
The container is created while the session is PREPARING, started as the
program of the session, and has its name from the session, so that it is found
and removed however the session ends. It shares the network of this machine,
as a program does.

Memory is measured by looking at the container's processes while they run, so
it is absent for those that take less than a moment. Time is that of all
processes, about a tenth of a second of it the runtime's own. Containers of
docker belong to its daemon, and neither is known.
"""

import csv
import io
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from eb_prefect.brokers.embedded import bundle
from eb_prefect.brokers.embedded.image import contradictions, faults, kept, references
from eb_prefect.brokers.embedded.launch import Bind, Launch, Place
from eb_prefect.brokers.embedded.refusal import refusal
from eb_prefect.brokers.embedded.runtime import (
    CHOICE,
    OTHERS,
    NoRuntimeError,
    Runtime,
    usable_runtime,
)
from eb_prefect.brokers.embedded.supervisor.tree import MARK
from eb_prefect.model.executable import DockerContainer, Image, Port
from eb_prefect.model.parts import Message


def refusals(container: DockerContainer, given: Runtime | None = None) -> Iterator[Message]:
    """Yield every reason why the container can't run; nothing is pulled to find out.

    It will run by a ``given`` runtime, or by one that is found here.
    """
    image = container.image or Image()
    malformed = [*faults(image, is_here=given is None)]
    yield from malformed
    yield from _wishes_too_far(container)
    try:
        runtime = given or usable_runtime()
    except NoRuntimeError as error:
        text = f"no container runtime can be used: {error}; install podman, or name one in {CHOICE}"
        yield refusal("no-runtime", text)
        return
    if not malformed and runtime.keeps_images:
        yield from contradictions(image, runtime)


def _wishes_too_far(container: DockerContainer) -> Iterator[Message]:
    if container.privileged:
        yield refusal(
            "not-supported", "executable.privileged is true; this broker runs no privileged containers"
        )
    for port in container.network.ports if container.network else ():
        if not _is_open_already(port):
            yield refusal(
                "not-supported",
                "executable.network.ports maps a port; a container here has the network of the machine,"
                " so leave out external, or give it the internal port's number",
            )


def _is_open_already(port: Port) -> bool:
    inside = port.internal and port.internal.port
    outside = port.external and port.external.port
    return bool(inside) and outside in (None, inside)


def launch(container: DockerContainer, place: Place) -> Launch:
    """Return how to pull, create, start and remove the container."""
    image = container.image or Image()
    runtime = place.runtime or usable_runtime()
    if runtime.name == "apptainer":
        return _apptainer(runtime, container, place, references(image))
    if runtime.name in OTHERS:
        return _bundle(runtime, container, place, references(image))
    here = kept(image, runtime) if runtime.keeps_images else None
    return _engine(runtime, container, place, (here,) if here else references(image))


def _bundle(runtime: Runtime, container: DockerContainer, place: Place, images: tuple[str, ...]) -> Launch:
    made = bundle.launch(runtime, container, place, images)
    if runtime.name == "ch-run":
        return made
    return replace(made, prepare=(*_opened(place.binds), *made.prepare), failures=_failures(place.memory))


def _engine(runtime: Runtime, container: DockerContainer, place: Place, images: Sequence[str]) -> Launch:
    name = f"eb-{place.session}"
    create = (runtime.path, "create", "--name", name, *_create_options(runtime, container, place))
    attempts = tuple((*create, image, *container.command) for image in images)
    remove = (runtime.path, "rm", "--force", *(("--ignore",) if runtime.name == "podman" else ()), name)
    return Launch(
        argv=(runtime.path, "start", "--attach", name),
        environment=runtime.environment(place.environment),
        uses_mounts=False,
        counts="inside" if runtime.name == "podman" else "none",
        # an earlier supervisor may have been lost after it had created the container
        prepare=(*_opened(place.binds), remove, _first_of(attempts)),
        failures=_failures(place.memory),
        cleanup=(remove, *_taken_back(runtime, place.binds)),
    )


def _create_options(runtime: Runtime, container: DockerContainer, place: Place) -> Iterator[str]:
    yield from ("--network", "host", "--label", f"eb-prefect.session={place.session}")
    # a second copy of the streams is of no use, and without labels the files need no relabelling
    yield from ("--log-driver", "none", "--security-opt", "label=disable")
    if runtime.is_here:
        yield from ("--cpus", str(place.cores))
    if runtime.is_here and place.memory:  # 0 where a batch system says how much there is, and nobody asked
        yield from ("--memory", f"{place.memory}g", "--memory-swap", f"{place.memory}g")
    if runtime.name == "podman":
        # not docker: its client loses the exit code of a container that a podman service removes
        yield "--rm"
    for bind in place.binds:
        yield from ("--mount", _mount(bind))
    # by its mark a process is known to be the session's, also when nobody is left who started it
    for key, value in {**container.environment, MARK: place.session}.items():
        yield from ("--env", f"{key}={value}")
    for key, value in container.labels.items():
        yield from ("--label", f"{key}={value}")
    if container.entrypoint:
        yield from ("--entrypoint", container.entrypoint)


def _mount(bind: Bind) -> str:
    fields = ["type=bind", f"source={bind.source}", f"destination={bind.target}"]
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([*fields, "ro"] if bind.read_only else fields)
    return text.getvalue()


def _opened(binds: Sequence[Bind]) -> Iterator[tuple[str, ...]]:
    """Yield what lets a container that runs as another user write where it may."""
    if writable := _writable(binds):
        yield _by_shell(("chmod", "-R", "a+rwX", *writable))


def _taken_back(runtime: Runtime, binds: Sequence[Bind]) -> Iterator[tuple[str, ...]]:
    """Yield what makes files of other users of a container this user's, where that is not root."""
    writable = _writable(binds)
    if writable and runtime.name == "podman":
        take_back = (runtime.path, "unshare", "chown", "-R", "0:0", *writable)
        yield ("/bin/sh", "-c", 'test "$(id -u)" = 0 || exec "$@"', "sh", *take_back)


def _writable(binds: Sequence[Bind]) -> tuple[str, ...]:
    return tuple(bind.source for bind in binds if not bind.read_only)


def _first_of(attempts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return one command that tries the others in order until one succeeds."""
    return attempts[0] if len(attempts) == 1 else _by_shell(*attempts)


def _by_shell(*alternatives: tuple[str, ...]) -> tuple[str, ...]:
    return ("/bin/sh", "-c", " || ".join(map(shlex.join, alternatives)))


def _failures(memory: int) -> dict[int, str]:
    return {
        125: "the container runtime could not start the container",
        126: "the container's command can't be executed",
        127: "the container's command was not found in the image",
        137: f"the container was killed; most likely it needed more {_than(memory)}",
    }


def _than(memory: int) -> str:
    return f"than its {memory} GiB of memory" if memory else "memory than there was"


def _apptainer(runtime: Runtime, container: DockerContainer, place: Place, images: Sequence[str]) -> Launch:
    """Return the same with apptainer, written from its documentation.

    Its containers are ordinary processes of this user, so the supervisor
    holds their limits as it does for programs; ports and labels are nothing to it.
    """
    file = f"{place.directory}/image.sif"
    pulls = tuple((runtime.path, "pull", "--force", file, f"docker://{image}") for image in images)
    mounts = [word for bind in place.binds for word in ("--mount", _mount(bind))]
    verb, program = ("exec", (container.entrypoint,)) if container.entrypoint else ("run", ())
    return Launch(
        argv=(runtime.path, verb, "--compat", *mounts, file, *program, *container.command),
        environment={
            **runtime.environment(place.environment),
            **{f"APPTAINERENV_{key}": value for key, value in container.environment.items()},
        },
        uses_mounts=False,
        counts="inside",
        prepare=(_first_of(pulls),),
        cleanup=(_by_shell(("rm", "-f", file)),),
    )
