# SPDX-License-Identifier: Apache-2.0
"""What is allowed in a request, and yet likely to be a mistake."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from eb_prefect.errors import Fault
from eb_prefect.model.executable import DockerContainer, JupyterNotebook, JupyterServer, Program
from eb_prefect.model.kind import KNOWN, PLACEHOLDERS
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.unknown import unknown_fields
from eb_prefect.model.value import Value
from eb_prefect.wire.faults import path_text

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SECRET = re.compile(
    r"passw|passphrase|secret|token|credential|(api|access|private)_?key|(^|_)(pwd|auth)(_|$)", re.IGNORECASE
)


def doubts(request: ExecutionRequest) -> Iterator[Fault]:
    """Yield what a person should look at again."""
    yield from unknown_field_doubts(request)
    yield from _kinds(request)
    yield from _image(request)
    yield from _endless(request)
    yield from _secrets(request)
    for n, volume in enumerate(request.volumes):
        yield Fault(f"volumes[{n}]", f"{volume.name!r} is attached to nothing; name it in compute.volumes")


def unknown_field_doubts(value: Value) -> Iterator[Fault]:
    """Yield the fields that no dialect has; brokers ignore them or refuse the document."""
    for steps, holder in unknown_fields(value):
        near = get_close_matches(str(steps[-1]), type(holder).model_fields, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        yield Fault(path_text(steps), f"is a field that no dialect has{hint}")


def _kinds(request: ExecutionRequest) -> Iterator[Fault]:
    for path, component in _components(request):
        if component.kind is not None and component.kind not in KNOWN | PLACEHOLDERS:
            yield Fault(f"{path}.kind", f"is {component.kind}, a kind that no broker is known to have")


def _components(request: ExecutionRequest) -> Iterator[tuple[str, Any]]:
    if request.executable is not None:
        yield "executable", request.executable
    if request.compute is not None:
        yield "compute", request.compute
        yield from ((f"compute.volumes[{n}]", volume) for n, volume in enumerate(request.compute.volumes))
    yield from ((f"storage[{n}]", storage) for n, storage in enumerate(request.storage))
    yield from ((f"data[{n}]", data) for n, data in enumerate(request.data))


def _image(request: ExecutionRequest) -> Iterator[Fault]:
    if not isinstance(request.executable, DockerContainer) or not request.executable.image:
        return
    digest = request.executable.image.digest
    if digest and not _DIGEST.fullmatch(digest):
        reason = f"is {digest!r}; only a mock broker takes a digest other than sha256: and 64 hex digits"
        yield Fault("executable.image.digest", reason)


def _endless(request: ExecutionRequest) -> Iterator[Fault]:
    asked = request.schedule.requested if request.schedule else None
    if isinstance(request.executable, JupyterServer) and (asked is None or asked.duration is None):
        reason = "is missing; an interactive session without it is kept until somebody releases it"
        yield Fault("schedule.requested.duration", reason)


def _secrets(request: ExecutionRequest) -> Iterator[Fault]:
    why = "brokers show sessions to everybody, so give it in another way"
    for steps, name in _settings(request):
        if _SECRET.search(name):
            yield Fault(path_text(steps), f"looks like a secret; {why}")
    for n, data in enumerate(request.data):
        if _has_password(str(getattr(data, "location", None) or "")):
            yield Fault(f"data[{n}].location", f"has a password in it; {why}")


def _settings(request: ExecutionRequest) -> Iterator[tuple[tuple[str, ...], str]]:
    match request.executable:
        case DockerContainer() | Program() | JupyterServer():
            yield from (
                (("executable", "environment", name), name) for name in request.executable.environment
            )
        case JupyterNotebook():
            yield from ((("executable", "parameters", name), name) for name in request.executable.parameters)
        case _:
            return


def _has_password(location: str) -> bool:
    return re.match(r"[A-Za-z][\w+.-]*://[^/@]*:[^/@]*@", location) is not None
