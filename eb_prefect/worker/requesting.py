# SPDX-License-Identifier: Apache-2.0
"""The request that runs one flow run."""

import os
import shlex
import sys
from collections.abc import Collection
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from eb_prefect.errors import Fault, InvalidRequestError
from eb_prefect.home import CHOICE
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.wire.faults import path_text
from eb_prefect.worker import secret
from eb_prefect.worker.configuration import ExecutionBrokerJobConfiguration as Configuration

# brokers that find this machine's files, on it or by sharing and copying them
_FIND_FILES = frozenset({"embedded", "slurm", "pbs", "lsf", "condor"})
_SECRETS = "/run/eb-prefect/environment"
_NOT_IN_A_CONTAINER = ("PREFECT_HOME", "PREFECT_PROFILES_PATH", "PREFECT_LOCAL_STORAGE_PATH")
_OURS = ("EB_HOME", CHOICE)
_BY_SHELL = ("/bin/sh", "-c", '. "$1" && shift && exec "$@"', "sh", _SECRETS)


def request_for(
    flow_run: UUID, wanted: Configuration, kinds: Collection[str]
) -> tuple[ExecutionRequest, list[str]]:
    """Return the request to brokers of some kinds, and which secrets are kept from them.

    Raises
    ------
    InvalidRequestError
        What a person said of data or duration means nothing.
    """
    plain, hidden = secret.divided(_environment(wanted))
    command, data, kept_back = _command(wanted), _data(wanted), []
    if hidden and _FIND_FILES.issuperset(kinds):
        file = secret.kept(flow_run, hidden, for_container=wanted.image is not None)
        command, data = [*_BY_SHELL, *command], [*data, ("environment", file.as_uri(), _SECRETS)]
    elif wanted.send_secrets:
        plain |= hidden
    else:
        kept_back = sorted(hidden)
    return _request(wanted, command, plain, data), kept_back


def _environment(wanted: Configuration) -> dict[str, str]:
    given = {name: text for name, text in wanted.env.items() if text is not None}
    if wanted.image is not None:
        return {name: text for name, text in given.items() if name not in _NOT_IN_A_CONTAINER}
    return {name: os.environ[name] for name in _OURS if name in os.environ} | given


def _command(wanted: Configuration) -> list[str]:
    own = wanted.command or "prefect flow-run execute"
    words = shlex.split(own)
    if wanted.image is None and own == "prefect flow-run execute":
        return [sys.executable, "-m", *words]  # a node's PATH may lead to another Prefect, or to none
    return words


def _data(wanted: Configuration) -> list[tuple[str, str, str]]:
    """Return name, location and path of each datum."""
    found = []
    for number, text in enumerate(wanted.volumes):
        location, _, path = text.rpartition(":")
        if not (location and path.startswith("/") and not path.startswith("//")):
            raise _unusable(
                f"volumes[{number}]", f"{text!r} is not LOCATION:PATH, such as /archive/m31:/data"
            )
        found.append((f"data-{number}", f"file://{location}" if location.startswith("/") else location, path))
    return found


def _request(
    wanted: Configuration, command: list[str], environment: dict[str, str], data: list[tuple[str, str, str]]
) -> ExecutionRequest:
    least = {"cores": wanted.cores, "memory": wanted.memory, "gpus": wanted.gpus}
    document: dict[str, Any] = {
        "name": wanted.name,
        "executable": _executable(wanted, command, environment),
        "compute": {
            **{name: {"min": amount} for name, amount in least.items() if amount},
            "volumes": [{"path": path, "mode": "READONLY", "resources": [name]} for name, _, path in data],
        },
        "data": [{"name": name, "location": location} for name, location, _ in data],
    }
    if wanted.duration:
        document["schedule"] = {"requested": {"duration": wanted.duration}}
    return _validated(document)


def _executable(wanted: Configuration, command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    if wanted.image is None:
        return {"kind": "executable/program", "command": command, "environment": environment}
    location, _, digest = wanted.image.partition("@")
    return {
        "kind": "executable/docker-container",
        "image": {"locations": [location], "digest": digest or None},
        "command": command,
        "environment": environment,
        "labels": {name: text for name, text in wanted.labels.items() if text},
    }


def _validated(document: dict[str, Any]) -> ExecutionRequest:
    try:
        return ExecutionRequest.model_validate(document)
    except ValidationError as wrong:
        faults = [Fault(path_text(error["loc"]), error["msg"]) for error in wrong.errors(include_input=False)]
        raise InvalidRequestError("what the work pool asks for", faults) from None


def _unusable(where: str, why: str) -> InvalidRequestError:
    return InvalidRequestError("what the work pool asks for", [Fault(where, why)])
