# SPDX-License-Identifier: Apache-2.0
"""Interactive sessions: the kind ``urn:eb-prefect:kind/executable/jupyter-server``.

JupyterLab runs with the Python of this broker, on the loopback interface, at
a free port and with a token of its own. It shows the session's working
directory, in which each volume has a link, ``/input`` that of ``input``. What
a person saves there is a product, as what is saved in a writable volume is.
Who has the token can do all that the session can, so it is nowhere but in
files of the session that nobody else can read.
"""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from eb_prefect.brokers.embedded import notebook
from eb_prefect.brokers.embedded.launch import Bind, Fetch, Launch, Place, Service
from eb_prefect.brokers.embedded.refusal import refusal
from eb_prefect.model.executable import JupyterNotebook, JupyterServer
from eb_prefect.model.parts import Message

CONNECTOR = "urn:jupyter-notebook"
"""The kind of the connector, as the first brokers had it."""

_RUNNER = Path(__file__).with_name("jupyter_runner.py")
_ROOM = "jupyter"
_DOOR = "door.json"
_NEEDED = ("jupyterlab", "ipykernel")


def refusals(server: JupyterServer) -> Iterator[Message]:
    """Yield every reason why the server can't run here; nothing is fetched to find out."""
    if server.location:
        yield from notebook.refusals(JupyterNotebook(location=server.location, checksum=server.checksum))
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        yield refusal(
            "missing-program",
            f"interactive sessions need {' and '.join(missing)}, which is not installed;"
            " install eb-prefect with its extra: eb-prefect[notebook]",
        )


def launch(server: JupyterServer, place: Place) -> Launch:
    """Return how to start the server; a notebook that is opened lies in its root under its own name."""
    root, room = f"{place.directory}/work", f"{place.directory}/{_ROOM}"
    opened = notebook.name_of(server.location) if server.location else ""
    links = (word for bind in _outer(place.binds) for word in (bind.target.strip("/"), bind.target))
    return Launch(
        argv=(notebook.python(place), "-P", str(_RUNNER), room, opened, *links),
        environment={
            **place.environment,
            **notebook.own_settings(room),
            "JUPYTER_DATA_DIR": f"{room}/data",
            **server.environment,
        },
        fetches=tuple(_opened(server, f"{root}/{opened}")),
        keep={root: ""},
        cleanup=(("rm", "-rf", f"{room}/{_DOOR}", f"{room}/runtime"),),
        serves=Service(CONNECTOR, "HTTP", f"{room}/{_DOOR}"),
    )


def way_in(directory: Path) -> str | None:
    """Return how to get into the server of the session in a directory, None if it does not answer yet."""
    try:
        door = json.loads((directory / _ROOM / _DOOR).read_bytes())
    except FileNotFoundError:
        return None
    return str(door["way_in"])


def _opened(server: JupyterServer, path: str) -> Iterator[Fetch]:
    if server.location:
        pinned = notebook.pinned(server.checksum)
        yield Fetch(location=server.location, path=path, checksum=pinned, is_writable=True)


def _outer(binds: tuple[Bind, ...]) -> Iterator[Bind]:
    """Yield the binds that are not inside another's directory."""
    for bind in binds:
        above = PurePosixPath(bind.target).parents
        if not any(PurePosixPath(other.target) in above for other in binds):
            yield bind
