# SPDX-License-Identifier: Apache-2.0
"""From an offer to what its session's supervisor does on a node."""

import json
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import quote

from eb_prefect.brokers.batch import terms
from eb_prefect.brokers.batch.nodes import There
from eb_prefect.brokers.batch.terms import Terms
from eb_prefect.brokers.embedded.amounts import Amounts
from eb_prefect.brokers.embedded.machine import Machine
from eb_prefect.brokers.embedded.planning import planned
from eb_prefect.brokers.embedded.pool import Pool
from eb_prefect.brokers.embedded.sources import address, is_local, path_of
from eb_prefect.brokers.embedded.supervisor.plan import plan_text
from eb_prefect.model.data import Data, SimpleData
from eb_prefect.model.executable import JupyterNotebook
from eb_prefect.model.request import ExecutionRequest

_TERMS = "terms"
_SENT = "sent"


class Sent(NamedTuple):
    """A file or directory of this machine, and the path on the host that it goes to."""

    source: str
    path: str


def plan(request: ExecutionRequest, given: Terms, there: There, sent: list[Sent]) -> str:
    """Return the text of a plan, which also keeps the terms and what is to be sent."""
    nothing = Pool(Path(there.directory), Machine(tuple(range(given.cores)), given.memory))
    amounts = Amounts(given.cores, given.memory)
    whole = planned(
        Path(there.directory),
        request,
        amounts,
        nothing,
        may_mount=True,
        around=there.around,
        python=there.python,
        runtime=there.runtime,
    )
    own = {
        "has_asked_memory": False,  # the batch system holds its memory
        "duration": terms.duration_seconds(request),
        "start": 0,
        "until": 0,
        "inherits": there.inherits,
        _TERMS: list(given),
        _SENT: [list(each) for each in sent],
    }
    return plan_text({**whole, **own})


def terms_of(text: str) -> Terms:
    """Return the terms that a plan keeps."""
    return Terms(*json.loads(text)[_TERMS])


def sent_of(text: str) -> list[Sent]:
    """Return what is to be sent before the session is submitted."""
    return [Sent(*each) for each in json.loads(text)[_SENT]]


def moved(request: ExecutionRequest, directory: str) -> tuple[ExecutionRequest, list[Sent]]:
    """Return the request with each file of this machine where it will be on the host.

    An address that is no file of this machine is one of the host's.
    """
    sent: list[Sent] = []
    data = tuple(_moved(each, f"{directory}/sent/{n}", sent) for n, each in enumerate(request.data))
    executable = request.executable
    if isinstance(executable, JupyterNotebook) and _is_ours(executable.location):
        path = _send(executable.location or "", f"{directory}/sent/notebook", sent)
        executable = executable.model_copy(update={"location": path})
    return request.model_copy(update={"data": data, "executable": executable}), sent


def _moved(data: Data, room: str, sent: list[Sent]) -> Data:
    if not (isinstance(data, SimpleData) and _is_ours(address(data))):
        return data
    return data.model_copy(update={"location": _send(data.location or "", room, sent)})


def _is_ours(location: str | None) -> bool:
    return bool(location) and is_local(location or "") and Path(path_of(location or "")).exists()


def _send(location: str, room: str, sent: list[Sent]) -> str:
    source = path_of(location)
    target = f"{room}/{PurePosixPath(source).name}"
    sent.append(Sent(source, target))
    return f"file://{quote(target)}"
