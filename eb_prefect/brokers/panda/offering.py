# SPDX-License-Identifier: Apache-2.0
"""From a request to an offer, or to the reasons for NO: PanDA makes no offers itself."""

import shlex
from collections.abc import Iterator
from datetime import datetime

from eb_prefect.brokers.embedded.amounts import requested
from eb_prefect.brokers.embedded.offered import offered
from eb_prefect.brokers.embedded.refusal import refusal, warning
from eb_prefect.brokers.panda.plan import did, least, most, words
from eb_prefect.check import faults
from eb_prefect.model.compute import OtherCompute, SimpleCompute
from eb_prefect.model.executable import DockerContainer, Executable, Program
from eb_prefect.model.moment import instant_text
from eb_prefect.model.parts import Message, Range
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.model.storage import OtherStorage


def refusals(request: ExecutionRequest, *, takes_datasets: bool) -> tuple[Message, ...]:
    """Return every reason why PanDA can't run the request, none if it can."""
    return tuple(_refusals(request, takes_datasets=takes_datasets))


def _refusals(request: ExecutionRequest, *, takes_datasets: bool) -> Iterator[Message]:
    wrong = faults(request)
    for fault in wrong:
        yield refusal("invalid-request", str(fault), path=fault.path)
    if request.executable and not any(fault.path.startswith("executable") for fault in wrong):
        yield from _executable(request.executable)
    yield from _time(request)
    yield from _compute(request)
    for storage in request.storage:
        if isinstance(storage, OtherStorage):
            text = f"storage {storage.name!r} is of kind {storage.kind!r}; PanDA has room of a size only"
            yield refusal("unknown-kind", text, asked=storage.kind)
    yield from _data(request, takes_datasets=takes_datasets)


def _executable(executable: Executable) -> Iterator[Message]:
    if not isinstance(executable, Program | DockerContainer):
        yield refusal(
            "unknown-kind",
            f"executable of kind {executable.kind!r} was asked for;"
            " through PanDA run executable/program and docker-container",
            asked=executable.kind,
        )
        return
    if isinstance(executable, DockerContainer):
        yield from _container(executable)
    if not _is_readable(executable) or not words(executable):
        yield refusal(
            "no-command",
            "PanDA starts no entry point of an image by itself: say in executable.command what to run",
        )


def _is_readable(executable: Program | DockerContainer) -> bool:
    try:
        words(executable)
    except ValueError:
        return False
    return True


def _container(executable: DockerContainer) -> Iterator[Message]:
    if executable.privileged:
        yield refusal("privileged", "a privileged container was asked for; PanDA has none")
    if executable.network and executable.network.ports:
        yield refusal("ports", "ports were asked for; nothing reaches a job of PanDA from outside")


def _time(request: ExecutionRequest) -> Iterator[Message]:
    start = requested(request).start
    if start is not None:
        text = (
            f"a start from {instant_text(start.start)} to {instant_text(start.end)} was asked for; PanDA is"
        )
        text += " a batch platform and promises no time: leave schedule.requested.start out"
        yield refusal("no-schedule", text, asked=instant_text(start.start))


def _compute(request: ExecutionRequest) -> Iterator[Message]:
    compute = request.compute
    if isinstance(compute, OtherCompute):
        text = f"compute is of kind {compute.kind!r}; PanDA has compute/simple-compute-resource"
        yield refusal("unknown-kind", text, asked=compute.kind)
    for volume in compute.volumes if compute else ():
        where = getattr(volume, "path", None) or volume.name
        text = f"a volume at {where} was asked for; PanDA mounts none: a job finds the files of its datasets"
        text += " in its working directory, and leaves there what it makes"
        yield refusal("no-volumes", text, asked=where)


def _data(request: ExecutionRequest, *, takes_datasets: bool) -> Iterator[Message]:
    for data in request.data:
        named = did(data)
        terms = getattr(data, "rucio", None) or getattr(data, "skao", None)
        kind = getattr(terms, "type", None) or getattr(terms, "objecttype", None)
        if named is None:
            text = f"data {data.name!r} is no dataset of Rucio; PanDA brings no others to a job"
            yield refusal("no-dataset", text, asked=data.kind)
        elif str(kind or "").lower() == "file":
            text = f"data {data.name!r} is the file {named}; PanDA takes datasets and containers of Rucio"
            yield refusal("no-dataset", text, asked=named)
        elif not takes_datasets:
            text = f"data {data.name!r} is a dataset; a single job has no input: submit tasks instead of jobs"
            yield refusal("no-dataset", text, asked=named)


def offer(request: ExecutionRequest, session: str, now: datetime, expires: datetime) -> Session:
    """Return the one offer, which promises no time."""
    compute = request.compute if isinstance(request.compute, SimpleCompute) else SimpleCompute()
    cores, memory = most(compute.cores, 1), least(compute.memory)
    given = {
        "cores": Range(min=cores, max=cores),
        "memory": Range(min=memory, max=memory) if memory else None,
    }
    return offered(request, 0, given, (now, expires), uuid=session, messages=tuple(_warnings(request)))


def _warnings(request: ExecutionRequest) -> Iterator[Message]:
    if isinstance(request.executable, Program):
        given = shlex.quote(words(request.executable)[0])
        yield warning(
            "unchecked-program",
            f"nobody knows whether the node that PanDA chooses has {given}; a container image would bring it",
        )
    for data in request.data:
        if data.checksum is not None:
            yield warning(
                "unchecked-data", f"the checksum of {data.name!r} is not checked: PanDA brings the data"
            )
    for volume in request.volumes:
        yield warning("unattached-volume", f"volume {volume.name!r} is not attached to the compute resource")
