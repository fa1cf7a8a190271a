# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a step out of a file before agreeing to run it."""

import shlex
import sys
from collections.abc import Iterable, Iterator
from getpass import getuser
from typing import Any

import click

from eb_prefect.brokers.embedded.sources import is_local, path_of
from eb_prefect.choice.candidate import Place
from eb_prefect.model.compute import VolumeMount
from eb_prefect.model.executable import DockerContainer, Executable, JupyterServer, Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.wire.text import to_text
from provenance.exposure import addresses, exposure
from provenance.plain import exact
from provenance.products.found import Binding, Found
from provenance.rerun import Plan
from provenance.trust import Verdict
from provenance.witness import Trust

_FIRST = {
    Trust.TRUSTED: "{path} is {who}",
    Trust.UNKNOWN: "CAUTION: {path} is {who}",
    Trust.UNSIGNED: "CAUTION: {path} is unsigned: anyone may have written what it asks to run",
    Trust.BAD: "DANGER: {path} has a {who}",
}


def shown(found: Found, planned: Plan, verdict: Verdict, places: Iterable[Place]) -> Iterator[str]:
    """Yield all that a person needs to judge a plan, line by line; the whole request first.

    Nothing is left out, however long: what is not shown can't be agreed to.
    """
    yield exact(_FIRST[verdict.witness.trust].format(path=found.path, who=verdict.witness))
    if verdict.binding is not Binding.BOUND:
        yield f"{'DANGER' if verdict.is_tampered else 'CAUTION'}: {exact(found.path)} is {verdict.binding}"
        yield from (
            f"  {exact(one.name)}: {exact(one.reason)}" for one in (*found.faults, *found.parts) if one.reason
        )
    yield f"{exact(found.path)} asks to {planned.verb} this:"
    request = to_text(planned.request.neutral(), "yaml").rstrip()
    yield from (f"  {exact(line)}" for line in request.split("\n"))
    yield "in short:"
    yield from (f"  {label:<9} {exact(text)}" for label, text in _short(planned.request, places))
    yield from ([f"differs: {exact(text)}" for text in _differences(planned)] or ["differs: in nothing"])
    yield from (f"warning: {exact(text)}" for text in planned.warnings)


def agrees(*, yes: bool, as_json: bool) -> bool:
    """Whether a person agrees, by ``--yes`` or at the terminal."""
    if yes:
        return True
    if as_json or not sys.stdin.isatty():
        click.echo("add --yes to agree to the above", err=True)
        return False
    return click.confirm("Run it?", err=True)


def _short(request: ExecutionRequest, places: Iterable[Place]) -> Iterator[tuple[str, str]]:
    for place in places:
        yield "where", _where(place)
    yield from _executable(request)
    for name, address in addresses(request):
        yield "reads", f"{name} from {_origin(address)}"
    attached = request.compute.volumes if request.compute else ()
    for volume in attached:
        if isinstance(volume, VolumeMount):
            how = "writes" if volume.is_writable else "reads only"
            yield "mounts", f"{volume.path}, {how}: {', '.join(volume.resources)}"
    for strange in sorted(exposure(request).strange):
        yield "unknown", f"{strange}: what a broker does with it can't be told here"


def _where(place: Place) -> str:
    identity = place.broker.identity
    title = place.name or identity.name
    if identity.kind == "embedded":
        return f"{title}: on this machine"
    return f"{title}: by {identity.kind} at {identity.url or identity.name}"


def _executable(request: ExecutionRequest) -> Iterator[tuple[str, str]]:
    executable = request.executable
    said: dict[str, Any] = executable.neutral() if executable else {}
    yield "kind", str(said.get("kind", "none"))
    yield from _reach(executable)
    if "location" in said:
        yield "location", str(said["location"])
    for label in ("privileged", "entrypoint"):
        if label in said:
            yield label, str(said[label])
    if command := said.get("command"):
        yield "command", shlex.join(map(str, command))
    for name, value in {**said.get("environment", {}), **said.get("parameters", {})}.items():
        yield "with", f"{name}={value}"
    for port in said.get("network", {}).get("ports", ()):
        yield "port", ", ".join(f"{key} {value}" for key, value in port.items())
    if steering := sorted(exposure(request).steering):
        yield "caution", f"{', '.join(steering)} decides which program or library really runs"


def _reach(executable: Executable | None) -> Iterator[tuple[str, str]]:
    """Yield what an executable can get at by being of its kind."""
    match executable:
        case Program():
            yield "as", f"{_account()}, where it runs here: it can do all that you can"
        case JupyterServer():
            yield "as", f"{_account()}, where it runs here: whoever has its link can do all that you can"
            yield "kept", "it is interactive: it stays until its time is over or you release it"
        case DockerContainer(image=image):
            of = f"{' or '.join(image.locations)} {image.digest or '(any of that name)'}" if image else "none"
            yield "image", of
            yield "network", "that of the machine it runs on"
        case _:
            return


def _account() -> str:
    try:
        return getuser()
    except (KeyError, OSError):
        return "your account"


def _origin(address: str) -> str:
    if is_local(address):
        return f"{path_of(address)}, a FILE OF YOURS; what runs can send it elsewhere"
    return address


def _differences(planned: Plan) -> list[str]:
    """Return the differences, those of pins in a line each."""
    pins = [
        f"data[{data.name}] is pinned to the content that was recorded"
        for data in planned.request.data
        if data.checksum
    ]
    return [text for text in map(str, planned.differences) if ".checksum." not in text] + pins
